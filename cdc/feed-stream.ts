/**
 * One connection's stream, from its position to its end: first the part that joins a snapshot to it, then live.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { BinlogTail } from './binlog/binlog-tail.ts';
import type { HistoryWindow } from './continuity/history-window.ts';
import type { Pipeline } from './pipeline.ts';
import type { OpenSnapshot } from './tables/snapshot.ts';
import { compareBinlogPositions } from './source/source-position.ts';
import type { SourcePosition } from './source/source-position.ts';
import type { StreamProgress } from './binlog/stream-progress.ts';
import type { StreamGuard } from './binlog/stream-guard.ts';
import type { TailedTransaction } from './binlog/tailed-transaction.ts';

/** How a new book joins the stream. */
export interface Joining {
  readonly snapshot: OpenSnapshot;
  /**
   * Null: nothing is published before the book is exact (start, resync). A pipeline: its old book keeps translating
   * until the new one takes over (a table was altered under way).
   */
  readonly until: Pipeline | null;
  /** Takes in what is read up to the snapshot, from further back than the snapshot needs; null: no history is filled. */
  readonly window: HistoryWindow | null;
}

export interface StreamRun {
  /** Ends a stream that stands still. */
  readonly guard: StreamGuard;
  readonly tail: BinlogTail;
  readonly from: SourcePosition;
  readonly joining: Joining | null;
  readonly signal: AbortSignal;
  /** The snapshot has observed all it needs: makes a book of it, and returns the pipeline that goes on with it. */
  readonly onJoined: (joining: Joining) => Promise<Pipeline>;
  /** The pipeline to go on with where no book joins. */
  readonly pipeline: Pipeline | null;
  /** Told when nothing is left to be handed on. */
  readonly progress: StreamProgress;
  /** The stream is live: packets flow, the book is exact. */
  readonly onLive: () => void;
  /** Everything up to the end of this transaction was handed on (or is in the book). */
  readonly onProcessed: (end: () => SourcePosition, committedAtMs: number | null) => void;
}

export type StreamEnd = 'ended' | 'schema-changed' | 'book-doubted';

const POLL_MS = 20;

/**
 * Runs until the signal aborts (`ended`), a table's definition may have changed (`schema-changed`), or the book can no longer
 * be kept by the stream alone (`book-doubted`).
 *
 * @throws AppError when the connection ends otherwise
 */
export function runStream(run: StreamRun): Promise<StreamEnd> {
  const { guard, signal, tail } = run;
  return guard.during({ signal, stream: () => tail.stream }, (live) =>
    streamUnguarded({ ...run, signal: live }),
  );
}

async function streamUnguarded(run: StreamRun): Promise<StreamEnd> {
  const controller = new AbortController();
  const signal = AbortSignal.any([run.signal, controller.signal]);
  const source = new TransactionSource(run.tail, run.from, signal);
  try {
    return await follow(run, source, signal);
  } catch (error) {
    if (run.signal.aborted) return 'ended';
    throw error;
  } finally {
    controller.abort();
    run.progress.ended();
    await source.close();
  }
}

async function follow(
  run: StreamRun,
  source: TransactionSource,
  signal: AbortSignal,
): Promise<StreamEnd> {
  let { pipeline } = run;
  let carried: TailedTransaction | null = null;
  if (run.joining !== null) {
    const joined = await join(run, run.joining, source, signal);
    if (joined.outcome !== 'joined') return joined.outcome;
    ({ pipeline, carried } = joined);
  } else if (!(await source.answered())) {
    return 'ended';
  }
  if (pipeline === null) throw new Error('a stream without a book');
  run.onLive();
  for (;;) {
    run.progress.idle(() => run.tail.seen);
    const tailed = carried ?? (await source.next());
    run.progress.busy();
    carried = null;
    if (tailed === null) return 'ended';
    await pipeline.process(tailed, signal);
    run.onProcessed(() => tailed.end(), tailed.transaction.committedAtMs);
    if (tailed.schemaChanged) return 'schema-changed';
    if (pipeline.takeDoubt()) return 'book-doubted';
  }
}

