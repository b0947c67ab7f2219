/**
 * A portal at work: bids in both styles of the PHP API, some rolled back, some two in one transaction; extensions,
 * completions, auctions that expire and are started again. Each item has one writer, which reads the item's rows back
 * after each request, answered or not: so the courses are what the tables say.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Pool, PoolConnection, RowDataPacket } from 'mysql2/promise';
import type { Portal } from '../support/portal.ts';
import { CourseLog, type Courses, type OwnStep, type Row } from './courses.ts';

export interface LoadOptions {
  readonly pool: Pool;
  readonly portal: Portal;
  readonly bidderIds: readonly number[];
  readonly sellerId: number;
  /** Requests a second, of all writers together. */
  readonly requestsPerSecond: number;
  /** Auctions that are completed while it runs, at most. */
  readonly endings: number;
}

interface Item {
  readonly log: CourseLog;
  status: string;
  cents: number;
  leaderId: number | null;
  endTimeMs: number;
  lastBidId: number;
}

interface Writer {
  readonly live: readonly Item[];
  /** Those to be completed, the next one first. */
  readonly ending: Item[];
  /** Expires and is started again, each time for longer: so no two states of it are alike. */
  readonly relisted: Item;
}

const WRITERS = 4;
const LIVE_A_WRITER = 6;
const RETRY_MS = 100;
const HOUR_MS = 3_600_000;
/** Status words of the portal's tables, as the wire has them. */
const STATUSES: Readonly<Record<string, string>> = {
  active: 'active',
  completed: 'sold',
  expired: 'unsold',
};

export class PortalLoad {
  readonly #options: LoadOptions;
  readonly #writers: readonly Writer[];
  readonly #items: readonly Item[];
  #isRunning = false;
  #turn = 0;
  #work: Promise<unknown> = Promise.resolve();

  private constructor(options: LoadOptions, writers: readonly Writer[]) {
    this.#options = options;
    this.#writers = writers;
    this.#items = writers.flatMap(({ live, ending, relisted }) => [...live, ...ending, relisted]);
  }

  static async create(options: LoadOptions): Promise<PortalLoad> {
    const newItem = async (): Promise<Item> => {
      const endTimeMs = Math.floor(Date.now() / 1000) * 1000 + 10 * HOUR_MS;
      const itemId = await options.portal.addItem({
        title: 'A clock',
        startingPrice: '10.00',
        endTime: endTimeMs,
        sellerId: options.sellerId,
      });
      const before = { bidCount: 0, status: 'active', endTime: isoOf(endTimeMs) };
      const log = new CourseLog(itemId, before);
      return { log, status: 'active', cents: 1000, leaderId: null, endTimeMs, lastBidId: 0 };
    };
    const several = (count: number): Promise<Item[]> =>
      Promise.all(Array.from({ length: count }, newItem));
    const writers: Writer[] = [];
    for (let count = 0; count < WRITERS; count += 1) {
      const ending = await several(Math.ceil(options.endings / WRITERS));
      writers.push({ live: await several(LIVE_A_WRITER), ending, relisted: await newItem() });
    }
    return new PortalLoad(options, writers);
  }

  get itemIds(): readonly number[] {
    return this.#items.map(({ log }) => log.itemId);
  }

  /** Changes committed so far. */
  get committed(): number {
    return this.#items.reduce((total, { log }) => total + log.length, 0);
  }

  start(): void {
    this.#isRunning = true;
    this.#work = Promise.all(this.#writers.map((writer) => this.#write(writer)));
  }

