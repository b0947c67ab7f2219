/**
 * Steady bidding on a portal of shape A while something goes wrong: in both styles of the PHP API, some transactions
 * rolled back, some with two bids, and now and then an auction that ends. Each item has one writer, so the order in which
 * the ledger notes is the order of commits; bids carry ids of our own, so that one whose answer never came can be looked
 * up afterwards.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Pool, PoolConnection, RowDataPacket } from 'mysql2/promise';
import { until } from '../support/until.ts';
import { Ledger } from './ledger.ts';
import type { BidEntry, EndEntry, Entry } from './ledger.ts';

const WRITERS = 4;
const ITEMS_A_WRITER = 2;
/** Auctions that a writer ends, one after the other. */
const ENDING_A_WRITER = 10;
/** Auctions that no writer touches: for scenarios that write by themselves. */
const SPARE = 6;
const ROLLBACK_EVERY = 10;
const DOUBLE_EVERY = 10;
const END_EVERY = 25;
/** Between two requests of one writer: enough work to matter, little enough for a small machine. */
const PAUSE_MS = 8;
const RETRY_MS = 50;

interface Writer {
  readonly items: readonly number[];
  readonly ending: number[];
}

export class Load {
  ledger = new Ledger();
  readonly bidderIds: readonly number[];
  /** Auctions that are watched and that no writer touches. */
  readonly spareIds: readonly number[];
  /** Statements that every second request runs first on its session. */
  setup: readonly string[] = [];
  #pool: Pool;
  readonly #writers: readonly Writer[];
  readonly #cents = new Map<number, number>();
  #turn = 0;
  #requests = 0;
  #nextBidId: number;
  #isRunning = false;
  #work: Promise<unknown> = Promise.resolve();

  private constructor(
    pool: Pool,
    parts: {
      readonly writers: readonly Writer[];
      readonly bidderIds: readonly number[];
      readonly spareIds: readonly number[];
    },
  ) {
    this.#pool = pool;
    this.#writers = parts.writers;
    this.bidderIds = parts.bidderIds;
    this.spareIds = parts.spareIds;
    for (const itemId of parts.spareIds) this.ledger.addItem(itemId);
    this.#nextBidId = 1000;
    for (const { items, ending } of parts.writers) {
      for (const itemId of [...items, ...ending]) this.ledger.addItem(itemId);
    }
  }

  /** @param add makes an item or a user and says its id */
  static async create(
    pool: Pool,
    add: { readonly item: () => Promise<number>; readonly user: () => Promise<number> },
  ): Promise<Load> {
    const several = (count: number, one: () => Promise<number>): Promise<number[]> =>
      Promise.all(Array.from({ length: count }, one));
    const bidderIds = await several(10, add.user);
    const writers: Writer[] = [];
    for (let i = 0; i < WRITERS; i += 1) {
      const items = await several(ITEMS_A_WRITER, add.item);
      writers.push({ items, ending: await several(ENDING_A_WRITER, add.item) });
    }
    return new Load(pool, { writers, bidderIds, spareIds: await several(SPARE, add.item) });
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#work = Promise.all(this.#writers.map((writer) => this.#write(writer)));
  }

  /** Resolves when no request is under way. The server must answer. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#work;
  }

  /** Waits until this many more changes are committed. */
  async more(changes: number, withinMs = 30_000): Promise<void> {
    const before = this.ledger.size;
    await until(() => this.ledger.size >= before + changes, {
      withinMs,
      what: () => `${changes} more commits; there were ${this.ledger.size - before}`,
    });
  }

  /** Goes on against another server. Only while stopped. */
  moveTo(pool: Pool): void {
    this.#pool = pool;
  }

  /** Looks up what became of requests that were never answered. Only while stopped. */
  async settle(): Promise<void> {
    this.ledger.settle(await this.#tables());
  }

  /** After the source lost committed data: a ledger of what it still has becomes the present one. @returns the one before */
  async rebase(): Promise<Ledger> {
    const before = this.ledger;
    const tables = await this.#tables();
    before.settle(tables);
    this.ledger = before.asHeldBy(tables);
    return before;
  }

  /** An id for a bid that a scenario writes by itself. */
  takeBidId(): number {
    this.#nextBidId += 1;
    return this.#nextBidId;
  }

  /** Decimal text above every amount of that item so far. */
  takeAmount(itemId: number): string {
    const cents = (this.#cents.get(itemId) ?? 1000) + 1 + ((itemId * 31 + this.#turn) % 250);
    this.#cents.set(itemId, cents);
    return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
  }

  async #tables(): Promise<{ bids: Set<number>; ended: Set<number> }> {
    const [bids] = await this.#pool.query<RowDataPacket[]>('SELECT id FROM bids');
    const [ended] = await this.#pool.query<RowDataPacket[]>(
      `SELECT id FROM items WHERE status <> 'active'`,
    );
    const ids = (rows: RowDataPacket[]): Set<number> =>
      new Set(rows.map((row) => Number(row['id'])));
    return { bids: ids(bids), ended: ids(ended) };
  }

