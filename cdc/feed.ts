/**
 * The database side as one service: preflight, snapshot, stream, and the reconnecting between them.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { AuctionView, Book, BookView } from '../src/auction/book.ts';
import type { ItemId, UserId } from '../src/auction/ids.ts';
import { AppError, ERRORS } from '../src/errors.ts';
import type {
  AuctionReads,
  Clock,
  FeedState,
  Log,
  OwnBid,
  Publisher,
  UserStanding,
} from '../src/ports.ts';
import type { ConnectionSettings } from './binlog-tail.ts';
import { CurrentItems } from './current-items.ts';
import { BookWatch } from './book-watch.ts';
import { DatabasePool } from './database-pool.ts';
import { behindMs, FeedTally } from './feed-counters.ts';
import type { FeedCounters } from './feed-counters.ts';
import { runStream } from './feed-stream.ts';
import type { Joining } from './feed-stream.ts';
import { ItemLookup } from './item-lookup.ts';
import { readItems } from './item-reader.ts';
import type { MappingOverride } from './mapping-file.ts';
import { NameCache } from './name-cache.ts';
import { Pipeline } from './pipeline.ts';
import { backoffMs, nextAttempt, recoveryOf, retryLogLevel } from './reconnect.ts';
import type { RowReader } from './row-reader.ts';
import { openSnapshot } from './snapshot.ts';
import { measureClockOffset } from './source-clock.ts';
import { SourceConnector } from './source-connector.ts';
import type { ConnectedSource } from './source-connector.ts';
import type { SourceInfo } from './source-info.ts';
import type { BinlogPosition, SourcePosition } from './source-position.ts';
import { binlogEnd } from './source-status.ts';
import { StreamProgress } from './stream-progress.ts';
import { readOwnBids, readWatchlist } from './user-reads.ts';

export interface FeedOptions {
  readonly connection: ConnectionSettings;
  readonly database: string;
  /** The parsed mapping file; null: everything is detected. */
  readonly mappingFile: MappingOverride | null;
  /** IANA name or offset of the DATETIME columns; null: the server's own. */
  readonly zone: string | null;
  /** 1 to 4294967295; null: derived, and checked to be free. */
  readonly serverId: number | null;
  /** Milliseconds between the server's heartbeats; default 1000. */
  readonly heartbeatPeriodMs?: number;
  /** Bytes of committed transactions that may wait to be translated; default 64 MiB. */
  readonly queueBytesMax?: number;
  /** Display names kept; default 100,000. */
  readonly nameCacheMax?: number;
  readonly onPositionLost: 'resync' | 'halt';
  /** Milliseconds between comparisons of the book with the tables; 0: never. Default 15 minutes. */
  readonly driftEveryMs?: number;
  /** Milliseconds between the two looks at a difference; default 12,000. */
  readonly driftConfirmAfterMs?: number;
  /** Milliseconds past its end after which an active auction is reported; default 180,000. */
  readonly overdueAfterMs?: number;
}

export interface Feed extends AuctionReads {
  /**
   * Preflight, snapshot, stream. Resolves when the first stream is live. An unreachable source is tried for ever.
   *
   * @throws AppError when an operator must mend something first: SOURCE_UNSUITABLE, MAPPING_INVALID
   */
  start(publisher: Publisher): Promise<SourceInfo>;
  /** Idempotent; resolves within some seconds, with every connection and timer gone. */
  stop(): Promise<void>;
  /** Called on each change of state, the first one included. */
  onState(listener: (state: FeedState) => void): void;
  /** Database clock minus ours, in milliseconds; refreshed every 10 minutes. */
  clockOffsetMs(): number;
  counters(): FeedCounters;
}

export interface FeedDeps {
  readonly log: Log;
  readonly now: Clock;
  /** From 0 inclusive to 1 exclusive; default `Math.random`. Spreads reconnects. */
  readonly random?: () => number;
}

/** Makes a feed; nothing is connected before `start`. */
export function createFeed(options: FeedOptions, deps: FeedDeps): Feed {
  return new DatabaseFeed(options, deps);
}

const NAMES_MAX = 100_000;
const CLIENT_CONNECTIONS_MAX = 2;
const CLOCK_EVERY_MS = 10 * 60_000;
const STOP_WITHIN_MS = 5_000;
const DRIFT_EVERY_MS = 15 * 60_000;
const OVERDUE_AFTER_MS = 180_000;

/** The state without what is computed when it is asked for. */
type Phase = Exclude<FeedState, { readonly state: 'streaming' }> | { readonly state: 'streaming' };

