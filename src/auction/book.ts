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
  /** Amount and id of the leading bid; kept only where the schema has no leader column. */
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

/** What may be read of one auction outside the book. */
export type AuctionView = Readonly<Omit<Auction, 'countedBids'>>;

export interface BookView {
  get(itemId: ItemId): AuctionView | undefined;
  /** Auctions in the book, live ones and the bounded number of others kept for a while. */
  readonly size: number;
  values(): IterableIterator<AuctionView>;
}