  async #write(writer: Writer): Promise<void> {
    let turn = 0;
    while (this.#isRunning) {
      turn += 1;
      this.#turn += 1;
      const itemId = writer.items[turn % writer.items.length];
      if (itemId === undefined) throw new Error('a writer without items');
      const ended = turn % END_EVERY === 0 ? writer.ending.shift() : undefined;
      const isAnswered =
        ended === undefined ? await this.#bid(itemId, turn) : await this.#end(ended);
      await pause(isAnswered ? PAUSE_MS : RETRY_MS);
    }
  }

  async #bid(itemId: number, turn: number): Promise<boolean> {
    const style = turn % 3 === 0 ? 'autocommit' : 'transaction';
    const isUndone = style === 'transaction' && turn % ROLLBACK_EVERY === 1;
    const count = style === 'transaction' && turn % DOUBLE_EVERY === 2 ? 2 : 1;
    const bids = Array.from({ length: count }, () => this.#newBid(itemId));
    for (const bid of bids) this.ledger.note(itemId, bid);
    return this.#request(bids, async (connection) => {
      if (style === 'autocommit') {
        await this.#insert(connection, itemId, bids);
        for (const bid of bids) bid.state = 'committed';
        await this.#raise(connection, itemId, bids);
        return;
      }
      await connection.beginTransaction();
      await this.#insert(connection, itemId, bids);
      await this.#raise(connection, itemId, bids);
      await (isUndone ? connection.rollback() : connection.commit());
      for (const bid of bids) bid.state = isUndone ? 'undone' : 'committed';
    });
  }

  async #end(itemId: number): Promise<boolean> {
    const bid = this.#newBid(itemId);
    const end: EndEntry = { kind: 'ended', state: 'pending' };
    this.ledger.note(itemId, bid);
    this.ledger.note(itemId, end);
    return this.#request([bid, end], async (connection) => {
      await connection.beginTransaction();
      await this.#insert(connection, itemId, [bid]);
      await this.#raise(connection, itemId, [bid]);
      await connection.query(`UPDATE items SET status = 'completed' WHERE id = ?`, [itemId]);
      await connection.commit();
      bid.state = 'committed';
      end.state = 'committed';
    });
  }

  /** @returns false when the server gave no answer; what was not answered is `unknown` then */
  async #request(
    entries: readonly { state: BidEntry['state'] }[],
    work: (connection: PoolConnection) => Promise<void>,
  ): Promise<boolean> {
    let connection: PoolConnection | null = null;
    try {
      connection = await this.#pool.getConnection();
      this.#requests += 1;
      if (this.setup.length > 0 && this.#requests % 2 === 0) {
        for (const sql of this.setup) await connection.query(sql);
        await work(connection);
        // The session's settings go with it.
        connection.destroy();
        return true;
      }
      await work(connection);
      connection.release();
      return true;
    } catch {
      connection?.destroy();
      for (const entry of entries) {
        // Without a connection nothing was sent.
        if (entry.state === 'pending') entry.state = connection === null ? 'undone' : 'unknown';
      }
      return false;
    }
  }

  /** A bid to be written by a scenario, not noted yet. */
  newBid(itemId: number): BidEntry {
    return this.#newBid(itemId);
  }

  /** The bidder of a bid, which follows from its id. */
  bidderOf(bidId: number): number {
    return this.#bidder(bidId);
  }

  /** Notes what a scenario has committed, in its order. */
  noteCommitted(itemId: number, ...entries: readonly Entry[]): void {
    for (const entry of entries) {
      entry.state = 'committed';
      this.ledger.note(itemId, entry);
    }
  }

  #newBid(itemId: number): BidEntry {
    const amount = this.takeAmount(itemId);
    return { kind: 'bid', bidId: this.takeBidId(), amount, state: 'pending' };
  }

  async #insert(
    connection: PoolConnection,
    itemId: number,
    bids: readonly BidEntry[],
  ): Promise<void> {
    for (const { bidId, amount } of bids) {
      await connection.query(
        'INSERT INTO bids (id, item_id, bidder_id, amount) VALUES (?, ?, ?, ?)',
        [bidId, itemId, this.#bidder(bidId), amount],
      );
    }
  }

  async #raise(
    connection: PoolConnection,
    itemId: number,
    bids: readonly BidEntry[],
  ): Promise<void> {
    const last = bids.at(-1);
    if (last === undefined) return;
    await connection.query(
      'UPDATE items SET current_price = ?, highest_bidder_id = ? WHERE id = ?',
      [last.amount, this.#bidder(last.bidId), itemId],
    );
  }

  #bidder(bidId: number): number {
    return this.bidderIds[bidId % this.bidderIds.length] ?? 0;
  }
}
