/**
 * Which item a bid is on, for rows whose images do not say.
 *
 * Under row image MINIMAL a deleted bid comes with its key alone, and an altered one with its key and what was altered.
 * Where it belongs is known of bids that the stream brought lately and of those that the book names; of an altered one the
 * table says it. What is left is nobody's guess: the caller loads the book again.
 */
import { placesOf } from '../../src/auction/bid-rows.ts';
import type { Book } from '../../src/auction/book.ts';
import type { BidId, ItemId } from '../../src/auction/ids.ts';
import type { BidChange, RowChange } from '../../src/auction/row-change.ts';
import { viewHolding } from './commit-view.ts';
import type { CommitPlace } from './commit-view.ts';
import { quoted } from '../source/database-pool.ts';
import type { DatabasePool } from '../source/database-pool.ts';
import type { RowReader } from './row-reader.ts';

/** Bids in one generation; the newest one to two generations are remembered. */
const GENERATION_MAX = 25_000;
/** Bids in one SELECT. */
const BATCH_MAX = 1_000;

/** A bid that leaves an item, or is altered on one, that its images do not name. */
type UnplacedChange = Exclude<BidChange, { readonly kind: 'insert' }>;

const NONE: readonly UnplacedChange[] = [];

export interface Followed {
  /** Each bid with its item, as far as it is remembered. */
  readonly changes: readonly RowChange[];
  /** The others. */
  readonly unplaced: readonly UnplacedChange[];
}

export interface PlaceSearch {
  readonly pool: DatabasePool;
  readonly rows: RowReader;
  readonly book: Book;
  /** Everything up to here is in the tables where they are asked. */
  readonly place: CommitPlace;
}

export class BidPlaces {
  #young = new Map<BidId, ItemId>();
  #old: ReadonlyMap<BidId, ItemId> = new Map();

  /** Follows changes in their order. */
  follow(changes: readonly RowChange[]): Followed {
    let completed: RowChange[] | null = null;
    let unplaced: UnplacedChange[] | null = null;
    for (let at = 0; at < changes.length; at += 1) {
      const change = changes[at];
      if (change?.table !== 'bids') continue;
      if (change.kind === 'insert') {
        this.#note(change.bidId, change.after.itemId);
        continue;
      }
      let named = change;
      if (change.before.itemId === undefined) {
        const itemId = this.#young.get(change.bidId) ?? this.#old.get(change.bidId);
        if (itemId === undefined) (unplaced ??= []).push(change);
        else (completed ??= [...changes])[at] = named = placedOn(change, itemId);
      }
      const { to } = named.kind === 'update' ? placesOf(named) : { to: undefined };
      if (to !== undefined) this.#note(change.bidId, to);
    }
    return { changes: completed ?? changes, unplaced: unplaced ?? NONE };
  }

  /**
   * Looks for the items of the bids that are not remembered.
   *
   * @returns the changes, and those of which nobody knows the item
   * @throws AppError
   */
  async search({ changes, unplaced }: Followed, where: PlaceSearch): Promise<Followed> {
    const found = placesInBook(where.book, new Set(unplaced.map(({ bidId }) => bidId)));
    const inPlace = unplaced.filter((change) => isInPlace(change) && !found.has(change.bidId));
    if (inPlace.length > 0) {
      for (const [bidId, itemId] of await placesInTable(inPlace, where)) found.set(bidId, itemId);
    }
    const open = new Set<RowChange>(unplaced);
    const placed = changes.map((change) => {
      if (!isOf(change, open)) return change;
      const itemId = found.get(change.bidId);
      return itemId === undefined ? change : placedOn(change, itemId);
    });
    return { changes: placed, unplaced: unplaced.filter(({ bidId }) => !found.has(bidId)) };
  }

  #note(bidId: BidId, itemId: ItemId): void {
    if (this.#young.size >= GENERATION_MAX) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(bidId, itemId);
  }
}

/** The change as it would be had its image named the item. */
function placedOn(change: UnplacedChange, itemId: ItemId): UnplacedChange {
  return { ...change, before: { ...change.before, itemId } };
}

function isOf(change: RowChange, open: ReadonlySet<RowChange>): change is UnplacedChange {
  return open.has(change);
}

/** True where the table can say which item it is: the bid is still there, and this change did not move it. */
function isInPlace(change: UnplacedChange): boolean {
  return change.kind === 'update' && change.after.itemId === undefined;
}

/** Items of bids that the book knows by name: those that lead, and those counted ahead of the stream. */
function placesInBook(book: Book, bidIds: ReadonlySet<BidId>): Map<BidId, ItemId> {
  const places = new Map<BidId, ItemId>();
  for (const { itemId, leadingBidId, countedBids } of book.values()) {
    if (leadingBidId !== null && bidIds.has(leadingBidId)) places.set(leadingBidId, itemId);
    if (countedBids === null) continue;
    for (const bidId of bidIds) if (countedBids.has(bidId)) places.set(bidId, itemId);
  }
  return places;
}

async function placesInTable(
  changes: readonly UnplacedChange[],
  { pool, rows, place }: PlaceSearch,
): Promise<Map<BidId, ItemId>> {
  const { bids } = rows.mapping;
  const bidId = quoted(bids.columns.bidId.name);
  const sql =
    `SELECT ${bidId}, ${quoted(bids.columns.itemId.name)}` +
    ` FROM ${rows.tableName(bids)} WHERE ${bidId} IN (?)`;
  const bidIds = [...new Set(changes.map((change) => change.bidId))];
  return viewHolding(pool, place, async (view) => {
    const places = new Map<BidId, ItemId>();
    for (let at = 0; at < bidIds.length; at += BATCH_MAX) {
      for (const row of await view.query(sql, [bidIds.slice(at, at + BATCH_MAX)])) {
        places.set(rows.bidId(row[0]), rows.itemId(row[1]));
      }
    }
    return places;
  });
}
