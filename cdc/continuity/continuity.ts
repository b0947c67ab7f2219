/**
 * What outlives the process: the checkpoint, and through it the history. Decides at a start whether the source goes on
 * from where we were, and from where it is to be read again.
 */
import { AppError } from '../../src/errors.ts';
import type { ErrorCode } from '../../src/errors.ts';
import type { Clock, Log } from '../../src/ports.ts';
import { checkpointFault } from './checkpoint-check.ts';
import { CheckpointFile } from './checkpoint-file.ts';
import { schemaFingerprint, Trail } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Queryable } from '../source/database-pool.ts';
import { historyStart } from './history-start.ts';
import { HistoryWindow } from './history-window.ts';
import type { ConnectedSource } from '../source-connector.ts';
import type { SourcePosition } from '../source/source-position.ts';

export interface ContinuityOptions {
  readonly database: string;
  /** Null: nothing is kept, and every start is a cold one. */
  readonly checkpointFile: string | null;
  /** How far back the history is to go; 0: none is filled at the start. */
  readonly historyMs: number;
  /** Row changes that are held for it at most. */
  readonly refillChangesMax: number;
  readonly onPositionLost: 'resync' | 'halt';
}

/** Old rows that cannot be read are no reason not to go on from now. */
const OF_THE_PAST: ReadonlySet<ErrorCode> = new Set([
  'BINLOG_POSITION_LOST',
  'BINLOG_DAMAGED',
  'ROW_UNDECODABLE',
  'SCHEMA_CHANGED',
]);
/** Starts that fail for other reasons while the past is read: then the past may be the reason. */
const ATTEMPTS_MAX = 3;

export class Continuity {
  readonly #options: ContinuityOptions;
  readonly #deps: { readonly log: Log; readonly now: Clock };
  readonly #file: CheckpointFile | null;
  #loaded: Checkpoint | null | 'not yet' = 'not yet';
  #attempts = 0;
  /** No history at this start, whatever is tried. */
  #isGivenUp: boolean;
  #trail: Trail;
  #source: Pick<Checkpoint, 'flavour' | 'identity' | 'schema'> | null = null;

  constructor(options: ContinuityOptions, deps: { readonly log: Log; readonly now: Clock }) {
    this.#options = options;
    this.#deps = deps;
    const { checkpointFile, historyMs } = options;
    this.#file = checkpointFile === null ? null : new CheckpointFile(checkpointFile, deps);
    this.#isGivenUp = historyMs === 0;
    this.#trail = new Trail(historyMs);
  }

  /** What the next checkpoints are of. */
  connected({ source }: ConnectedSource): void {
    const { flavour, identity } = source;
    this.#source = { flavour, identity, schema: schemaFingerprint(source) };
  }

  /**
   * For the first book of a start: what to read before it so that the history can be filled. Null: begin with the book.
   *
   * @param nowMs database clock now, epoch ms
   * @throws AppError BINLOG_POSITION_LOST where the source does not go on from the checkpoint and that is to halt us;
   *   others when the server cannot be asked
   */
  async begin(
    connected: ConnectedSource,
    options: { readonly database: Queryable; readonly nowMs: number; readonly signal: AbortSignal },
  ): Promise<HistoryWindow | null> {
    const checkpoint = await this.#validCheckpoint(connected, options.database);
    if (this.#isGivenUp) return null;
    this.#attempts += 1;
    if (this.#attempts > ATTEMPTS_MAX) {
      this.#noHistory('reading the past failed again and again');
      return null;
    }
    const { historyMs: windowMs, refillChangesMax: changesMax } = this.#options;
    const { source, tail } = connected;
    try {
      const start = await historyStart({ ...options, source, tail, windowMs }, checkpoint);
      if (start !== null) return new HistoryWindow({ ...start, changesMax }, this.#deps);
      this.#noHistory('the server does not tell where its binlog begins');
    } catch (error) {
      if (!this.giveUp(error)) throw error;
    }
    return null;
  }

  /** Decides about a failure while the past is read: true when another start, without it, may do. */
  giveUp(error: unknown): boolean {
    if (!(error instanceof AppError) || !OF_THE_PAST.has(error.code)) return false;
    this.#noHistory(error.message);
    return true;
  }

  /** The book is exact, and the history filled as far as the window goes. */
  opened(window: HistoryWindow | null): void {
    this.#trail = window?.trail ?? new Trail(this.#options.historyMs);
  }

  /** Everything up to `end` was handed on. `end` is called now and then. */
  handedOn(end: () => SourcePosition, committedAtMs: number): void {
    this.#trail.pass(end, committedAtMs);
    const source = this.#source;
    if (this.#file === null || source === null) return;
    this.#file.remember(() => ({
      ...source,
      database: this.#options.database,
      position: end(),
      committedAtMs,
      trail: this.#trail.marks,
    }));
  }

  /** Writes the last checkpoint. Idempotent. */
  async stop(): Promise<void> {
    await this.#file?.stop();
  }

  async #validCheckpoint(
    { source }: ConnectedSource,
    database: Queryable,
  ): Promise<Checkpoint | null> {
    if (this.#loaded === 'not yet') {
      this.#loaded = this.#file?.load(this.#options.database) ?? null;
    }
    const checkpoint = this.#loaded;
    if (checkpoint === null) return null;
    const fault = await checkpointFault(database, source, checkpoint);
    if (fault !== null) {
      this.#refuse(fault);
      return null;
    }
    if (checkpoint.schema !== schemaFingerprint(source) && !this.#isGivenUp) {
      this.#noHistory('tables, mapping or time zone changed since the checkpoint');
    }
    return checkpoint;
  }

  #refuse(fault: string): void {
    const text = `the checkpoint is refused: ${fault}`;
    if (this.#options.onPositionLost === 'halt') {
      const file = this.#options.checkpointFile ?? '';
      const fix = `ON_POSITION_LOST=halt: remove ${file} to start with a fresh book`;
      throw new AppError('BINLOG_POSITION_LOST', `${text}. ${fix}`);
    }
    this.#loaded = null;
    this.#isGivenUp = true;
    const consequence = 'starting with a fresh book and no history';
    this.#deps.log.error(
      { code: 'BINLOG_POSITION_LOST', text: `${text}; ${consequence}` },
      'position lost',
    );
  }

  #noHistory(why: string): void {
    this.#isGivenUp = true;
    const text = `no history before this start: ${why}`;
    this.#deps.log.warn({ text }, 'history unavailable');
  }
}
