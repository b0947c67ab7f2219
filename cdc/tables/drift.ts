/**
 * Compares the book with the tables, to find what the binlog never told: writes with `sql_log_bin=0`, statement-format
 * writes, rows changed behind the server's back.
 *
 * Problem: tables and book are never at the same point. The stream is behind the tables by what is in flight, and on
 * MySQL even ahead of them for a moment, because a commit is in the binlog before the engine shows it. So a difference
 * is only a suspicion. It counts as drift when the stream has passed the end that the binlog had after the tables were
 * read, the book's entry did not move meanwhile, and all of that happened twice with the same result, some time apart.
 * An auction that is bid on all the while is left unsettled and looked at again next time.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Auction, Book } from '../../src/auction/book.ts';
import type { ItemId, Money } from '../../src/auction/ids.ts';
import { quoted } from '../source/database-pool.ts';
import type { DatabasePool, Queryable } from '../source/database-pool.ts';
import type { RowReader } from './row-reader.ts';
import { compareBinlogPositions } from '../source/source-position.ts';
import type { BinlogPosition } from '../source/source-position.ts';
import { binlogEnd } from '../source/source-status.ts';

/** What is compared: one book, how its tables are read, and how far the stream has brought it. */
export interface ComparedBook {
  readonly book: Book;
  readonly rows: RowReader;
}

export interface DriftOptions {
  readonly pool: DatabasePool;
  /** The book in use; null while none is exact. Another one than at the start ends the comparison. */
  readonly current: () => ComparedBook | null;
  /** Everything up to here is in the book; null while not streaming. */
  readonly reached: () => BinlogPosition | null;
  /** Milliseconds between two chunks, so that the database feels no peak; default 50. */
  readonly pauseMs?: number;
  /**
   * Milliseconds between the two looks at a suspicion; default 12,000. More than a semi-synchronous source waits for a
   * replica (10 s by default) with a commit in the binlog that its tables do not show.
   */
  readonly confirmAfterMs?: number;
}

/** One auction whose entry is not what the tables say. Names of fields, never values. */
export interface Drift {
  readonly itemId: ItemId;
  readonly fields: readonly string[];
}

export interface DriftReport {
  /** Live auctions compared. */
  readonly compared: number;
  readonly drifted: readonly Drift[];
  /** Auctions that kept moving: neither equal nor different. */
  readonly unsettled: number;
  /** False when it was cut short: the stream ended or fell far behind, or the book was loaded anew. */
  readonly isComplete: boolean;
}

/** Rows walked over, and auctions compared, in one step. */
const WALK_ROWS = 2_000;
const CHUNK_ITEMS = 200;
const PAUSE_MS = 50;
const CONFIRM_AFTER_MS = 12_000;
/** Suspicions followed up in one comparison; more than that is no drift but another database. */
const SUSPECTS_MAX = 2_000;
const ROUNDS_MAX = 3;
const REACH_WITHIN_MS = 30_000;
const REACH_POLL_MS = 50;

/** The fields that are compared, as text; null: no active auction. */
type State = Readonly<Record<string, string>> | null;

/** One comparison of everything. @throws AppError when the database fails; an AbortError when `signal` aborts */
export async function compareBook(
  options: DriftOptions,
  signal: AbortSignal,
): Promise<DriftReport> {
  const subject = options.current();
  if (subject === null) return { compared: 0, drifted: [], unsettled: 0, isComplete: false };
  return new Comparison(options, subject, signal).run();
}

class Comparison {
  readonly #options: DriftOptions;
  readonly #subject: ComparedBook;
  readonly #signal: AbortSignal;
  readonly #suspects = new Set<ItemId>();
  #compared = 0;

  constructor(options: DriftOptions, subject: ComparedBook, signal: AbortSignal) {
    this.#options = options;
    this.#subject = subject;
    this.#signal = signal;
  }

