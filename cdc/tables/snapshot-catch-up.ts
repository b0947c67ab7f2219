/**
 * Brings a book that was loaded from a snapshot forward by the changes that the snapshot may or may not have seen.
 * Each is applied so that it does not matter which: see `snapshot.ts`.
 */
import type { Book } from '../../src/auction/book.ts';
import { compareBidIds } from '../../src/auction/bid-rows.ts';
import type { BidId, ItemId } from '../../src/auction/ids.ts';
import { compareMoney } from '../../src/auction/money.ts';
import type {
  BidChange,
  BidImage,
  ItemChange,
  ItemImage,
  RowChange,
} from '../../src/auction/row-change.ts';
import { translateChanges } from '../../src/auction/translate.ts';
import { quoted } from '../source/database-pool.ts';
import type { DatabaseSession } from '../source/database-pool.ts';
import { readItemsSeenBy, setLeader } from './item-reader.ts';
import type { RowReader } from './row-reader.ts';

/** Bid ids in one question to the snapshot. */
const BATCH_MAX = 1_000;

/** What became of an item: the images laid over each other, the last word of each column. */
interface ItemFate {
  readonly image: ItemImage;
  /** Inserted by one of the changes, so that the image is the whole row. */
  readonly isNew: boolean;
  readonly isDeleted: boolean;
}

/** What of a bid the book follows. */
type BidRow = Omit<BidImage, 'placedAtMs'>;

/** What became of a bid. */
interface BidFate {
  /** What is known to have been written of it, over what it was; null when it was deleted. */
  readonly written: Partial<BidRow> | null;
}

/** A bid before the changes, where the snapshot has it, and after them. */
interface BidCourse {
  readonly bidId: BidId;
  readonly was: BidRow | null;
  readonly is: BidRow | null;
}

export class SnapshotCatchUp {
  readonly #session: DatabaseSession;
  readonly #rows: RowReader;
  readonly #book: Book;
  readonly #items = new Map<ItemId, ItemFate>();
  readonly #bids = new Map<BidId, BidFate>();

  constructor(options: {
    readonly session: DatabaseSession;
    readonly rows: RowReader;
    readonly book: Book;
  }) {
    this.#session = options.session;
    this.#rows = options.rows;
    this.#book = options.book;
  }

  /** Notes changes, in commit order. Users and watchlists are no part of the book. */
  observe(changes: readonly RowChange[]): void {
    for (const change of changes) {
      if (change.table === 'items') this.#noteItem(change);
      else if (change.table === 'bids') this.#noteBid(change);
    }
  }

