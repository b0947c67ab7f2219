/**
 * Transactions → published events, in order. Waits for what a slice needs (unknown items, names), then translates and
 * publishes it in one tick, so that whoever looks sees book and published events at the same point. Runs the clock of the
 * countdowns beside it.
 */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import type { Auction, Book } from '../src/auction/book.ts';
import { compareBidIds } from '../src/auction/bid-rows.ts';
import { followBook } from '../src/auction/countdown.ts';
import type { DomainEvent } from '../src/auction/domain-event.ts';
import type { BidId, ItemId, UserId } from '../src/auction/ids.ts';
import type { RowChange } from '../src/auction/row-change.ts';
import {
  endOfRun,
  missingItems,
  missingLeaders,
  translateChanges,
} from '../src/auction/translate.ts';
import { bidsOf } from '../src/auction/undo.ts';
import { AppError, ERRORS } from '../src/errors.ts';
import type { Clock, Log, Publisher } from '../src/ports.ts';
import { BidPlaces } from './tables/bid-places.ts';
import type { Followed } from './tables/bid-places.ts';
import type { CommitPlace } from './tables/commit-view.ts';
import { CountedBids } from './tables/counted-bids.ts';
import type { DatabasePool } from './source/database-pool.ts';
import { EndingClock } from './ending-clock.ts';
import { readItems } from './tables/item-reader.ts';
import { LeaderReads } from './tables/leader-reads.ts';
import type { LeaderQuestion } from './tables/leader-reads.ts';
import type { NameCache } from './tables/name-cache.ts';
import type { RowReader } from './tables/row-reader.ts';
import type { BinlogPosition } from './source/source-position.ts';
import type { TailedTransaction } from './binlog/tailed-transaction.ts';

/** Changes translated in one tick. */
const SLICE_MAX = 1_000;
/** Between two tries of a read that failed because the database was away. */
const RETRY_EVERY_MS = 250;
/** Commit times are cut to whole seconds. */
const COMMIT_TIME_MS = 1_000;
/** Between two doubts that are acted on: a purge of old bids under row image MINIMAL raises one with each statement. */
const DOUBT_EVERY_MS = 60_000;

export interface PipelineOptions {
  readonly pool: DatabasePool;
  readonly names: NameCache;
  readonly publisher: Publisher;
  readonly book: Book;
  readonly rows: RowReader;
  /** Newest bid that the book was made with, where keys are integers: what the stream brings is newer. */
  readonly newestBid?: BidId | null;
  /** Told of changes in the tick in which they are published, right before. */
  readonly changing?: (changes: readonly RowChange[]) => void;
}

export interface PipelineDeps {
  readonly log: Log;
  /** The database's clock: epoch ms. */
  readonly databaseNow: Clock;
}

