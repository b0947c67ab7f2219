/**
 * The checkpoint: how far everything was handed on, of which source, under which schema. Pure; `checkpoint-file.ts`
 * keeps it.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { SourceInfo } from '../source/source-info.ts';
import type { SourcePosition } from '../source/source-position.ts';
import type { TableMapping } from '../mapping/table-mapping.ts';

/** A commit that was handed on, and where the stream goes on after it. */
export interface StreamMark {
  readonly position: SourcePosition;
  /** Epoch ms, by the source. */
  readonly committedAtMs: number;
}

export interface Checkpoint extends StreamMark {
  readonly flavour: 'mariadb' | 'mysql';
  readonly database: string;
  /** As `SourceInfo.identity`. */
  readonly identity: string;
  /** `schemaFingerprint` of the mapping that the stream was read with. */
  readonly schema: string;
  /** Places passed before it, oldest first, from which a history can be filled again. */
  readonly trail: readonly StreamMark[];
}

/** Version of the file's format; another one is not read. */
const CHECKPOINT_FORMAT = 1;

const markShape = {
  gtidSet: z.string().nullable(),
  file: z.string().min(1),
  offset: z.int().min(4),
  committedAtMs: z.int(),
};

const checkpointSchema = z.strictObject({
  format: z.literal(CHECKPOINT_FORMAT),
  flavour: z.enum(['mariadb', 'mysql']),
  database: z.string().min(1),
  identity: z.string().min(1),
  schema: z.string().min(1),
  ...markShape,
  trail: z.array(z.strictObject(markShape)).max(10_000),
});

export type CheckpointResult =
  | { readonly ok: true; readonly checkpoint: Checkpoint }
  | { readonly ok: false; readonly why: string };

/** Reads the file's text. */
export function parseCheckpoint(text: string): CheckpointResult {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { ok: false, why: 'it is not JSON (cut off while it was written?)' };
  }
  const format = formatOf(json);
  if (format !== null && format !== CHECKPOINT_FORMAT) {
    const ours = CHECKPOINT_FORMAT.toString();
    const why = `another version of Gavelcast wrote it: it has format ${format.toString()}, and this version reads format ${ours} only`;
    return { ok: false, why };
  }
  const parsed = checkpointSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') ?? '';
    return { ok: false, why: `${where === '' ? '' : `${where}: `}${issue?.message ?? 'unknown'}` };
  }
  const { flavour, database, identity, schema, trail } = parsed.data;
  const checkpoint = { flavour, database, identity, schema };
  return {
    ok: true,
    checkpoint: { ...checkpoint, ...markOf(parsed.data), trail: trail.map(markOf) },
  };
}

/** What a file of ours says of its own format; null: it is none of ours. */
function formatOf(json: unknown): number | null {
  const parsed = z.object({ format: z.int() }).safeParse(json);
  return parsed.success ? parsed.data.format : null;
}

/** The file's text; `parseCheckpoint` reads it back. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { flavour, database, identity, schema, trail } = checkpoint;
  const head = { format: CHECKPOINT_FORMAT, flavour, database, identity, schema };
  const record = { ...head, ...flat(checkpoint), trail: trail.map(flat) };
  return `${JSON.stringify(record, null, 1)}\n`;
}

/** A short text that changes whenever a mapped table, or what is made of it, does. */
export function schemaFingerprint(source: Pick<SourceInfo, 'mapping' | 'zoneName'>): string {
  const text = mappingText(source.mapping);
  return createHash('sha256')
    .update(`${source.zoneName}\n${text}`)
    .digest('base64url')
    .slice(0, 22);
}

function mappingText(mapping: TableMapping): string {
  return JSON.stringify(mapping, (_, value: unknown) =>
    value instanceof Map || value instanceof Set ? [...value] : value,
  );
}

interface FlatMark {
  readonly gtidSet: string | null;
  readonly file: string;
  readonly offset: number;
  readonly committedAtMs: number;
}

function flat({ position, committedAtMs }: StreamMark): FlatMark {
  const { gtidSet, binlog } = position;
  return { gtidSet, file: binlog.file, offset: binlog.offset, committedAtMs };
}

function markOf({ gtidSet, file, offset, committedAtMs }: FlatMark): StreamMark {
  return { position: { gtidSet, binlog: { file, offset } }, committedAtMs };
}

/**
 * Places that the stream passed, a few of them, so that one from `windowMs` ago is always at hand. Bounded: as many as
 * `MARKS` fit into the window, and a few.
 */
export class Trail {
  readonly #windowMs: number;
  #marks: StreamMark[];

  constructor(windowMs: number, marks: readonly StreamMark[] = []) {
    this.#windowMs = windowMs;
    this.#marks = [...marks];
  }

  get marks(): readonly StreamMark[] {
    return this.#marks;
  }

  /** Notes a place if the last one noted is long enough ago. `end` is called only then. */
  pass(end: () => SourcePosition, committedAtMs: number): void {
    const newest = this.#marks.at(-1);
    if (newest !== undefined && committedAtMs - newest.committedAtMs < this.#windowMs / MARKS)
      return;
    this.#marks.push({ position: end(), committedAtMs });
    const needed = this.#marks.findLastIndex(
      (mark) => mark.committedAtMs <= committedAtMs - this.#windowMs,
    );
    if (needed > 0) this.#marks.splice(0, needed);
  }

  /** Forgets all places: no history goes past here. */
  clear(): void {
    this.#marks = [];
  }

  /** The newest place that lies at `atMs` or before; null when there is none. */
  before(atMs: number): StreamMark | null {
    return this.#marks.findLast((mark) => mark.committedAtMs <= atMs) ?? null;
  }
}

const MARKS = 20;