  async run(): Promise<DriftReport> {
    const isWalked = (await this.#findUnknown()) && (await this.#compareKnown());
    const settled = await this.#settle();
    return {
      compared: this.#compared,
      drifted: settled.drifted,
      unsettled: settled.unsettled,
      isComplete: isWalked && settled.isComplete && this.#suspects.size < SUSPECTS_MAX,
    };
  }

  /** Active rows that the book does not have. Walks the whole table by its key, a bounded number of rows at a time. */
  async #findUnknown(): Promise<boolean> {
    const { rows, book } = this.#subject;
    const { items } = rows.mapping;
    const key = quoted(items.columns.itemId.name);
    const table = rows.tableName(items);
    const active = `${quoted(items.columns.status.name)} IN (?)`;
    let low: string | null = null;
    for (;;) {
      const above = low === null ? '' : ` WHERE ${key} > ?`;
      const from = low === null ? [] : [low];
      const [edge] = await this.#options.pool.query(
        `SELECT ${key} FROM ${table}${above} ORDER BY ${key} LIMIT 1 OFFSET ${WALK_ROWS.toString()}`,
        from,
      );
      const high: string | null = edge?.[0] ?? null;
      const below = high === null ? '' : ` AND ${key} <= ?`;
      const found = await this.#options.pool.query(
        `SELECT ${key} FROM ${table} WHERE ${active}${low === null ? '' : ` AND ${key} > ?`}${below}`,
        [rows.activeWords(), ...from, ...(high === null ? [] : [high])],
      );
      for (const row of found) {
        const itemId = rows.itemId(row[0]);
        if (book.get(itemId)?.status !== 'active') this.#suspect(itemId);
      }
      if (high === null) return true;
      low = high;
      if (!(await this.#pause())) return false;
    }
  }

