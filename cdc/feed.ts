/**
 * The database side as one service: preflight, snapshot, stream, and the reconnecting between them.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { AuctionView, BookView } from '../src/auction/book.ts';
import type { ItemId, UserId } from '../src/auction/ids.ts';
import { AppError, ERRORS } from '../src/errors.ts';
import type { FeedState, OwnBid, Publisher, UserStanding } from '../src/ports.ts';
import { Continuity } from './continuity/continuity.ts';
import { CurrentItems } from './tables/current-items.ts';
import { BookWatch } from './book-watch.ts';
import { DatabasePool } from './source/database-pool.ts';
import { FeedTally } from './feed-counters.ts';
import type { FeedCounters } from './feed-counters.ts';
import type { Feed, FeedDeps, FeedOptions } from './feed-options.ts';
import { runStream } from './feed-stream.ts';
import type { Joining } from './feed-stream.ts';
import { ItemLookup } from './tables/item-lookup.ts';
import { readItems } from './tables/item-reader.ts';
import { NameCache } from './tables/name-cache.ts';
import { prepareRefill, runRefill } from './history-refill.ts';
import type { HistoryWindow } from './continuity/history-window.ts';
import { Pipeline } from './pipeline.ts';
import type { PipelineOptions } from './pipeline.ts';
import { backoffMs, nextAttempt, recoveryOf, retryLogLevel } from './reconnect.ts';
import type { RowReader } from './tables/row-reader.ts';
import { openSnapshot } from './tables/snapshot.ts';
import { ReplicationWatch } from './replication-watch.ts';
import { SourceClock } from './source/source-clock.ts';
import { SourceConnector } from './source-connector.ts';
import type { ConnectedSource } from './source-connector.ts';
import type { SourceInfo } from './source/source-info.ts';
import type { BinlogPosition, SourcePosition } from './source/source-position.ts';
import { binlogEnd } from './source/source-status.ts';
import { StreamProgress } from './binlog/stream-progress.ts';
import { readOwnBids, readWatchlist } from './tables/user-reads.ts';
import { viewOf } from './visible-book.ts';

export type { Feed, FeedDeps, FeedOptions } from './feed-options.ts';

/** Makes a feed; nothing is connected before `start`. */
export function createFeed(options: FeedOptions, deps: FeedDeps): Feed {
  return new DatabaseFeed(options, deps);
}

