/**
 * Keeps the checkpoint on disk: written whole beside the old one, synced, and put in its place, so that whatever
 * happens there is one that is whole.
 */
import { mkdirSync, openSync, closeSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Log } from '../../src/ports.ts';
import { formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';

/** Between two writes. A crash takes back as much; what is read twice then, clients know by its ids. */
const WRITE_EVERY_MS = 200;
/** A full disk is reported this often. */
const COMPLAIN_EVERY_MS = 60_000;

/**
 * Whether a checkpoint can be kept at this path. Makes the directory where there is none in its parent.
 *
 * @returns null when it can, else the system's reason (`EACCES`, `EROFS`, `ENOTDIR`, …)
 */
export function checkpointPathFault(path: string): string | null {
  const probe = temporary(path);
  try {
    makeDirectory(dirname(path));
    closeSync(openSync(probe, 'a', 0o640));
    rmSync(probe);
    return null;
  } catch (error) {
    return codeOf(error);
  }
}

export class CheckpointFile {
  readonly #path: string;
  readonly #log: Log;
  readonly #now: Clock;
  #latest: (() => Checkpoint) | null = null;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  #writtenAtMs = -Infinity;
  #complainedAtMs = -Infinity;
  #isStopped = false;

  constructor(path: string, deps: { readonly log: Log; readonly now: Clock }) {
    this.#path = path;
    this.#log = deps.log;
    this.#now = deps.now;
  }

  /**
   * What was kept; null where nothing was. A file that cannot be read, or is of another database, is moved aside, never
   * deleted: it may be the only trace of what went wrong.
   */
  load(database: string): Checkpoint | null {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      this.#setAside(`it cannot be read (${codeOf(error)})`);
      return null;
    }
    const parsed = parseCheckpoint(text);
    if (!parsed.ok) {
      this.#setAside(parsed.why);
      return null;
    }
    if (parsed.checkpoint.database === database) return parsed.checkpoint;
    this.#setAside(`it is of the database ${parsed.checkpoint.database}`);
    return null;
  }

  /** Writes this one soon, unless a newer one comes before that. `make` is called when it is written. */
  remember(make: () => Checkpoint): void {
    this.#latest = make;
    if (this.#timer !== null || this.#isStopped) return;
    const waitMs = Math.min(WRITE_EVERY_MS, this.#writtenAtMs + WRITE_EVERY_MS - this.#now());
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.#writing = this.#writing.then(() => this.#write());
      },
      Math.max(0, waitMs),
    );
  }

  /** Writes what is remembered and nothing after it. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#writing;
    await this.#write();
  }

  async #write(): Promise<void> {
    const latest = this.#latest;
    if (latest === null) return;
    this.#latest = null;
    this.#writtenAtMs = this.#now();
    try {
      await replaceFile(this.#path, formatCheckpoint(latest()));
    } catch (error) {
      this.#latest ??= latest;
      this.#complain(codeOf(error));
    }
  }

  #complain(reason: string): void {
    if (this.#now() - this.#complainedAtMs < COMPLAIN_EVERY_MS) return;
    this.#complainedAtMs = this.#now();
    const text = `the checkpoint cannot be written (${reason}): a restart would begin further back`;
    this.#log.error({ reason, file: this.#path, text }, 'checkpoint unwritable');
  }

  #setAside(why: string): void {
    const aside = `${this.#path}.unread-${new Date(this.#now()).toISOString().replaceAll(':', '')}`;
    let where = `moved to ${aside}`;
    try {
      renameSync(this.#path, aside);
    } catch (error) {
      where = `it could not be moved aside (${codeOf(error)})`;
    }
    const text = `the checkpoint is not used: ${why}; ${where}`;
    this.#log.error({ file: this.#path, text }, 'checkpoint unusable');
  }
}

/** The last part of the path only: Node's recursive form never returns on file systems such as /proc. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o750 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/** Synced before it takes the place of the old one, and the directory after: else a power cut could leave neither. */
async function replaceFile(path: string, text: string): Promise<void> {
  const written = temporary(path);
  const file = await open(written, 'w', 0o640);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(written, path);
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** One writer a path: two instances must not share a state directory. */
function temporary(path: string): string {
  return `${path}.tmp`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
}
