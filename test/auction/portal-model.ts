/**
 * A portal in memory: tables of items and bids, changed as the PHP API does, each write giving the row change that a
 * binlog would hold. What the tables say is what the book is compared with.
 */
import fc from 'fast-check';
import { blankAuction, type Auction, type BookSchema } from '../../src/auction/book.ts';
import { bidIdOf, itemIdOf, userIdOf, type UserId } from '../../src/auction/ids.ts';
import { compareMoney } from '../../src/auction/money.ts';
import type {
  AuctionStatus,
  BidImage,
  ItemImage,
  RowChange,
} from '../../src/auction/row-change.ts';
import { money } from './builders.ts';

export type PortalWrite =
  | {
      readonly write: 'bid';
      readonly item: number;
      readonly bidder: number;
      readonly cents: number;
    }
  | {
      readonly write: 'raise';
      readonly item: number;
      readonly bidder: number;
      readonly cents: number;
    }
  | { readonly write: 'move'; readonly item: number; readonly endTimeMs: number | null }
  | { readonly write: 'status'; readonly item: number; readonly status: AuctionStatus }
  | { readonly write: 'verdict'; readonly item: number; readonly reserveMet: boolean }
  | { readonly write: 'create'; readonly item: number }
  | { readonly write: 'drop'; readonly item: number }
  | { readonly write: 'retract'; readonly nth: number }
  | {
      readonly write: 'alter';
      readonly nth: number;
      readonly to: {
        readonly item?: number | undefined;
        readonly bidder?: number | undefined;
        readonly cents?: number | undefined;
      };
    };

export const ITEMS = 4;
const item = fc.nat(ITEMS - 1);
const bidder = fc.integer({ min: 1, max: 3 });
const cents = fc.integer({ min: 1, max: 40 });

/** Writes weighted as life has them: mostly bids. */
export const portalWrites: fc.Arbitrary<PortalWrite[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ write: fc.constant('bid'), item, bidder, cents }) },
    { weight: 6, arbitrary: fc.record({ write: fc.constant('raise'), item, bidder, cents }) },
    {
      weight: 2,
      arbitrary: fc.record({
        write: fc.constant('move'),
        item,
        endTimeMs: fc.constantFrom(null, 1_000, 2_000, 3_000),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        write: fc.constant('status'),
        item,
        status: fc.constantFrom<AuctionStatus>('upcoming', 'active', 'sold', 'unsold', 'cancelled'),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ write: fc.constant('verdict'), item, reserveMet: fc.boolean() }),
    },
    { weight: 1, arbitrary: fc.record({ write: fc.constant('create'), item }) },
    { weight: 1, arbitrary: fc.record({ write: fc.constant('drop'), item }) },
    { weight: 2, arbitrary: fc.record({ write: fc.constant('retract'), nth: fc.nat(30) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        write: fc.constant('alter'),
        nth: fc.nat(30),
        to: fc.record({ item, bidder, cents }, { requiredKeys: [] }),
      }),
    },
  ),
  { maxLength: 60 },
);

type ItemRow = Required<ItemImage>;
interface BidRow {
  readonly id: number;
  readonly item: number;
  readonly bidder: UserId;
  readonly cents: number;
}

export class PortalModel {
  readonly #schema: BookSchema;
  readonly #isMinimal: boolean;
  readonly #items = new Map<number, ItemRow>();
  #bids: BidRow[] = [];
  #bidIdLast = 0;
  #index = 0;

  constructor(schema: BookSchema, rowImage: 'FULL' | 'MINIMAL') {
    this.#schema = schema;
    this.#isMinimal = rowImage === 'MINIMAL';
    for (let id = 0; id < ITEMS; id += 1) {
      this.#items.set(id, newRow());
    }
  }