type Joined =
  | {
      readonly outcome: 'joined';
      readonly pipeline: Pipeline;
      readonly carried: TailedTransaction | null;
    }
  | { readonly outcome: 'ended' | 'schema-changed' };

/** Reads up to where the snapshot becomes exact. */
async function join(
  run: StreamRun,
  joining: Joining,
  source: TransactionSource,
  signal: AbortSignal,
): Promise<Joined> {
  const { snapshot, until, window } = joining;
  let last: TailedTransaction | null = null;
  let carried: TailedTransaction | null = null;
  for (;;) {
    const tailed = await source.nextWithin(POLL_MS);
    if (tailed === null) return { outcome: 'ended' };
    if (tailed === 'none yet') {
      // Nothing between here and there: the server is heard to be past it without having sent a transaction.
      const { seen } = run.tail;
      if (seen !== null && compareBinlogPositions(seen, snapshot.until) >= 0) break;
      continue;
    }
    const { binlog } = tailed.end();
    if (compareBinlogPositions(binlog, snapshot.until) > 0) {
      carried = tailed;
      break;
    }
    const { transaction, schemaChanged } = tailed;
    window?.add(tailed);
    if (!snapshot.holds(transaction.id, binlog)) snapshot.observe(transaction.changes);
    if (until !== null) {
      await until.process(tailed, signal);
      run.onProcessed(() => tailed.end(), transaction.committedAtMs);
    }
    // An alteration before the snapshot was there when the schema was read.
    const isPast = window !== null && compareBinlogPositions(binlog, snapshot.from.binlog) <= 0;
    if (schemaChanged && !isPast) return { outcome: 'schema-changed' };
    last = tailed;
  }
  const pipeline = await run.onJoined(joining);
  const reached = last;
  run.onProcessed(() => reached?.end() ?? run.from, null);
  return { outcome: 'joined', pipeline, carried };
}

/** The tail's generator, with a `next` that can be asked for a while and taken up again. */
class TransactionSource {
  readonly #tail: BinlogTail;
  readonly #transactions: AsyncGenerator<TailedTransaction>;
  #pending: Promise<TailedTransaction | null> | null = null;
  #pause: Promise<'none yet'> | null = null;

  constructor(tail: BinlogTail, from: SourcePosition, signal: AbortSignal) {
    this.#tail = tail;
    this.#transactions = tail.transactions(from, signal);
  }

  /** The next transaction; null when the signal ended the stream. */
  async next(): Promise<TailedTransaction | null> {
    const pending = this.#ask();
    const result = await pending;
    this.#pending = null;
    return result;
  }

  async nextWithin(ms: number): Promise<TailedTransaction | null | 'none yet'> {
    // One pause serves many questions: a backlog brings thousands of transactions in the time of one.
    this.#pause ??= delay(ms, 'none yet' as const).finally(() => {
      this.#pause = null;
    });
    const result = await Promise.race([this.#ask(), this.#pause]);
    if (result !== 'none yet') this.#pending = null;
    return result;
  }

  /** Waits for the server to send anything; false when the signal ended the stream first. */
  async answered(): Promise<boolean> {
    // The tail forgets the last connection's `seen` when it is asked for the first transaction.
    void this.#ask();
    while (this.#tail.seen === null) {
      const result = await Promise.race([this.#ask(), delay(POLL_MS, 'none yet' as const)]);
      if (result === null) return false;
      if (result !== 'none yet') return true;
    }
    return true;
  }

  /** Ends the generator; its signal must have aborted, or it must have ended. */
  async close(): Promise<void> {
    this.#pending?.catch(() => undefined);
    await this.#transactions.return(undefined).catch(() => undefined);
  }

  #ask(): Promise<TailedTransaction | null> {
    this.#pending ??= this.#transactions
      .next()
      .then((step) => (step.done === true ? null : step.value));
    return this.#pending;
  }
}