  /** Every live entry against its rows. */
  async #compareKnown(): Promise<boolean> {
    let chunk: ItemId[] = [];
    // The map may change under the iteration: entries that go are passed over, those that come are met or not.
    for (const { itemId, status } of this.#subject.book.values()) {
      if (status !== 'active') break;
      chunk.push(itemId);
      if (chunk.length < CHUNK_ITEMS) continue;
      await this.#compareChunk(chunk);
      chunk = [];
      if (!(await this.#pause())) return false;
    }
    await this.#compareChunk(chunk);
    return true;
  }

  async #compareChunk(itemIds: readonly ItemId[]): Promise<void> {
    if (itemIds.length === 0) return;
    const table = await this.#read(itemIds);
    this.#compared += itemIds.length;
    for (const itemId of itemIds) {
      if (differing(this.#entry(itemId), table.get(itemId) ?? null).length > 0)
        this.#suspect(itemId);
    }
  }

  #suspect(itemId: ItemId): void {
    if (this.#suspects.size < SUSPECTS_MAX) this.#suspects.add(itemId);
  }

  async #settle(): Promise<Pick<DriftReport, 'drifted' | 'unsettled' | 'isComplete'>> {
    const drifted: Drift[] = [];
    let open: readonly ItemId[] = [...this.#suspects];
    for (let round = 0; round < ROUNDS_MAX && open.length > 0; round += 1) {
      const first = await this.#look(open);
      if (first === null) return { drifted, unsettled: open.length, isComplete: false };
      const suspects = [...first.differing.keys()];
      if (suspects.length === 0) {
        open = first.moving;
        continue;
      }
      await delay(this.#options.confirmAfterMs ?? CONFIRM_AFTER_MS, undefined, {
        signal: this.#signal,
      });
      const second = await this.#look(suspects);
      if (second === null) return { drifted, unsettled: open.length, isComplete: false };
      open = [...first.moving, ...second.moving];
      for (const [itemId, look] of second.differing) {
        if (look.text === first.differing.get(itemId)?.text) {
          drifted.push({ itemId, fields: look.fields });
        } else {
          open = [...open, itemId];
        }
      }
    }
    return { drifted, unsettled: open.length, isComplete: true };
  }

  /** One look at suspicions, with the stream past what was read; null when it cannot be taken. */
  async #look(itemIds: readonly ItemId[]): Promise<Look | null> {
    const differ = new Map<ItemId, { readonly fields: readonly string[]; readonly text: string }>();
    const moving: ItemId[] = [];
    for (let at = 0; at < itemIds.length; at += CHUNK_ITEMS) {
      const chunk = itemIds.slice(at, at + CHUNK_ITEMS);
      const before = new Map(chunk.map((itemId) => [itemId, JSON.stringify(this.#entry(itemId))]));
      const table = await this.#read(chunk);
      if (!(await this.#reach(await binlogEnd(this.#options.pool)))) return null;
      for (const itemId of chunk) {
        const entry = this.#entry(itemId);
        const row = table.get(itemId) ?? null;
        const fields = differing(entry, row);
        if (fields.length === 0) continue;
        if (JSON.stringify(entry) !== before.get(itemId)) moving.push(itemId);
        else differ.set(itemId, { fields, text: JSON.stringify([entry, row]) });
      }
      if (!(await this.#pause())) return null;
    }
    return { differing: differ, moving };
  }

  /** Waits until the book holds everything up to `end`. */
  async #reach(end: BinlogPosition): Promise<boolean> {
    for (let waitedMs = 0; waitedMs <= REACH_WITHIN_MS; waitedMs += REACH_POLL_MS) {
      const reached = this.#options.reached();
      if (reached !== null && compareBinlogPositions(reached, end) >= 0) return this.#isSame();
      await delay(REACH_POLL_MS, undefined, { signal: this.#signal });
    }
    return false;
  }

  async #pause(): Promise<boolean> {
    await delay(this.#options.pauseMs ?? PAUSE_MS, undefined, { signal: this.#signal });
    return this.#isSame();
  }

  #isSame(): boolean {
    return this.#options.current()?.book === this.#subject.book;
  }

  #entry(itemId: ItemId): State {
    const { book, rows } = this.#subject;
    const auction = book.get(itemId);
    return auction === undefined || auction.status !== 'active' ? null : stateOf(auction, rows);
  }

  /** The auctions as the tables have them, in one consistent view. */
  #read(itemIds: readonly ItemId[]): Promise<Map<ItemId, State>> {
    return this.#options.pool.use(async (session) => {
      await session.query('START TRANSACTION READ ONLY');
      const auctions = await readAuctions(session, this.#subject.rows, itemIds);
      await session.query('COMMIT');
      return auctions;
    });
  }
}

interface Look {
  readonly differing: ReadonlyMap<
    ItemId,
    { readonly fields: readonly string[]; readonly text: string }
  >;
  readonly moving: readonly ItemId[];
}

async function readAuctions(
  session: Queryable,
  rows: RowReader,
  itemIds: readonly ItemId[],
): Promise<Map<ItemId, State>> {
  const { items, bids } = rows.mapping;
  const found = new Map<ItemId, Auction>();
  const itemRows = await session.query(
    `SELECT ${rows.itemColumns()} FROM ${rows.tableName(items)}` +
      ` WHERE ${quoted(items.columns.itemId.name)} IN (?)`,
    [itemIds],
  );
  for (const row of itemRows) {
    const auction = rows.auction(row);
    if (auction.status === 'active') found.set(auction.itemId, auction);
  }
  if (found.size === 0) return new Map();
  const bidItem = quoted(bids.columns.itemId.name);
  const amount = quoted(bids.columns.amount.name);
  const bidRows = await session.query(
    `SELECT ${bidItem}, COUNT(*), MAX(${amount}) FROM ${rows.tableName(bids)}` +
      ` WHERE ${bidItem} IN (?) GROUP BY ${bidItem}`,
    [[...found.keys()]],
  );
  for (const row of bidRows) {
    const auction = found.get(rows.itemId(row[0]));
    if (auction === undefined) continue;
    auction.bidCount = Number(row[1]);
    auction.leadingAmount = rows.money(bids.columns.amount, row[2]);
  }
  return new Map([...found].map(([itemId, auction]) => [itemId, stateOf(auction, rows)]));
}

/** Which bid leads is compared by its amount: two bids of one amount are told apart by nobody's eye but the leader's. */
function stateOf(auction: Auction, rows: RowReader): NonNullable<State> {
  const { leaderColumn, reserveColumn, reserveMetColumn } = rows.schema;
  const text = (value: string | number | boolean | Money | null | undefined): string =>
    String(value ?? null);
  return {
    currentPrice: text(auction.currentPrice),
    endTime: text(auction.endTimeMs),
    seller: text(auction.sellerId),
    bidCount: text(auction.bidCount),
    ...(leaderColumn ? { leader: text(auction.leaderId) } : {}),
    ...(leaderColumn ? {} : { leadingAmount: text(auction.leadingAmount) }),
    ...(reserveColumn === true ? { reserve: text(auction.reservePrice) } : {}),
    ...(reserveMetColumn === true ? { reserveMet: text(auction.reserveMet) } : {}),
  };
}

function differing(entry: State, row: State): string[] {
  if (entry === null || row === null) return entry === row ? [] : ['status'];
  return Object.keys(entry).filter((field) => entry[field] !== row[field]);
}