interface Start {
  readonly publisher: Publisher;
  readonly resolve: (source: SourceInfo) => void;
  readonly reject: (error: unknown) => void;
}

class DatabaseFeed implements Feed {
  readonly book: BookView;
  readonly #options: FeedOptions;
  readonly #deps: FeedDeps;
  readonly #pool: DatabasePool;
  readonly #clientPool: DatabasePool;
  readonly #connector: SourceConnector;
  readonly #lookup: ItemLookup;
  readonly #watch: BookWatch;
  readonly #progress = new StreamProgress((at) => this.#pipeline?.passed(at));
  readonly #currentItems: CurrentItems;
  readonly #stopping = new AbortController();
  readonly #listeners: ((state: FeedState) => void)[] = [];
  #phase: Phase = { state: 'starting' };
  #names: NameCache | null = null;
  #pipeline: Pipeline | null = null;
  #isStarted = false;
  #run: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | null = null;
  #clockTimer: NodeJS.Timeout | null = null;
  #clockOffsetMs = 0;
  /** Where to resume; null: a fresh book is needed. */
  #position: (() => SourcePosition) | null = null;
  /** Why the book's continuity is lost; told to the publisher with the fresh book. */
  #resetReason: string | null = null;
  /** A table was altered: load the book again, publishing on meanwhile. */
  #mustReload = false;
  #committedAtMs: number | null = null;
  readonly #tally = new FeedTally();
  #liveSinceMs: number | null = null;

