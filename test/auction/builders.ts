/**
 * Row changes, books and auctions for tests, from short notation.
 */
import { Book, blankAuction, type Auction, type BookSchema } from '../../src/auction/book.ts';
import type { DomainEvent } from '../../src/auction/domain-event.ts';
import { bidIdOf, itemIdOf, userIdOf, type Money } from '../../src/auction/ids.ts';
import { parseMoney } from '../../src/auction/money.ts';
import type {
  BidImage,
  ItemImage,
  RowChange,
  Transaction,
  UserImage,
} from '../../src/auction/row-change.ts';

/** The four combinations of columns portals are met with, the leader column aside. */
export const LEADER_SCHEMA: BookSchema = {
  leaderColumn: true,
  sellerColumn: true,
  reserveColumn: true,
  reserveMetColumn: true,
};
export const BIDS_ONLY_SCHEMA: BookSchema = {
  leaderColumn: false,
  sellerColumn: true,
  reserveColumn: false,
  reserveMetColumn: false,
};

export function money(text: string): Money {
  const amount = parseMoney(text);
  if (amount === null) {
    throw new Error(`not money: ${text}`);
  }
  return amount;
}

export function bookWith(schema: BookSchema, ...auctions: Partial<Auction>[]): Book {
  const book = new Book(schema);
  for (const auction of auctions) {
    book.set({
      ...blankAuction(schema, itemIdOf(1), 'active'),
      currentPrice: money('10.00'),
      endTimeMs: 1_000_000,
      sellerId: userIdOf(9),
      ...auction,
    });
  }
  book.drainTouched();
  return book;
}

const at = { index: 0, timestampMs: 1_770_000_000_000 };

export function bidInsert(id: number, item: number, bidder: number, amount: string): RowChange {
  const after = {
    itemId: itemIdOf(item),
    bidderId: userIdOf(bidder),
    amount: money(amount),
    placedAtMs: 5_000,
  };
  return { ...at, table: 'bids', kind: 'insert', bidId: bidIdOf(id), after };
}

export function bidDelete(id: number, item: number): RowChange {
  const before = { itemId: itemIdOf(item) };
  return { ...at, table: 'bids', kind: 'delete', bidId: bidIdOf(id), before };
}

export function bidUpdate(
  id: number,
  before: Partial<BidImage>,
  after: Partial<BidImage>,
): RowChange {
  return { ...at, table: 'bids', kind: 'update', bidId: bidIdOf(id), before, after };
}

export function itemUpdate(item: number, before: ItemImage, after: ItemImage): RowChange {
  return { ...at, table: 'items', kind: 'update', itemId: itemIdOf(item), before, after };
}

export function itemInsert(item: number, after: ItemImage): RowChange {
  return { ...at, table: 'items', kind: 'insert', itemId: itemIdOf(item), after };
}

export function itemDelete(item: number, before: ItemImage): RowChange {
  return { ...at, table: 'items', kind: 'delete', itemId: itemIdOf(item), before };
}

export function userUpdate(user: number, before: UserImage, after: UserImage): RowChange {
  return { ...at, table: 'users', kind: 'update', userId: userIdOf(user), before, after };
}

/** One transaction of these changes, numbered as a decoder would. */
export function transactionOf(id: string, ...changes: RowChange[]): Transaction {
  return { id, committedAtMs: at.timestampMs, changes: numbered(changes) };
}

function numbered(changes: readonly RowChange[]): RowChange[] {
  return changes.map((change, index) => ({ ...change, index }));
}

/** Events without their ids, which differ between transactions by design. */
export function withoutIds(events: readonly DomainEvent[]): object[] {
  return events.map((event) =>
    Object.fromEntries(Object.entries(event).filter(([field]) => field !== 'eventId')),
  );
}
