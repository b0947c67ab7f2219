/**
 * The events of a past window, told again from the binlogs as they were told then. The way is that of the history after
 * a start (decision 0006): a book of now, the row changes since the window's beginning taken back over it, proven by a
 * silent rehearsal, and translated forward again by the pipeline. Only reads: no checkpoint, and a server id of its own.
 */
import { itemIdOf } from '../src/auction/ids.ts';
import type { BidId, ItemId } from '../src/auction/ids.ts';
import type { RowChange, Transaction } from '../src/auction/row-change.ts';
import { itemsNamedBy } from '../src/auction/translate.ts';
import { AppError } from '../src/errors.ts';
import type { Clock, EventBatch, Log, Publisher } from '../src/ports.ts';
import { BinlogExtent, binlogFiles } from './binlog/binlog-extent.ts';
import { DatabasePool } from './source/database-pool.ts';
import type { FeedOptions } from './feed-options.ts';
import { runStream } from './feed-stream.ts';
import { goBack, prepareRefill } from './history-refill.ts';
import type { Refill } from './history-refill.ts';
import { firstCommitMs, historyStart } from './continuity/history-start.ts';
import { HistoryWindow } from './continuity/history-window.ts';
import type { HistoryStart } from './continuity/history-window.ts';
import { readItems } from './tables/item-reader.ts';
import { NameCache } from './tables/name-cache.ts';
import { Pipeline } from './pipeline.ts';
import { openSnapshot } from './tables/snapshot.ts';
import { SourceConnector } from './source-connector.ts';
import type { ConnectedSource } from './source-connector.ts';
import type { SourceInfo } from './source/source-info.ts';
import type { BinlogPosition } from './source/source-position.ts';
import { binlogEnd } from './source/source-status.ts';
import { StreamProgress } from './binlog/stream-progress.ts';
import type { TailedTransaction } from './binlog/tailed-transaction.ts';

/** Epoch ms by the database's clock: from `sinceMs` on, before `untilMs`. Binlogs know whole seconds. */
export interface PastWindow {
  readonly sinceMs: number;
  readonly untilMs: number;
}

export interface PastOptions {
  readonly feed: FeedOptions;
  /** The window, once the source has told its zone and its clock; null: give up. */
  readonly window: (source: SourceInfo, databaseNowMs: number) => PastWindow | null;
  /** Only these items, which makes a long way back short; null: all. */
  readonly itemIds: readonly string[] | null;
  /** Row changes that are held in memory at most. */
  readonly changesMax: number;
}

export interface PastDeps {
  readonly log: Log;
  readonly now: Clock;
  readonly signal: AbortSignal;
  /** Told of the events in commit order, with the transaction that they are of. */
  readonly tell: (
    batch: EventBatch,
    transaction: Pick<Transaction, 'id' | 'committedAtMs'>,
  ) => void;
  /** The reading begins; `progress` may be called at any time to see how far it has come. */
  readonly onReading: (progress: () => PastProgress) => void;
  readonly onRead: () => void;
}

/** How far the reading has come. */
export interface PastProgress {
  readonly bytes: number;
  readonly bytesTotal: number;
  readonly changes: number;
  /** Commit time of what was read last; null before anything was. */
  readonly reachedMs: number | null;
}

export type PastOutcome =
  | { readonly outcome: 'told' | 'given up' | 'interrupted' }
  /** `fromMs`: what was committed from here on can be told, epoch ms; null: the binlogs hold nothing. */
  | { readonly outcome: 'not covered'; readonly fromMs: number | null; readonly why: string }
  | { readonly outcome: 'unknown items'; readonly itemIds: readonly string[] };

const NAMES_MAX = 100_000;
const SECOND_MS = 1_000;

/**
 * Tells the window. One attempt: a source that fails ends it.
 *
 * @throws AppError when the source cannot be reached, is unsuitable or fails; SCHEMA_CHANGED, ROW_UNDECODABLE where its
 *   binlogs hold rows of tables as they were before
 */