  constructor(options: FeedOptions, deps: FeedDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#pool = new DatabasePool(options.connection);
    this.#clientPool = new DatabasePool(options.connection, {
      connectionsMax: CLIENT_CONNECTIONS_MAX,
    });
    this.#connector = new SourceConnector(this.#pool, options, deps);
    this.#lookup = new ItemLookup((itemIds) =>
      readItems(this.#clientPool, this.#connector.rows, itemIds),
    );
    this.book = viewOf(() => this.#pipeline);
    this.#watch = this.#makeWatch();
    this.#currentItems = new CurrentItems({
      book: this.book,
      read: (itemId) => this.#lookup.find(itemId),
      binlogEnd: () => binlogEnd(this.#clientPool),
      progress: this.#progress,
      isStreaming: () => this.#phase.state === 'streaming',
    });
  }

  start(publisher: Publisher): Promise<SourceInfo> {
    if (this.#isStarted) throw new Error('the feed was started already');
    this.#isStarted = true;
    return new Promise((resolve, reject) => {
      this.#run = this.#runUntilStopped({ publisher, resolve, reject });
    });
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  onState(listener: (state: FeedState) => void): void {
    this.#listeners.push(listener);
    listener(this.feedState());
  }

  clockOffsetMs(): number {
    return this.#clockOffsetMs;
  }

  counters(): FeedCounters {
    const { transactions, retries, positionsLost, processedAtMs } = this.#tally;
    const { counters, packetAtMs, queuedBytes, heartbeatPeriodMs } = this.#connector;
    const lateness = {
      isStreaming: this.#phase.state === 'streaming',
      nowMs: this.#deps.now(),
      ...{ packetAtMs, queuedBytes, heartbeatPeriodMs, processedAtMs },
      committedAtMs: this.#committedAtMs,
      clockOffsetMs: this.#clockOffsetMs,
    };
    return {
      ...this.#watch.counters,
      ...counters,
      ...{ transactions, retries, positionsLost, queuedBytes },
      translateMs: this.#pipeline?.translateMs ?? 0,
      behindMs: behindMs(lateness),
    };
  }

  feedState(): FeedState {
    const phase = this.#phase;
    if (phase.state !== 'streaming') return phase;
    const { packetAtMs } = this.#connector;
    return { state: 'streaming', packetAtMs, committedAtMs: this.#committedAtMs };
  }

  isFresh(): boolean {
    if (this.#phase.state !== 'streaming') return false;
    const silentMs = this.#deps.now() - this.#connector.packetAtMs;
    return silentMs < 3 * this.#connector.heartbeatPeriodMs;
  }

  async withItems<T>(
    itemIds: readonly ItemId[],
    take: (find: (itemId: ItemId) => AuctionView | null) => T,
  ): Promise<T> {
    // A state read before there is a book could miss what is committed until it is there.
    if (this.#pipeline === null) throw new AppError('SOURCE_UNREACHABLE', 'no book is loaded yet');
    return this.#currentItems.take(itemIds, take);
  }

  async readWatchlist(userId: UserId, max: number): Promise<readonly ItemId[]> {
    const { rows } = this.#connector;
    return readWatchlist({ database: this.#clientPool, rows, userId, max });
  }

  async withOwnBids<T>(
    userId: UserId,
    max: number,
    take: (bids: readonly OwnBid[]) => T,
  ): Promise<T> {
    const { rows } = this.#connector;
    const bids = await readOwnBids({ database: this.#clientPool, rows, userId, max });
    return this.#currentItems.oncePassedNow(() => take(bids));
  }

  async readStanding(userId: UserId): Promise<UserStanding | null> {
    return this.#namesOver(this.#connector.rows).standingOf(userId);
  }

  /** Connects, streams and connects again, until stopped or halted. Never rejects. */
  async #runUntilStopped(start: Start): Promise<void> {
    const { signal } = this.#stopping;
    let attempt = 0;
    while (!this.#isStopping()) {
      this.#liveSinceMs = null;
      try {
        if (attempt > 0) await delay(backoffMs(attempt, this.#random()), undefined, { signal });
        await this.#connect(start, signal);
        attempt = 0;
      } catch (error) {
        if (this.#isStopping()) break;
        if (!(error instanceof AppError) || !this.#recover(error)) {
          this.#halt(error, start);
          return;
        }
        attempt = nextAttempt({ attempt, livedMs: this.#livedMs(), code: error.code });
        this.#noteRetry(error, attempt);
      }
    }
    start.reject(new AppError('SOURCE_UNREACHABLE', 'the feed was stopped before it was live'));
  }

  /** One connection: returns when it has to be made anew at once, throws what ended it. */
  async #connect(start: Start, signal: AbortSignal): Promise<void> {
    const connected = await this.#connector.connect();
    const { source, rows, tail } = connected;
    this.#clockOffsetMs = source.clockOffsetMs;
    const position = this.#position?.() ?? null;
    if (position !== null) await this.#connector.checkPosition(connected, position);
    const joining = await this.#openJoining(connected, signal);
    const from = position ?? joining?.snapshot.from;
    if (from === undefined) throw new Error('neither a position nor a snapshot to start from');
    try {
      const outcome = await runStream({
        tail,
        from,
        joining,
        signal,
        pipeline: this.#pipeline,
        progress: this.#progress,
        onBook: (book) => this.#takeBook(book, rows, start.publisher),
        onLive: () => {
          this.#goLive(connected, start);
        },
        onProcessed: (end, committedAtMs) => {
          this.#position = end;
          this.#committedAtMs = committedAtMs ?? this.#committedAtMs;
          this.#tally.processed(this.#deps.now());
          if (this.#progress.isAwaited) this.#progress.reached(end().binlog);
        },
      });
      if (outcome === 'schema-changed') {
        const text = 'a mapped table was altered: reading schema and book again';
        this.#deps.log.warn({ text }, 'schema changed');
        this.#mustReload = true;
      }
    } finally {
      joining?.snapshot.close();
    }
  }

  async #openJoining(
    { source, rows }: ConnectedSource,
    signal: AbortSignal,
  ): Promise<Joining | null> {
    const isFresh = this.#position === null;
    if (!isFresh && !this.#mustReload) return null;
    const snapshot = await openSnapshot({ pool: this.#pool, source, rows, signal }, this.#deps);
    return { snapshot, until: isFresh ? null : this.#pipeline };
  }

  /** Puts an exact book into use, in the tick in which the publisher hears of a reset. */
  #takeBook(book: Book, rows: RowReader, publisher: Publisher): Pipeline {
    const names = this.#namesOver(rows);
    names.reset(rows);
    if (this.#pipeline === null) {
      this.#pipeline = new Pipeline(
        {
          pool: this.#pool,
          names,
          publisher,
          book,
          rows,
          changing: (changes) => {
            this.#currentItems.changing(changes);
          },
        },
        { log: this.#deps.log, databaseNow: () => this.#deps.now() + this.#clockOffsetMs },
      );
    } else {
      this.#pipeline.replaceBook(book, rows);
    }
    this.#mustReload = false;
    const reason = this.#resetReason;
    this.#resetReason = null;
    if (reason !== null) publisher.sourceReset?.(reason);
    return this.#pipeline;
  }

  #makeWatch(): BookWatch {
    const { driftEveryMs, driftConfirmAfterMs, overdueAfterMs } = this.#options;
    return new BookWatch(
      {
        pool: this.#clientPool,
        current: () => (this.#phase.state === 'streaming' ? this.#pipeline : null),
        reached: () => this.#reached(),
        driftEveryMs: driftEveryMs ?? DRIFT_EVERY_MS,
        ...(driftConfirmAfterMs === undefined ? {} : { driftConfirmAfterMs }),
        overdueAfterMs: overdueAfterMs ?? OVERDUE_AFTER_MS,
      },
      { log: this.#deps.log, databaseNow: () => this.#deps.now() + this.#clockOffsetMs },
    );
  }

  /** Everything up to here is in the book. */
  #reached(): BinlogPosition | null {
    if (this.#phase.state !== 'streaming' || this.#pipeline?.isBusy !== false) return null;
    return this.#connector.seen;
  }

  #namesOver(rows: RowReader): NameCache {
    this.#names ??= new NameCache({
      database: this.#pool,
      clientReads: this.#clientPool,
      rows,
      namesMax: this.#options.nameCacheMax ?? NAMES_MAX,
    });
    return this.#names;
  }

  #goLive({ source }: ConnectedSource, start: Start): void {
    this.#liveSinceMs = this.#deps.now();
    this.#pipeline?.startClock();
    this.#watch.start();
    this.#clockTimer ??= setInterval(() => {
      void this.#refreshClock();
    }, CLOCK_EVERY_MS).unref();
    this.#enter({ state: 'streaming' });
    this.#deps.log.info({ version: source.version, serverId: source.serverId }, 'source streaming');
    start.resolve(source);
  }

  /** Decides what follows a failure; false: nothing but a halt. */
  #recover(failure: AppError): boolean {
    const recovery = recoveryOf(failure.code, this.#options.onPositionLost);
    if (failure.code === 'SERVER_ID_CONFLICT') this.#connector.forgetServerId();
    if (recovery !== 'reload') return recovery === 'resume';
    this.#deps.log.error({ code: failure.code, text: failure.message }, 'position lost');
    this.#tally.positionLost();
    this.#position = null;
    if (this.#pipeline !== null) {
      // What the countdowns would tell is no longer known to be true.
      this.#pipeline.stop();
      this.#resetReason ??= failure.message;
    }
    this.#connector.forgetTail();
    return true;
  }

  #noteRetry(failure: AppError, attempt: number): void {
    const lastError = failure.message;
    this.#tally.retried(failure.code);
    this.#pool.renew();
    this.#clientPool.renew();
    this.#enter({ state: 'connecting', attempt, lastError });
    const level = ERRORS[failure.code].log === 'error' ? 'error' : retryLogLevel(attempt);
    this.#deps.log[level]({ code: failure.code, attempt, text: lastError }, 'source retry');
  }

  #halt(error: unknown, start: Start): void {
    this.#pipeline?.stop();
    const code = error instanceof AppError ? error.code : 'ROW_UNDECODABLE';
    const reason = error instanceof Error ? error.message : String(error);
    this.#enter({ state: 'halted', code, reason });
    this.#deps.log.fatal({ code, text: reason, err: error }, 'feed halted');
    start.reject(error);
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    this.#pipeline?.stop();
    if (this.#clockTimer !== null) clearInterval(this.#clockTimer);
    // A frozen server may keep a query waiting: closing the pools ends it.
    this.#pool.close();
    this.#clientPool.close();
    const bound = delay(STOP_WITHIN_MS, undefined, { ref: false });
    await Promise.race([Promise.all([this.#run, this.#watch.stop()]), bound]);
    this.#enter({ state: 'stopped' });
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    const state = this.feedState();
    for (const listener of this.#listeners) listener(state);
  }

  async #refreshClock(): Promise<void> {
    try {
      this.#clockOffsetMs = await measureClockOffset(this.#pool, this.#deps.now);
    } catch (error) {
      this.#deps.log.debug({ err: error }, 'clock unmeasured');
    }
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  #livedMs(): number {
    return this.#liveSinceMs === null ? 0 : this.#deps.now() - this.#liveSinceMs;
  }

  #random(): number {
    return (this.#deps.random ?? Math.random)();
  }
}

/** A view that always shows the book in use, without the entries that are ahead of the stream. */
function viewOf(current: () => Pipeline | null): BookView {
  return {
    get: (itemId) => current()?.exact(itemId),
    get size() {
      return current()?.book.size ?? 0;
    },
    *values() {
      yield* current()?.book.values() ?? [];
    },
  };
}