  /** Resolves when no request is under way. The database must answer. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#work;
  }

  /** What became of every item. Only while stopped. */
  async courses(): Promise<Courses> {
    const byName: Record<number, OwnStep[]> = {};
    for (const { log } of this.#items) {
      for (const { userId, key } of log.byName)
        (byName[userId] ??= []).push({ itemId: log.itemId, key });
    }
    return { items: this.#items.map(({ log }) => log.course), byName, tables: await this.#rows() };
  }

  async #rows(): Promise<Row[]> {
    const [rows] = await this.#options.pool.query<RowDataPacket[]>(
      `SELECT id, status, UNIX_TIMESTAMP(end_time) AS ends, current_price, highest_bidder_id,
         (SELECT COUNT(*) FROM bids WHERE item_id = items.id) AS bids FROM items`,
    );
    return rows.map((row) => ({
      itemId: Number(row['id']),
      bidCount: Number(row['bids']),
      status: STATUSES[String(row['status'])] ?? 'unknown',
      endTime: isoOf(Number(row['ends']) * 1000),
      currentPrice: Number(row['current_price']),
      highestBidderId: row['highest_bidder_id'] === null ? null : Number(row['highest_bidder_id']),
    }));
  }

  async #write(writer: Writer): Promise<void> {
    const everyMs = (1000 * this.#writers.length) / this.#options.requestsPerSecond;
    for (let turn = 1; this.#isRunning; turn += 1) {
      const startedAtMs = performance.now();
      this.#turn += 1;
      const item = itemOf(writer, turn);
      try {
        await this.#use((connection) => this.#request(connection, item, { writer, turn }));
      } catch {
        // Whether it was done the rows will say, when the database is back.
        await pause(RETRY_MS);
      }
      await this.#readBack(item);
      await pause(Math.max(0, everyMs - (performance.now() - startedAtMs)));
    }
  }

  async #request(
    connection: PoolConnection,
    item: Item,
    { writer, turn }: { readonly writer: Writer; readonly turn: number },
  ): Promise<void> {
    const { itemId } = item.log;
    if (item === writer.relisted) {
      const [status, seconds] = item.status === 'active' ? ['expired', 0] : ['active', 300];
      const sql = 'UPDATE items SET status = ?, end_time = FROM_UNIXTIME(?) WHERE id = ?';
      await connection.query(sql, [status, item.endTimeMs / 1000 + seconds, itemId]);
    } else if (turn % 9 === 0) {
      const seconds = item.endTimeMs / 1000 + 300;
      const sql = 'UPDATE items SET end_time = FROM_UNIXTIME(?) WHERE id = ?';
      await connection.query(sql, [seconds, itemId]);
    } else {
      const isEnd = writer.ending.includes(item);
      await this.#bid(connection, item, { turn, isEnd });
      if (isEnd) writer.ending.splice(writer.ending.indexOf(item), 1);
    }
  }

  async #bid(
    connection: PoolConnection,
    item: Item,
    { turn, isEnd }: { readonly turn: number; readonly isEnd: boolean },
  ): Promise<void> {
    const { itemId } = item.log;
    const isTransaction = isEnd || turn % 3 !== 0;
    if (isTransaction) await connection.beginTransaction();
    let { cents } = item;
    let bidderId = 0;
    for (let bid = 0; bid < (isTransaction && turn % 10 === 1 ? 2 : 1); bid += 1) {
      cents += 1 + ((itemId * 31 + this.#turn) % 250);
      bidderId = this.#bidder();
      const sql = 'INSERT INTO bids (item_id, bidder_id, amount) VALUES (?, ?, ?)';
      await connection.query(sql, [itemId, bidderId, textOf(cents)]);
    }
    const sql = 'UPDATE items SET current_price = ?, highest_bidder_id = ? WHERE id = ?';
    await connection.query(sql, [textOf(cents), bidderId, itemId]);
    if (isEnd)
      await connection.query(`UPDATE items SET status = 'completed' WHERE id = ?`, [itemId]);
    if (!isTransaction) return;
    await (turn % 10 === 4 && !isEnd ? connection.rollback() : connection.commit());
  }

  #bidder(): number {
    const { bidderIds } = this.#options;
    return bidderIds[(this.#turn * 7919) % bidderIds.length] ?? 0;
  }

  /** Takes down what the last request has changed, in the order in which a request writes. */
  async #readBack(item: Item): Promise<void> {
    const { bids, row } = await this.#untilRead(item);
    const { log } = item;
    for (const bid of bids) {
      log.bid(bid);
      item.lastBidId = bid.bidId;
    }
    const cents = Math.round(Number(row['current_price']) * 100);
    const leaderId = row['highest_bidder_id'] === null ? null : Number(row['highest_bidder_id']);
    if (item.leaderId !== null && leaderId !== item.leaderId)
      log.outbid(item.leaderId, cents / 100, item.cents / 100);
    item.cents = cents;
    item.leaderId = leaderId;
    const endTimeMs = Number(row['ends']) * 1000;
    const status = String(row['status']);
    const isStarted = status === 'active' && item.status !== 'active';
    if (endTimeMs !== item.endTimeMs && !isStarted) log.extended(isoOf(endTimeMs));
    item.endTimeMs = endTimeMs;
    if (status === item.status) return;
    item.status = status;
    if (isStarted) log.started(isoOf(endTimeMs));
    else if (status === 'completed')
      log.ended('sold', { finalPrice: cents / 100, winnerId: leaderId });
    else log.ended('unsold', { finalPrice: null, winnerId: null });
  }

  async #untilRead(item: Item): Promise<{
    readonly bids: readonly {
      readonly bidId: number;
      readonly amount: number;
      readonly bidderId: number;
    }[];
    readonly row: RowDataPacket;
  }> {
    const { itemId } = item.log;
    for (;;) {
      try {
        return await this.#use(async (connection) => {
          const [bids] = await connection.query<RowDataPacket[]>(
            'SELECT id, amount, bidder_id FROM bids WHERE item_id = ? AND id > ? ORDER BY id',
            [itemId, item.lastBidId],
          );
          const [[row]] = await connection.query<RowDataPacket[]>(
            `SELECT current_price, highest_bidder_id, UNIX_TIMESTAMP(end_time) AS ends, status
             FROM items WHERE id = ?`,
            [itemId],
          );
          if (row === undefined) throw new Error(`item ${itemId.toString()} is gone`);
          const read = bids.map((bid) => ({
            bidId: Number(bid['id']),
            amount: Number(bid['amount']),
            bidderId: Number(bid['bidder_id']),
          }));
          return { bids: read, row };
        });
      } catch {
        await pause(RETRY_MS);
      }
    }
  }

  /** A connection that failed is not used again: a transaction may be open in it. */
  async #use<Result>(work: (connection: PoolConnection) => Promise<Result>): Promise<Result> {
    const connection = await this.#options.pool.getConnection();
    try {
      const result = await work(connection);
      connection.release();
      return result;
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }
}

function itemOf({ live, ending, relisted }: Writer, turn: number): Item {
  const [soonOver] = ending;
  if (turn % 25 === 0 && soonOver !== undefined) return soonOver;
  if (turn % 31 === 0) return relisted;
  const item = live[turn % live.length];
  if (item === undefined) throw new Error('a writer without items');
  return item;
}

function textOf(cents: number): string {
  return (cents / 100).toFixed(2);
}

function isoOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
