/**
 * Where to begin reading so that a history covers its window: at a place that was passed then and noted, else at the
 * beginning of a binlog file that is old enough.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { BinlogTail } from '../binlog/binlog-tail.ts';
import { readingFault } from './checkpoint-check.ts';
import { Trail } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Queryable } from '../source/database-pool.ts';
import type { HistoryStart } from './history-window.ts';
import type { SourceInfo } from '../source/source-info.ts';
import { compareBinlogPositions } from '../source/source-position.ts';
import type { BinlogPosition, SourcePosition } from '../source/source-position.ts';
import { binlogEnd } from '../source/source-status.ts';

const POLL_MS = 20;

interface StartOptions {
  readonly database: Queryable;
  readonly source: Pick<SourceInfo, 'flavour' | 'gtid'>;
  /** Looks into files; nobody else may read with it meanwhile. */
  readonly tail: BinlogTail;
  readonly windowMs: number;
  /** Database clock now, epoch ms. */
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/**
 * A place whose past the history does not need. The window ends at the checkpoint where there is one, because clients
 * that were served until then may ask for what they missed since.
 *
 * @returns null when the server tells no such place, or has no binlog
 * @throws AppError when the server cannot be asked or read
 */
export async function historyStart(
  options: StartOptions,
  checkpoint: Checkpoint | null,
): Promise<HistoryStart | null> {
  const { windowMs, nowMs } = options;
  const sinceMs = Math.min(nowMs, checkpoint?.committedAtMs ?? nowMs) - windowMs;
  if (checkpoint !== null) {
    const trail = new Trail(windowMs, checkpoint.trail);
    const mark = trail.before(sinceMs) ?? trail.marks[0] ?? null;
    if (mark !== null && (await isUsable(options, mark.position))) {
      return { from: mark.position, sinceMs, trail };
    }
  }
  const file = await fileBefore(options, sinceMs);
  const from = file === null ? null : await beginningOf(options, file);
  return from === null ? null : { from, sinceMs, trail: new Trail(windowMs) };
}

async function isUsable(options: StartOptions, position: SourcePosition): Promise<boolean> {
  const { database, source } = options;
  const isOfItsKind = source.gtid === (position.gtidSet !== null);
  return isOfItsKind && (await readingFault(database, source, position)) === null;
}

/**
 * The newest file that begins at `atMs` or before; the oldest one where all begin later. Of thousands of files some
 * twenty are looked into: strides that double, from the newest back, then halves of the last stride.
 */
async function fileBefore(options: StartOptions, atMs: number): Promise<string | null> {
  const logs = await options.database.query('SHOW BINARY LOGS');
  const files = logs.map((row) => row[0] ?? '');
  const end = await binlogEnd(options.database);
  const isEarly = async (at: number): Promise<boolean> => {
    const beginsAtMs = await firstCommitMs(options, files[at] ?? '', end);
    return beginsAtMs !== null && beginsAtMs <= atMs;
  };
  let late = files.length;
  let early = late - 1;
  for (let stride = 1; early > 0 && !(await isEarly(early)); stride *= 2) {
    late = early;
    early = Math.max(0, early - stride);
  }
  while (late - early > 1) {
    const middle = Math.floor((early + late) / 2);
    if (await isEarly(middle)) early = middle;
    else late = middle;
  }
  return files[early] ?? null;
}

/** When the first transaction of a file, or of those after it, was committed; null when there is none up to `end`. */
export async function firstCommitMs(
  { tail, signal }: Pick<StartOptions, 'tail' | 'signal'>,
  file: string,
  end: BinlogPosition,
): Promise<number | null> {
  const looking = new AbortController();
  const from = { gtidSet: null, binlog: { file, offset: 4 } };
  const transactions = tail.transactions(from, AbortSignal.any([signal, looking.signal]));
  try {
    const first = transactions.next();
    for (;;) {
      const step = await Promise.race([first, delay(POLL_MS, null)]);
      if (step !== null) return step.done === true ? null : step.value.transaction.committedAtMs;
      if (tail.seen !== null && compareBinlogPositions(tail.seen, end) >= 0) return null;
    }
  } finally {
    looking.abort();
    await transactions.return(undefined);
  }
}

/** The position at a file's beginning, in the server's own terms. */
async function beginningOf(
  { database, source }: StartOptions,
  file: string,
): Promise<SourcePosition | null> {
  const binlog = { file, offset: 4 };
  if (!source.gtid) return { gtidSet: null, binlog };
  if (source.flavour === 'mariadb') {
    const [row] = await database.query('SELECT BINLOG_GTID_POS(?, 4)', [file]);
    const gtidSet = row?.[0] ?? null;
    return gtidSet === null ? null : { gtidSet, binlog };
  }
  const events = await database.query('SHOW BINLOG EVENTS IN ? LIMIT 2', [file]);
  const previous = events.find((row) => row[2] === 'Previous_gtids');
  return previous === undefined
    ? null
    : { gtidSet: (previous[5] ?? '').replaceAll(/\s/g, ''), binlog };
}