  /** Applies what was noted. @throws AppError */
  async reconcile(): Promise<void> {
    await this.#loadItems();
    this.#applyItems();
    const courses = coursesOf(this.#bids, await this.#seenBids());
    this.#countBids(courses);
    if (!this.#rows.schema.leaderColumn) await this.#settleLeaders(courses);
    this.#items.clear();
    this.#bids.clear();
  }

  #noteItem(change: ItemChange): void {
    const known = this.#items.get(change.itemId);
    switch (change.kind) {
      case 'insert':
        this.#items.set(change.itemId, { image: change.after, isNew: true, isDeleted: false });
        return;
      case 'update':
        this.#items.set(change.itemId, {
          image: { ...known?.image, ...change.after },
          isNew: known?.isNew ?? false,
          isDeleted: false,
        });
        return;
      case 'delete':
        this.#items.set(change.itemId, { image: {}, isNew: false, isDeleted: true });
    }
  }

  #noteBid(change: BidChange): void {
    const { bidId } = change;
    switch (change.kind) {
      case 'insert':
        this.#bids.set(bidId, { written: change.after });
        return;
      case 'update': {
        const known = this.#bids.get(bidId)?.written ?? {};
        this.#bids.set(bidId, { written: { ...known, ...change.before, ...change.after } });
        return;
      }
      case 'delete':
        this.#bids.set(bidId, { written: null });
    }
  }

  /** Items that became active, or may have: as the snapshot saw them. */
  async #loadItems(): Promise<void> {
    const wanted = [...this.#items]
      .filter(
        ([id, fate]) => !fate.isDeleted && fate.image.status === 'active' && !this.#book.has(id),
      )
      .map(([id]) => id);
    const found = await readItemsSeenBy(this.#session, this.#rows, wanted);
    for (const auction of found.values()) this.#book.set(auction);
  }

  #applyItems(): void {
    for (const [itemId, fate] of this.#items) {
      const isKnown = this.#book.has(itemId);
      if (!isKnown && (fate.isDeleted || fate.image.status !== 'active')) continue;
      // The events of these changes were somebody else's to tell; only what they do to the book is wanted.
      translateChanges(this.#book, 'catch-up', [changeOf(itemId, fate)]);
    }
  }

  /** The noted bids that the snapshot has, as they are there. */
  async #seenBids(): Promise<Map<BidId, BidRow>> {
    const { bids } = this.#rows.mapping;
    const { columns } = bids;
    const bidId = quoted(columns.bidId.name);
    const [itemId, bidderId, amount] = [columns.itemId, columns.bidderId, columns.amount].map(
      (column) => quoted(column.name),
    );
    const sql =
      `SELECT ${bidId}, ${itemId ?? ''}, ${bidderId ?? ''}, ${amount ?? ''}` +
      ` FROM ${this.#rows.tableName(bids)} WHERE ${bidId} IN (?)`;
    const seen = new Map<BidId, BidRow>();
    const noted = [...this.#bids.keys()];
    for (let at = 0; at < noted.length; at += BATCH_MAX) {
      const rows = await this.#session.query(sql, [noted.slice(at, at + BATCH_MAX)]);
      for (const row of rows) {
        const money = this.#rows.money(columns.amount, row[3]);
        if (money === null) continue;
        seen.set(this.#rows.bidId(row[0]), {
          itemId: this.#rows.itemId(row[1]),
          bidderId: this.#rows.userId(row[2]),
          amount: money,
        });
      }
    }
    return seen;
  }

  #countBids(courses: readonly BidCourse[]): void {
    for (const { was, is } of courses) {
      if (was?.itemId === is?.itemId) continue;
      if (was !== null) this.#count(was.itemId, -1);
      if (is !== null) this.#count(is.itemId, 1);
    }
  }

  #count(itemId: ItemId, by: number): void {
    const auction = this.#book.get(itemId);
    if (auction !== undefined) auction.bidCount += by;
  }

  async #settleLeaders(courses: readonly BidCourse[]): Promise<void> {
    const gone = new Map<ItemId, BidId[]>();
    for (const { bidId, was, is } of courses) {
      if (was === null || (is !== null && isSameBid(was, is))) continue;
      const list = gone.get(was.itemId) ?? [];
      list.push(bidId);
      gone.set(was.itemId, list);
    }
    for (const [itemId, bidIds] of gone) await this.#leaderWithout(itemId, bidIds);
    for (const { bidId, is } of courses) if (is !== null) this.#challenge(bidId, is);
  }

  /** The leader among the bids that the snapshot has, less those deleted or altered since. */
  async #leaderWithout(itemId: ItemId, gone: readonly BidId[]): Promise<void> {
    const auction = this.#book.get(itemId);
    const leading = auction?.leadingBidId ?? null;
    if (auction === undefined || leading === null || !gone.includes(leading)) return;
    const { bids } = this.#rows.mapping;
    const { columns } = bids;
    const bidId = quoted(columns.bidId.name);
    const amount = quoted(columns.amount.name);
    const [row] = await this.#session.query(
      `SELECT ${quoted(columns.itemId.name)}, ${bidId}, ${quoted(columns.bidderId.name)}, ${amount}` +
        ` FROM ${this.#rows.tableName(bids)} WHERE ${quoted(columns.itemId.name)} = ?` +
        ` AND ${bidId} NOT IN (?) ORDER BY ${amount} DESC, ${bidId} LIMIT 1`,
      [itemId, gone],
    );
    auction.leadingBidId = null;
    auction.leadingAmount = null;
    auction.leaderId = null;
    if (row !== undefined) setLeader(this.#rows, auction, row);
  }

  #challenge(bidId: BidId, bid: BidRow): void {
    const auction = this.#book.get(bid.itemId);
    if (auction === undefined) return;
    const { leadingAmount, leadingBidId } = auction;
    const isAbove =
      leadingAmount === null || leadingBidId === null
        ? 1
        : compareMoney(bid.amount, leadingAmount) || compareBidIds(leadingBidId, bidId);
    if (isAbove <= 0) return;
    auction.leadingBidId = bidId;
    auction.leadingAmount = bid.amount;
    auction.leaderId = bid.bidderId;
  }
}

/** What the changes made of each bid, whether the snapshot saw them or not. */
function coursesOf(
  fates: ReadonlyMap<BidId, BidFate>,
  seen: ReadonlyMap<BidId, BidRow>,
): BidCourse[] {
  return [...fates].map(([bidId, { written }]) => {
    const was = seen.get(bidId) ?? null;
    return { bidId, was, is: written === null ? null : wholeBid({ ...was, ...written }) };
  });
}

/** Null where not all of it is known: an update under row image MINIMAL of a bid that is deleted by then. */
function wholeBid({ itemId, bidderId, amount }: Partial<BidRow>): BidRow | null {
  if (itemId === undefined || bidderId === undefined || amount === undefined) return null;
  return { itemId, bidderId, amount };
}

function isSameBid(a: BidRow, b: BidRow): boolean {
  return (
    a.itemId === b.itemId && a.bidderId === b.bidderId && compareMoney(a.amount, b.amount) === 0
  );
}

function changeOf(itemId: ItemId, fate: ItemFate): ItemChange {
  const base = { table: 'items', itemId, index: 0, timestampMs: 0 } as const;
  if (fate.isDeleted) return { ...base, kind: 'delete', before: {} };
  if (fate.isNew) return { ...base, kind: 'insert', after: fate.image };
  return { ...base, kind: 'update', before: {}, after: fate.image };
}
