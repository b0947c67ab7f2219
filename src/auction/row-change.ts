/**
 * What one committed transaction did to the mapped tables, typed. Decoders (`cdc/`) make these; `translate` reads them.
 *
 * In images of updates and deletes an absent key means "the binlog does not say" (row image MINIMAL or NOBLOB, or the
 * column is not mapped in this schema); `null` is SQL NULL. Private columns have no place here at all, except the
 * reserve price, which the book needs and no event type can carry.
 */
import type { BidId, ItemId, Money, UserId } from './ids.ts';

/** Where an auction stands; a schema's own status words are mapped to these five by the table mapping. */
export type AuctionStatus = 'upcoming' | 'active' | 'sold' | 'unsold' | 'cancelled';

export interface ItemImage {
  readonly status?: AuctionStatus;
  readonly currentPrice?: Money | null;
  /** Epoch ms, UTC. Null where the column is NULL or a zero date. */
  readonly endTimeMs?: number | null;
  readonly sellerId?: UserId | null;
  /** Present only where the schema maps a leader column. */
  readonly highestBidderId?: UserId | null;
  /** Private. Present only where the schema maps a reserve column. */
  readonly reservePrice?: Money | null;
  /** Present only where the schema maps a reserve-met column. */
  readonly reserveMet?: boolean | null;
}

export interface BidImage {
  readonly itemId: ItemId;
  readonly bidderId: UserId;
  readonly amount: Money;
  /** Epoch ms of the bid's own timestamp column; null where it is NULL. */
  readonly placedAtMs: number | null;
}

export interface UserImage {
  readonly name?: string | null;
  /** False for suspended or banned; absent where no status column is mapped or the image lacks it. */
  readonly mayConnect?: boolean;
  /** Epoch ms until which a suspension holds; null where it is open-ended or none. */
  readonly suspendedUntilMs?: number | null;
}

interface ChangeBase {
  /** 0-based place among all row changes of mapped tables in its transaction, counted before any are dropped. */
  readonly index: number;
  /** Epoch ms (whole seconds) of the row event's own header: kept by replicas. */
  readonly timestampMs: number;
}

export type ItemChange = ChangeBase & { readonly table: 'items'; readonly itemId: ItemId } & (
    | { readonly kind: 'insert'; readonly after: ItemImage }
    | { readonly kind: 'update'; readonly before: ItemImage; readonly after: ItemImage }
    | { readonly kind: 'delete'; readonly before: ItemImage }
  );

/**
 * Updates of bid rows publish nothing. The decoder drops those that change neither item, bidder nor amount (but counts
 * them in `index`); the others are kept for what they do to the book.
 */
export type BidChange = ChangeBase & { readonly table: 'bids'; readonly bidId: BidId } & (
    | { readonly kind: 'insert'; readonly after: BidImage }
    | {
        readonly kind: 'update';
        readonly before: Partial<BidImage>;
        readonly after: Partial<BidImage>;
      }
    | { readonly kind: 'delete'; readonly before: Partial<BidImage> }
  );

export type UserChange = ChangeBase & { readonly table: 'users'; readonly userId: UserId } & (
    | { readonly kind: 'insert'; readonly after: UserImage }
    | { readonly kind: 'update'; readonly before: UserImage; readonly after: UserImage }
    | { readonly kind: 'delete' }
  );

export type WatchlistChange = ChangeBase & {
  readonly table: 'watchlist';
  readonly kind: 'insert' | 'delete';
  readonly userId: UserId;
  readonly itemId: ItemId;
};

export type RowChange = ItemChange | BidChange | UserChange | WatchlistChange;

/** The ordered row changes of one commit: the unit of translating, publishing and checkpointing. */
export interface Transaction {
  /**
   * Name of this transaction in its source's history: its GTID, or `file:position` of its commit where GTIDs are off.
   * The stem of every event id in it.
   */
  readonly id: string;
  /** Epoch ms of the commit as the source wrote it (whole seconds on most servers). */
  readonly committedAtMs: number;
  readonly changes: readonly RowChange[];
}