const NAMES_MAX = 100_000;
const HISTORY_REFILL_CHANGES_MAX = 200_000;
const CLIENT_CONNECTIONS_MAX = 2;
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
  readonly #replication: ReplicationWatch;
  readonly #clock: SourceClock;
  readonly #progress = new StreamProgress((at) => this.#pipeline?.passed(at));
  readonly #currentItems: CurrentItems;
  readonly #continuity: Continuity;
  readonly #stopping = new AbortController();
  readonly #listeners: ((state: FeedState) => void)[] = [];
  #phase: Phase = { state: 'starting' };
  #names: NameCache | null = null;
  #pipeline: Pipeline | null = null;
  #isStarted = false;
  #run: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | null = null;
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
    this.#clock = new SourceClock(this.#pool, deps);
    this.#connector = new SourceConnector(this.#pool, options, deps);
    this.#continuity = new Continuity(
      {
        database: options.database,
        checkpointFile: options.checkpointFile ?? null,
        historyMs: options.historyMs ?? 0,
        refillChangesMax: options.historyRefillChangesMax ?? HISTORY_REFILL_CHANGES_MAX,
        onPositionLost: options.onPositionLost,
      },
      deps,
    );
    this.#lookup = new ItemLookup((itemIds) =>
      readItems(this.#clientPool, this.#connector.rows, itemIds),
    );
    this.book = viewOf(() => this.#pipeline);
    this.#watch = this.#makeWatch();
    this.#replication = new ReplicationWatch(
      {
        pool: this.#clientPool,
        source: () => (this.#phase.state === 'streaming' ? this.#connector.source : null),
        writer: () => this.#pipeline?.writer ?? null,
        everyMs: options.replicationEveryMs,
      },
      deps,
    );
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
    return this.#clock.offsetMs;
  }

  counters(): FeedCounters {
    return this.#tally.counters({
      book: this.#watch.counters,
      source: this.#connector,
      replicationRuns: this.#replication.runs,
      translateMs: this.#pipeline?.translateMs ?? 0,
      isStreaming: this.#phase.state === 'streaming',
      nowMs: this.#deps.now(),
      committedAtMs: this.#committedAtMs,
      clockOffsetMs: this.#clock.offsetMs,
    });
  }

  feedState(): FeedState {
    const phase = this.#phase;
    if (phase.state !== 'streaming') return phase;
    const { packetAtMs } = this.#connector;
    const replication = this.#replication.runs === false && { replicationStopped: true as const };
    return { state: 'streaming', packetAtMs, committedAtMs: this.#committedAtMs, ...replication };
  }

  isFresh(): boolean {
    if (this.#phase.state !== 'streaming' || this.#progress.isBehind) return false;
    if (this.#replication.runs === false) return false;
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

  readStanding(userId: UserId): UserStanding | null | Promise<UserStanding | null> {
    return this.#namesOver(this.#connector.rows).standingOf(userId);
  }

  /** Connects, streams and connects again, until stopped or halted. Never rejects. */
  async #runUntilStopped(start: Start): Promise<void> {
    const { signal } = this.#stopping;
    let attempt = 0;
    while (!this.#isStopping()) {
      this.#liveSinceMs = null;
      try {
        const random = (this.#deps.random ?? Math.random)();
        if (attempt > 0) await delay(backoffMs(attempt, random), undefined, { signal });
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
    const goesOn = this.#position !== null && !this.#mustReload;
    const connected = await this.#connector.connect({ goesOn });
    const { source, rows, tail } = connected;
    this.#clock.offsetMs = source.clockOffsetMs;
    const position = this.#position?.() ?? null;
    if (position !== null) await this.#connector.checkPosition(connected, position);
    this.#continuity.connected(connected);
    const window = await this.#beginHistory(connected, signal);
    const joining = await this.#openJoining(connected, window, signal);
    const from = position ?? window?.from ?? joining?.snapshot.from;
    if (from === undefined) throw new Error('neither a position nor a snapshot to start from');
    const missed = joining === null ? await binlogEnd(this.#pool) : null;
    try {
      const outcome = await runStream({
        guard: connected.guard,
        tail,
        from,
        joining,
        signal,
        pipeline: this.#pipeline,
        progress: this.#progress,
        onJoined: (joined) => this.#takeBook(joined, rows, start.publisher),
        onLive: () => {
          this.#progress.catchUp(missed, () => {
            this.#enter(this.#phase);
          });
          this.#goLive(connected, start);
        },
        onProcessed: (end, committedAtMs) => {
          this.#position = end;
          this.#committedAtMs = committedAtMs ?? this.#committedAtMs;
          this.#tally.processed(this.#deps.now());
          this.#continuity.handedOn(end, committedAtMs ?? this.#clock.now());
          if (this.#progress.isAwaited) this.#progress.reached(end().binlog);
        },
      });
      if (outcome !== 'ended') this.#mustReload = true;
      if (outcome === 'schema-changed') {
        const text = 'a mapped table was altered: reading schema and book again';
        this.#deps.log.warn({ text }, 'schema changed');
      }
    } catch (error) {
      const isOfThePast = window !== null && this.#pipeline === null;
      if (!isOfThePast || !this.#continuity.giveUp(error)) throw error;
      this.#connector.forgetTail();
    } finally {
      joining?.snapshot.close();
    }
  }

  /** Only the first book of all has a past to be told again; one after a loss has none by declaration. */
  async #beginHistory(
    connected: ConnectedSource,
    signal: AbortSignal,
  ): Promise<HistoryWindow | null> {
    if (this.#pipeline !== null || this.#position !== null) return null;
    const nowMs = this.#clock.now();
    return this.#continuity.begin(connected, { database: this.#pool, nowMs, signal });
  }

  async #openJoining(
    { source, rows }: ConnectedSource,
    window: HistoryWindow | null,
    signal: AbortSignal,
  ): Promise<Joining | null> {
    const isFresh = this.#position === null;
    if (!isFresh && !this.#mustReload) return null;
    const snapshot = await openSnapshot({ pool: this.#pool, source, rows, signal }, this.#deps);
    return { snapshot, until: isFresh ? null : this.#pipeline, window };
  }

  /** Puts an exact book into use, in the tick in which the publisher hears of a reset. */
  async #takeBook(
    { snapshot, window }: Joining,
    rows: RowReader,
    publisher: Publisher,
  ): Promise<Pipeline> {
    const [{ log }, { signal }] = [this.#deps, this.#stopping];
    const refill = window === null ? null : await prepareRefill(window, snapshot, { log, signal });
    const book = refill?.book ?? (await snapshot.finish());
    const newestBid = snapshot.newestBid();
    snapshot.close();
    const names = this.#namesOver(rows);
    names.reset(rows);
    const known = this.#pipeline;
    const pipeline = known ?? this.#makePipeline({ book, newestBid, names, rows, publisher });
    if (refill !== null) await runRefill(refill, { pipeline, names, log }, signal);
    // Nobody sees the book before it is back where the tables are.
    known?.replaceBook(book, rows, newestBid);
    this.#pipeline = pipeline;
    this.#continuity.opened(window);
    this.#mustReload = false;
    const reason = this.#resetReason;
    this.#resetReason = null;
    if (reason !== null) publisher.sourceReset?.(reason);
    return pipeline;
  }

  #makePipeline(options: Omit<PipelineOptions, 'pool' | 'changing'>): Pipeline {
    return new Pipeline(
      {
        ...options,
        pool: this.#pool,
        changing: (changes) => {
          this.#currentItems.changing(changes);
        },
      },
      { log: this.#deps.log, databaseNow: this.#clock.now },
    );
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
      { log: this.#deps.log, databaseNow: this.#clock.now },
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
    this.#enter({ state: 'streaming' });
    for (const beside of [this.#watch, this.#replication, this.#clock]) beside.start();
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
    for (const pool of [this.#pool, this.#clientPool]) pool.renew();
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
    this.#clock.stop();
    // A frozen server may keep a query waiting: closing the pools ends it.
    for (const pool of [this.#pool, this.#clientPool]) pool.close();
    const bound = delay(STOP_WITHIN_MS, undefined, { ref: false });
    const ended = [this.#run, this.#watch.stop(), this.#replication.stop()];
    await Promise.race([Promise.all(ended), bound]);
    await this.#continuity.stop();
    this.#enter({ state: 'stopped' });
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    const state = this.feedState();
    for (const listener of this.#listeners) listener(state);
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  readonly #livedMs = (): number =>
    this.#liveSinceMs === null ? 0 : this.#deps.now() - this.#liveSinceMs;
}