export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #deps: PipelineDeps;
  readonly #clock: EndingClock;
  readonly #places = new BidPlaces();
  readonly #leaders: LeaderReads;
  #book: Book;
  #rows: RowReader;
  #counted: CountedBids;
  /** Newest bid key in the book or delivered since, where keys are integers. */
  #newestBid: BidId | null;
  #isBusy = false;
  #isReplaying = false;
  #writer: number | null = null;
  #translateMs = 0;
  /** Row changes of bids on items that nobody could name, since the book was loaded. */
  #unplaced = 0;
  #doubtedAtMs = -Infinity;
  /** The end of the last transaction after which a leader was not known. */
  #end: CommitPlace | null = null;

  constructor(options: PipelineOptions, deps: PipelineDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#book = options.book;
    this.#rows = options.rows;
    this.#newestBid = options.newestBid ?? null;
    this.#counted = new CountedBids(options.book);
    this.#clock = new EndingClock({
      now: deps.databaseNow,
      announce: (events) => {
        options.publisher.publish({ events, nameOf: this.#nameOf, committedAtMs: null });
      },
    });
    this.#leaders = new LeaderReads({
      pool: options.pool,
      persist: (read, signal) => this.#persist(read, signal),
    });
    this.#follow();
  }

  get book(): Book {
    return this.#book;
  }

  /** An entry of the book that is exact as of the last published event; undefined for others. */
  exact(itemId: ItemId): Auction | undefined {
    const isOpen = this.#counted.isAhead(itemId) || this.#book.needsReload.has(itemId);
    return isOpen ? undefined : this.#book.get(itemId);
  }

  /** The stream has come to here without bringing a transaction. */
  passed(at: BinlogPosition): void {
    if (this.#counted.size > 0) this.#counted.passed(at);
  }

  get rows(): RowReader {
    return this.#rows;
  }

  /** True while a transaction is partly in the book. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** `server_id` of the server that wrote the newest change of our tables first; null before one has come. */
  get writer(): number | null {
    return this.#writer;
  }

  /**
   * True, at most once a minute, when the book must be loaded again: a bid was deleted or altered (row image MINIMAL) on an
   * item that nobody could name.
   */
  takeDoubt(): boolean {
    const nowMs = performance.now();
    if (this.#unplaced === 0 || nowMs - this.#doubtedAtMs < DOUBT_EVERY_MS) return false;
    this.#doubtedAtMs = nowMs;
    const count = this.#unplaced;
    const text =
      'row images of bids name no item (binlog_row_image=MINIMAL): reading the book again';
    this.#deps.log.warn({ count, text }, 'bid without item');
    return true;
  }

  /** Time spent translating so far, in milliseconds; publishing is not part of it. */
  get translateMs(): number {
    return this.#translateMs;
  }

  /** Active auctions past their end, with that end in epoch ms. */
  get past(): ReadonlyMap<ItemId, number> {
    return this.#clock.countdown.past;
  }

  /** Starts the countdowns. */
  startClock(): void {
    this.#clock.start();
  }

  /** Ends the countdowns; the book stays as it is. Idempotent. */
  stop(): void {
    this.#clock.stop();
  }

  /** Puts another book in the place of this one, between two transactions. */
  replaceBook(book: Book, rows: RowReader, newestBid: BidId | null): void {
    this.#book = book;
    this.#rows = rows;
    this.#newestBid = newestBid;
    this.#isBusy = false;
    this.#unplaced = 0;
    this.#counted = new CountedBids(book);
    this.#clock.reset();
    this.#follow();
  }

  /**
   * Translates and publishes one transaction. A database that is away is waited for, however long, because half of the
   * transaction may be published already.
   *
   * @throws AppError ROW_UNDECODABLE for a row read beside the stream; an AbortError when `signal` aborts
   */
  async process(tailed: TailedTransaction, signal: AbortSignal): Promise<void> {
    this.#isBusy = true;
    await this.#process(tailed, signal);
    // After a failure it stays busy: what is in the book then belongs to no position.
    this.#isBusy = false;
    if (this.#book.lacksLeader.size === 0) return;
    this.#end = this.#placeOf(tailed);
    this.#readLeaders(signal);
  }

  /**
   * As `process`, for the history alone: what it publishes is marked as a replay. The book must be as it was before the
   * transaction.
   */
  async replay(tailed: TailedTransaction, signal: AbortSignal): Promise<void> {
    this.#isReplaying = true;
    try {
      await this.#process(tailed, signal);
    } finally {
      this.#isReplaying = false;
    }
  }

  async #process(tailed: TailedTransaction, signal: AbortSignal): Promise<void> {
    const { changes, id, committedAtMs } = tailed.transaction;
    if (changes.length > 0) this.#writer = tailed.writer;
    for (let at = 0; at < changes.length; at += SLICE_MAX) {
      if (at > 0) await nextTurn(undefined, { signal });
      const slice = changes.length <= SLICE_MAX ? changes : changes.slice(at, at + SLICE_MAX);
      const followed = this.#places.follow(slice);
      const placed =
        followed.unplaced.length === 0
          ? followed.changes
          : await this.#place(followed, tailed, signal);
      for (let from = 0; from < placed.length;) {
        const to = this.#rows.schema.leaderColumn
          ? placed.length
          : endOfRun(placed, from, placed.length);
        const run = to - from === placed.length ? placed : placed.slice(from, to);
        await this.#prepare(run, tailed, signal);
        this.#publish(run, id, committedAtMs);
        from = to;
      }
    }
    if (this.#counted.size > 0) this.#counted.passed(tailed.end().binlog);
    if (tailed.emptiesBids === true) this.#forgetBids();
  }

  /** The bids are gone without a row event: until the book is loaded anew, those that follow count from nothing. */
  #forgetBids(): void {
    for (const auction of this.#book.values()) {
      auction.bidCount = 0;
      auction.countedBids = null;
      if (!this.#rows.schema.leaderColumn) this.#book.setLeader(auction.itemId, null);
    }
  }

  /** Names the items of bids whose images do not. */
  async #place(
    followed: Followed,
    tailed: TailedTransaction,
    signal: AbortSignal,
  ): Promise<readonly RowChange[]> {
    const { pool } = this.#options;
    const where = { pool, rows: this.#rows, book: this.#book, place: this.#placeOf(tailed) };
    let found = followed;
    await this.#persist(async () => {
      found = await this.#places.search(followed, where);
    }, signal);
    this.#unplaced += found.unplaced.length;
    return found.changes;
  }

  /** Reads what the run needs and memory does not hold. */
  async #prepare(
    slice: readonly RowChange[],
    tailed: TailedTransaction,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#leaders.isReading) await this.#leaders.settled(slice);
    const { lacksLeader, needsReload } = this.#book;
    const missing = missingItems(this.#book, slice).filter((itemId) => !lacksLeader.has(itemId));
    if (missing.length > 0 || needsReload.size > lacksLeader.size) {
      const stale = [...needsReload].filter((itemId) => !lacksLeader.has(itemId));
      await this.#persist(() => this.#load([...new Set([...missing, ...stale])]), signal);
    }
    if (!this.#rows.schema.leaderColumn) await this.#findLeaders(slice, tailed, signal);
    const users = this.#usersOf(slice);
    if (users.size > 0) await this.#persist(() => this.#options.names.prefetch(users), signal);
  }

  /** Who led before these changes, where that is not known and makes a difference. */
  async #findLeaders(
    slice: readonly RowChange[],
    tailed: TailedTransaction,
    signal: AbortSignal,
  ): Promise<void> {
    const itemIds = missingLeaders(this.#book, slice);
    if (itemIds.length === 0) return;
    const { changes } = tailed.transaction;
    const first = slice[0]?.index ?? 0;
    const undelivered = bidsOf([changes.filter(({ index }) => index >= first)]);
    await this.#leaders.read(
      this.#leaderQuestion(itemIds, this.#placeOf(tailed), undelivered),
      signal,
    );
  }

  #placeOf(tailed: TailedTransaction): CommitPlace {
    const { committedAtMs } = tailed.transaction;
    return { ...tailed.end(), ageMs: this.#deps.databaseNow() - committedAtMs - COMMIT_TIME_MS };
  }

  /** Asks at once who leads where the last transaction took a leader away. */
  #readLeaders(signal: AbortSignal): void {
    const { lacksLeader } = this.#book;
    if (lacksLeader.size === 0 || this.#leaders.isReading || this.#end === null) return;
    const question = this.#leaderQuestion([...lacksLeader], this.#end, new Map());
    this.#leaders.begin(question, signal, () => {
      // Others that came meanwhile; while a transaction is under way its end sees to them.
      if (!this.#isBusy) this.#readLeaders(signal);
    });
  }

  #leaderQuestion(
    itemIds: readonly ItemId[],
    place: CommitPlace,
    undelivered: LeaderQuestion['undelivered'],
  ): LeaderQuestion {
    const [book, rows, newestDelivered] = [this.#book, this.#rows, this.#newestBid];
    return { book, rows, itemIds, place, newestDelivered, undelivered };
  }

  async #load(itemIds: readonly ItemId[]): Promise<void> {
    const { pool } = this.#options;
    const found = await readItems(pool, this.#rows, itemIds, { newestStreamed: this.#newestBid });
    await this.#counted.expect(found, pool);
    for (const itemId of itemIds) {
      const auction = found.get(itemId);
      if (auction !== undefined) {
        this.#book.set(auction);
        continue;
      }
      // Gone from the table: its delete is on its way. What is known of it has to do until then.
      const known = this.#book.get(itemId);
      if (known !== undefined) this.#book.set(known);
    }
    this.#deps.log.debug({ asked: itemIds.length, found: found.size }, 'items read');
  }

  /** One tick: book, names, countdown and events move together. */
  #publish(slice: readonly RowChange[], transactionId: string, committedAtMs: number): void {
    const { names, publisher } = this.#options;
    this.#options.changing?.(slice);
    for (const run of runsBetweenUsers(slice)) {
      const startedAtMs = performance.now();
      for (const change of run) {
        if (change.table === 'users') names.apply(change);
        else if (change.table === 'bids' && change.kind === 'insert') this.#noteBid(change.bidId);
      }
      const events: DomainEvent[] = [];
      for (const settled of this.#counted.settle(run)) {
        events.push(...translateChanges(this.#book, transactionId, settled));
      }
      this.#follow();
      this.#translateMs += performance.now() - startedAtMs;
      if (events.length === 0) continue;
      const batch = { events, nameOf: this.#nameOf, committedAtMs };
      publisher.publish(this.#isReplaying ? { ...batch, replay: true } : batch);
    }
  }

  #follow(): void {
    followBook(this.#clock.countdown, this.#book, this.#deps.databaseNow());
    this.#clock.rearm();
  }

  #noteBid(bidId: BidId): void {
    if (!this.#rows.hasOrderedBids) return;
    if (this.#newestBid === null || compareBidIds(bidId, this.#newestBid) > 0)
      this.#newestBid = bidId;
  }

  /** Users whose names the slice's events will show: bidders, and leaders of auctions that end. */
  #usersOf(slice: readonly RowChange[]): Set<UserId> {
    const users = new Set<UserId>();
    for (const change of slice) {
      if (change.table === 'bids' && change.kind === 'insert') {
        users.add(change.after.bidderId);
      } else if (change.table === 'items' && change.kind === 'update') {
        const { status, highestBidderId } = change.after;
        if (status === undefined || status === 'active') continue;
        const leader = highestBidderId ?? this.#book.get(change.itemId)?.leaderId ?? null;
        if (leader !== null) users.add(leader);
      }
    }
    return users;
  }

  readonly #nameOf = (userId: UserId): string | null => this.#options.names.nameOf(userId);

  async #persist(read: () => Promise<void>, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        await read();
        return;
      } catch (error) {
        if (!(error instanceof AppError) || ERRORS[error.code].action !== 'retry') throw error;
        const level = attempt % 20 === 0 ? 'warn' : 'debug';
        this.#deps.log[level](
          { code: error.code, attempt, error: error.message },
          'side read failed',
        );
        await delay(RETRY_EVERY_MS, undefined, { signal });
      }
    }
  }
}

/** Pieces that each begin with a users row at most, so that a rename holds from its own row on. */
function* runsBetweenUsers(slice: readonly RowChange[]): Generator<readonly RowChange[]> {
  let from = 0;
  for (let at = 1; at < slice.length; at += 1) {
    if (slice[at]?.table !== 'users') continue;
    yield slice.slice(from, at);
    from = at;
  }
  yield from === 0 ? slice : slice.slice(from);
}