export async function tellPast(options: PastOptions, deps: PastDeps): Promise<PastOutcome> {
  const { signal } = deps;
  const pool = new DatabasePool(options.feed.connection);
  // Never the configured server id: the server that has it may be running.
  const connector = new SourceConnector(pool, { ...options.feed, serverId: null }, deps);
  const abort = (): void => {
    pool.close();
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    const source = await connector.connect({ goesOn: false });
    return await new PastReading(options, deps, { pool, source }).tell();
  } catch (error) {
    if (signal.aborted) return { outcome: 'interrupted' };
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    pool.close();
  }
}

class PastReading {
  readonly #options: PastOptions;
  readonly #deps: PastDeps;
  readonly #pool: DatabasePool;
  readonly #connected: ConnectedSource;

  constructor(
    options: PastOptions,
    deps: PastDeps,
    over: { readonly pool: DatabasePool; readonly source: ConnectedSource },
  ) {
    this.#options = options;
    this.#deps = deps;
    this.#pool = over.pool;
    this.#connected = over.source;
  }

  async tell(): Promise<PastOutcome> {
    const { source } = this.#connected;
    const nowMs = this.#databaseNow();
    const wanted = this.#options.window(source, nowMs);
    if (wanted === null) return { outcome: 'given up' };
    const unknown = await this.#unknownItems();
    if (unknown.length > 0) return { outcome: 'unknown items', itemIds: unknown };
    const start = await this.#start(wanted.sinceMs, nowMs);
    const oldestMs = await this.#oldestWhere(start);
    // Of the second in which it begins, the binlog before it may have had a part.
    if (oldestMs === null || oldestMs >= wanted.sinceMs) {
      const fromMs = oldestMs === null ? null : oldestMs + SECOND_MS;
      const why = 'the oldest binlog that the server has begins there';
      return { outcome: 'not covered', fromMs, why };
    }
    const { changesMax } = this.#options;
    const windowOptions = { ...start, sinceMs: wanted.sinceMs, changesMax, keeps: this.#keeps() };
    return this.#read(new HistoryWindow(windowOptions, this.#deps), wanted);
  }

  async #start(sinceMs: number, nowMs: number): Promise<HistoryStart> {
    const { source, tail } = this.#connected;
    const { signal } = this.#deps;
    const where = { database: this.#pool, source, tail, signal };
    // A file that begins within the first second is not early enough: the one before may end within it, too.
    const windowMs = nowMs - sinceMs + 1;
    const start = await historyStart({ ...where, windowMs, nowMs }, null);
    if (start !== null) return start;
    throw new AppError('SOURCE_UNSUITABLE', 'the server does not tell where its binlog begins');
  }

  /** When the binlog begins, if it is read from its very beginning: epoch ms, null where it is empty. Else 0. */
  async #oldestWhere({ from }: HistoryStart): Promise<number | null> {
    const [oldest] = await binlogFiles(this.#pool);
    if (oldest?.file !== from.binlog.file) return 0;
    const { tail } = this.#connected;
    const { signal } = this.#deps;
    return firstCommitMs({ tail, signal }, oldest.file, await binlogEnd(this.#pool));
  }

  async #unknownItems(): Promise<string[]> {
    const itemIds = this.#options.itemIds ?? [];
    const wanted = itemIds.map(itemIdOf);
    const found = await readItems(this.#pool, this.#connected.rows, wanted);
    return wanted.filter((itemId) => !found.has(itemId));
  }

  /** Of the items alone where some were named; names of users in any case. */
  #keeps(): (change: RowChange) => boolean {
    const { itemIds } = this.#options;
    const wanted = itemIds === null ? null : new Set<ItemId>(itemIds.map(itemIdOf));
    return (change) => {
      if (change.table === 'watchlist') return false;
      if (wanted === null || change.table === 'users') return true;
      return itemsNamedBy(change).some((itemId) => wanted.has(itemId));
    };
  }

  /** Reads up to now, and tells from there. */
  async #read(window: HistoryWindow, wanted: PastWindow): Promise<PastOutcome> {
    const { source, rows, tail, guard } = this.#connected;
    const { signal } = this.#deps;
    const snapshot = await openSnapshot({ pool: this.#pool, source, rows, signal }, this.#deps);
    const done = new AbortController();
    const result: { outcome: PastOutcome } = { outcome: { outcome: 'interrupted' } };
    try {
      await this.#showProgress(window, snapshot.until);
      const ended = await runStream({
        guard,
        tail,
        from: window.from,
        joining: { snapshot, until: null, window },
        signal: AbortSignal.any([signal, done.signal]),
        pipeline: null,
        progress: new StreamProgress(() => undefined),
        onJoined: async () => {
          this.#deps.onRead();
          const refill = await prepareRefill(window, snapshot, { log: this.#deps.log, signal });
          const newestBid = snapshot.newestBid();
          snapshot.close();
          const { pipeline, tell } = this.#telling(refill, newestBid);
          result.outcome = await tell(wanted);
          return pipeline;
        },
        // What comes after now is nobody's past.
        onLive: () => {
          done.abort();
        },
        onProcessed: () => undefined,
      });
      if (ended === 'ended') return result.outcome;
      throw new AppError('SCHEMA_CHANGED', 'a mapped table was altered just now: try again');
    } finally {
      snapshot.close();
    }
  }

  async #showProgress(window: HistoryWindow, until: BinlogPosition): Promise<void> {
    const { tail } = this.#connected;
    const files = await binlogFiles(this.#pool);
    const extent = new BinlogExtent(files, { from: window.from.binlog, until });
    this.#deps.onReading(() => {
      const received = tail.stream?.received ?? null;
      const bytes = received === null ? 0 : Math.min(extent.bytesUpTo(received), extent.bytes);
      const { changesRead: changes, reachedMs } = window;
      return { bytes, bytesTotal: extent.bytes, changes, reachedMs };
    });
  }

  #telling(
    refill: Refill,
    newestBid: BidId | null,
  ): {
    readonly pipeline: Pipeline;
    readonly tell: (wanted: PastWindow) => Promise<PastOutcome>;
  } {
    const [pool, { rows }] = [this.#pool, this.#connected];
    const { log, signal, tell } = this.#deps;
    const names = new NameCache({ database: pool, clientReads: pool, rows, namesMax: NAMES_MAX });
    const { book, transactions, cutBy, cutAtMs } = refill;
    let told: Transaction | null = null;
    const publisher: Publisher = {
      publish: (batch) => {
        if (told !== null) tell(batch, told);
      },
    };
    const pipeline = new Pipeline(
      { pool, names, publisher, book, rows, newestBid },
      { log, databaseNow: () => this.#databaseNow() },
    );
    const run = async ({ sinceMs, untilMs }: PastWindow): Promise<PastOutcome> => {
      if (cutAtMs !== null && cutAtMs >= sinceMs) {
        const fromMs = cutAtMs + SECOND_MS;
        return { outcome: 'not covered', fromMs, why: cutBy ?? 'it cannot be taken back' };
      }
      goBack(refill, names);
      const isOfIt = ({ transaction: { committedAtMs } }: TailedTransaction): boolean =>
        committedAtMs >= sinceMs && committedAtMs < untilMs;
      // What the window does not need any more need not be translated.
      for (const tailed of transactions.slice(0, transactions.findLastIndex(isOfIt) + 1)) {
        told = isOfIt(tailed) ? tailed.transaction : null;
        await pipeline.replay(tailed, signal);
      }
      return { outcome: 'told' };
    };
    return { pipeline, tell: run };
  }

  #databaseNow(): number {
    return this.#deps.now() + this.#connected.source.clockOffsetMs;
  }
}