  /** Applies a write; null where the tables refuse it (no such item, or one that is there already). */
  apply(write: PortalWrite): RowChange | null {
    const change = this.#change(write);
    return change === null ? null : { ...change, index: this.#index++ };
  }

  bidCountOf(id: number): number {
    return this.#bids.filter((bid) => bid.item === id).length;
  }

  /** The entry a loader would make of the tables as they are; null where there is no such item. */
  load(id: number): Auction | null {
    const row = this.#items.get(id);
    if (row === undefined) {
      return null;
    }
    const leading = this.#leadingBid(id);
    const hasLeader = this.#schema.leaderColumn;
    return {
      ...blankAuction(this.#schema, itemIdOf(id), row.status),
      currentPrice: row.currentPrice,
      endTimeMs: row.endTimeMs,
      sellerId: this.#schema.sellerColumn === true ? row.sellerId : null,
      reservePrice: this.#schema.reserveColumn === true ? row.reservePrice : undefined,
      reserveMet: this.#schema.reserveMetColumn === true ? row.reserveMet : undefined,
      leaderId: hasLeader ? row.highestBidderId : (leading?.bidder ?? null),
      leadingAmount: hasLeader || leading === undefined ? null : amountOf(leading),
      leadingBidId: hasLeader || leading === undefined ? null : bidIdOf(leading.id),
      bidCount: this.bidCountOf(id),
    };
  }

  #leadingBid(id: number): BidRow | undefined {
    return this.#bids
      .filter((bid) => bid.item === id)
      .toSorted((a, b) => compareMoney(amountOf(b), amountOf(a)) || a.id - b.id)[0];
  }

  #change(write: PortalWrite): RowChange | null {
    const row = { index: 0, timestampMs: 1_770_000_000_000 };
    switch (write.write) {
      case 'bid': {
        this.#bidIdLast += 1;
        const bid = { ...write, id: this.#bidIdLast, bidder: userIdOf(write.bidder) };
        if (!this.#items.has(write.item)) {
          return null;
        }
        this.#bids.push(bid);
        const after = imageOf(bid);
        return { ...row, table: 'bids', kind: 'insert', bidId: bidIdOf(bid.id), after };
      }
      case 'retract': {
        const bid = this.#bids[write.nth];
        if (bid === undefined) {
          return null;
        }
        this.#bids = this.#bids.filter(({ id }) => id !== bid.id);
        const before = { itemId: itemIdOf(bid.item) };
        return { ...row, table: 'bids', kind: 'delete', bidId: bidIdOf(bid.id), before };
      }
      case 'alter': {
        const bid = this.#bids[write.nth];
        const { item: itemId = bid?.item, bidder: bidderId, cents: amount } = write.to;
        if (bid === undefined || itemId === undefined || !this.#items.has(itemId)) {
          return null;
        }
        const altered = {
          id: bid.id,
          item: itemId,
          bidder: bidderId === undefined ? bid.bidder : userIdOf(bidderId),
          cents: amount ?? bid.cents,
        };
        this.#bids = this.#bids.map((known) => (known.id === bid.id ? altered : known));
        const [before, after] = [imageOf(bid), imageOf(altered)];
        return { ...row, table: 'bids', kind: 'update', bidId: bidIdOf(bid.id), before, after };
      }
      case 'create': {
        if (this.#items.has(write.item)) {
          return null;
        }
        this.#items.set(write.item, newRow());
        const after = this.#mapped(newRow());
        return { ...row, table: 'items', kind: 'insert', itemId: itemIdOf(write.item), after };
      }
      case 'drop': {
        const before = this.#items.get(write.item);
        if (before === undefined || this.bidCountOf(write.item) > 0) {
          return null; // the foreign key of the bids
        }
        this.#items.delete(write.item);
        return {
          ...row,
          table: 'items',
          kind: 'delete',
          itemId: itemIdOf(write.item),
          before: this.#isMinimal ? {} : this.#mapped(before),
        };
      }
      case 'raise':
        return this.#update(write.item, {
          currentPrice: money((write.cents / 100).toFixed(2)),
          highestBidderId: userIdOf(write.bidder),
        });
      case 'move':
        return this.#update(write.item, { endTimeMs: write.endTimeMs });
      case 'status':
        return this.#update(write.item, { status: write.status });
      case 'verdict':
        return this.#update(write.item, { reserveMet: write.reserveMet });
    }
  }

  #update(id: number, change: ItemImage): RowChange | null {
    const before = this.#items.get(id);
    if (before === undefined) {
      return null;
    }
    const after = { ...before, ...change };
    this.#items.set(id, after);
    return {
      index: 0,
      timestampMs: 1_770_000_000_000,
      table: 'items',
      kind: 'update',
      itemId: itemIdOf(id),
      before: this.#isMinimal ? {} : this.#mapped(before),
      after: this.#isMinimal ? this.#mapped(change) : this.#mapped(after),
    };
  }

  /** Only the columns this schema has. */
  #mapped(image: ItemImage): ItemImage {
    const { highestBidderId, sellerId, reservePrice, reserveMet, ...always } = image;
    const { leaderColumn, sellerColumn, reserveColumn, reserveMetColumn } = this.#schema;
    return {
      ...always,
      ...(leaderColumn && highestBidderId !== undefined ? { highestBidderId } : {}),
      ...(sellerColumn === true && sellerId !== undefined ? { sellerId } : {}),
      ...(reserveColumn === true && reservePrice !== undefined ? { reservePrice } : {}),
      ...(reserveMetColumn === true && reserveMet !== undefined ? { reserveMet } : {}),
    };
  }
}

function newRow(): ItemRow {
  return {
    status: 'active',
    currentPrice: money('0.01'),
    endTimeMs: 1_000,
    sellerId: userIdOf(9),
    highestBidderId: null,
    reservePrice: money('0.20'),
    reserveMet: false,
  };
}

function imageOf(bid: BidRow): BidImage {
  const { item: itemId, bidder: bidderId } = bid;
  return { itemId: itemIdOf(itemId), bidderId, amount: amountOf(bid), placedAtMs: null };
}

function amountOf(bid: BidRow): ReturnType<typeof money> {
  return money((bid.cents / 100).toFixed(2));
}
