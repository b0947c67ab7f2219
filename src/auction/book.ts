/**
 * The book: the state of each live auction, loaded at start beside the stream and kept by row changes. One mutable map
 * that only `translate` (and the loader, between transactions) changes; everyone else sees it as a `BookView`.
 */
import type { BidId, ItemId, Money, UserId } from './ids.ts';
import type { AuctionStatus } from './row-change.ts';

/** One auction as the book holds it. Fields are mutable for `translate` alone. */
export interface Auction {
  readonly itemId: ItemId;
  status: AuctionStatus;
  currentPrice: Money | null;
  endTimeMs: number | null;
  sellerId: UserId | null;
  /** `highest_bidder_id` where mapped, else the bidder of the leading bid. */
  leaderId: UserId | null;
  /**
   * Amount and id of the leading bid; kept only where the schema has no leader column. A loader that can tell leaves
   * out the bids it puts in `countedBids`, so that each of them takes the lead when the stream delivers it.
   */
  leadingAmount: Money | null;
  leadingBidId: BidId | null;
  /** Private. `undefined` where the schema maps no such column. */
  reservePrice: Money | null | undefined;
  reserveMet: boolean | null | undefined;
  bidCount: number;
  /**
   * Ids of bids already in `bidCount` that the stream may still deliver, because this entry was read from the tables
   * while the stream was behind them. Null once none is expected.
   */
  countedBids: Set<BidId> | null;
}

/** The bid that leads an auction; where the schema has no leader column. */
export interface LeadingBid {
  readonly bidId: BidId;
  readonly bidderId: UserId;
  readonly amount: Money;
}

/** What may be read of one auction outside the book. */
export type AuctionView = Readonly<Omit<Auction, 'countedBids'>>;

export interface BookView {
  get(itemId: ItemId): AuctionView | undefined;
  /** Auctions in the book, live ones and the bounded number of others kept for a while. */
  readonly size: number;
  values(): IterableIterator<AuctionView>;
}

/** Which optional columns the schema maps: what an absent key in an image can mean. */
export interface BookSchema {
  /** `highest_bidder_id` is mapped: the leader comes from the items row, else from the bids. */
  readonly leaderColumn: boolean;
  readonly sellerColumn?: boolean;
  readonly reserveColumn?: boolean;
  readonly reserveMetColumn?: boolean;
}

/** Entries of auctions that are not active which are kept for a while, so that late bids on them need no read. */
export const OTHERS_MAX = 10_000;

/** An entry of which nothing is known yet but its id and status. */
export function blankAuction(schema: BookSchema, itemId: ItemId, status: AuctionStatus): Auction {
  return {
    itemId,
    status,
    currentPrice: null,
    endTimeMs: null,
    sellerId: null,
    leaderId: null,
    leadingAmount: null,
    leadingBidId: null,
    reservePrice: schema.reserveColumn === true ? null : undefined,
    reserveMet: schema.reserveMetColumn === true ? null : undefined,
    bidCount: 0,
    countedBids: null,
  };
}

/**
 * The mutable book. Active entries stay until their row says otherwise; of the others the `OTHERS_MAX` most recently
 * used by the stream stay. Reads through `BookView` do not count as use, so what is evicted follows from the stream
 * alone.
 */
export class Book implements BookView {
  readonly schema: BookSchema;
  readonly #live = new Map<ItemId, Auction>();
  /** In order of last use, the oldest first. */
  readonly #others = new Map<ItemId, Auction>();
  readonly #touched = new Set<ItemId>();
  readonly #needsReload = new Set<ItemId>();
  readonly #lacksLeader = new Set<ItemId>();

  constructor(schema: BookSchema) {
    this.schema = schema;
  }

  get size(): number {
    return this.#live.size + this.#others.size;
  }

  /** Active auctions in the book. */
  get liveSize(): number {
    return this.#live.size;
  }

  /**
   * Items whose entry cannot be trusted until it is read from the tables again (the leading bid was deleted where the
   * schema has no leader column; a partial insert image). The pipeline reads them and calls `set` or `setLeader` before
   * it translates another change of them; `missingItems` names them.
   */
  get needsReload(): ReadonlySet<ItemId> {
    return this.#needsReload;
  }

  /** Those of `needsReload` of which only the leader is not known. */
  get lacksLeader(): ReadonlySet<ItemId> {
    return this.#lacksLeader;
  }

  get(itemId: ItemId): Auction | undefined {
    return this.#live.get(itemId) ?? this.#others.get(itemId);
  }

  has(itemId: ItemId): boolean {
    return this.#live.has(itemId) || this.#others.has(itemId);
  }

  *values(): IterableIterator<Auction> {
    yield* this.#live.values();
    yield* this.#others.values();
  }

  /** Files an entry as the tables hold it: the loader's way in. Replaces what was there and settles `needsReload`. */
  set(auction: Auction): void {
    this.#settle(auction.itemId);
    this.refile(auction);
  }

  /** Enters who leads, as the tables say it: the loader's way for `lacksLeader`. Null: nobody. */
  setLeader(itemId: ItemId, leader: LeadingBid | null): void {
    const auction = this.get(itemId);
    if (auction === undefined) return;
    this.#settle(itemId);
    auction.leaderId = leader?.bidderId ?? null;
    auction.leadingAmount = leader?.amount ?? null;
    auction.leadingBidId = leader?.bidId ?? null;
  }

  delete(itemId: ItemId): void {
    this.#live.delete(itemId);
    this.#others.delete(itemId);
    this.#settle(itemId);
    this.#touched.add(itemId);
  }

  /** For `translate`: an entry it has changed goes where its status belongs, as the most recently used one. */
  refile(auction: Auction): void {
    const { itemId } = auction;
    this.#touched.add(itemId);
    if (auction.status === 'active') {
      this.#others.delete(itemId);
      this.#live.set(itemId, auction);
      return;
    }
    this.#live.delete(itemId);
    this.#keepOther(auction);
  }

  /** For `translate`: the entry, counted as used now. */
  use(itemId: ItemId): Auction | undefined {
    const live = this.#live.get(itemId);
    if (live !== undefined) {
      return live;
    }
    const other = this.#others.get(itemId);
    if (other !== undefined) {
      this.#keepOther(other);
    }
    return other;
  }

  /** For `translate`: see `needsReload`. */
  markStale(itemId: ItemId): void {
    this.#needsReload.add(itemId);
    this.#lacksLeader.delete(itemId);
  }

  /** Who leads now only the tables know. */
  dethrone(auction: Auction): void {
    auction.leaderId = null;
    auction.leadingAmount = null;
    auction.leadingBidId = null;
    if (this.#needsReload.has(auction.itemId)) return;
    this.#needsReload.add(auction.itemId);
    this.#lacksLeader.add(auction.itemId);
  }

  /**
   * Items filed, changed in status or end time, or deleted since the last call; the countdown follows them
   * (`followBook`). Call it after each slice, so that it stays as small as a slice.
   */
  drainTouched(): ItemId[] {
    const touched = [...this.#touched];
    this.#touched.clear();
    return touched;
  }

  #keepOther(auction: Auction): void {
    this.#others.delete(auction.itemId);
    this.#others.set(auction.itemId, auction);
    if (this.#others.size > OTHERS_MAX) {
      const oldest = this.#others.keys().next();
      if (oldest.done !== true) {
        this.#others.delete(oldest.value);
        this.#settle(oldest.value);
      }
    }
  }

  #settle(itemId: ItemId): void {
    this.#needsReload.delete(itemId);
    this.#lacksLeader.delete(itemId);
  }
}
