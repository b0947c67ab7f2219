/**
 * Facts about auctions, in the past tense, made by `translate` from committed row changes (and `EndingAnnounced` by
 * the countdown). Nothing private can be in one: no field could hold it.
 */
import type { BidId, EventId, ItemId, Money, UserId } from './ids.ts';

export type Outcome = 'sold' | 'unsold' | 'reserve_not_met' | 'cancelled';

interface Identified {
  readonly eventId: EventId;
}
interface OfItem extends Identified {
  readonly itemId: ItemId;
}

/** A bid row was committed. */
export interface BidPlaced extends OfItem {
  readonly type: 'BidPlaced';
  readonly bidId: BidId;
  readonly bidderId: UserId;
  readonly amount: Money;
  readonly placedAtMs: number | null;
  /** Amount ≥ the reserve in the book; the reserve-met column where no reserve column exists; null without a reserve. */
  readonly reserveMet: boolean | null;
  /** Bid rows of the item after this one, as the book counts them. */
  readonly bidCount: number;
}

/** A bid row was deleted. */
export interface BidRetracted extends OfItem {
  readonly type: 'BidRetracted';
  readonly bidId: BidId;
  /** The item's price as the book holds it at that moment. */
  readonly currentPrice: Money | null;
}

/** The leader changed from one user to another. Goes to the previous leader and to no one else. */
export interface LeaderOutbid extends OfItem {
  readonly type: 'LeaderOutbid';
  readonly userId: UserId;
  readonly newBidAmount: Money;
  readonly yourBidAmount: Money | null;
}

/** The end time of an active item moved; `later` is an extension. */
export interface EndTimeMoved extends OfItem {
  readonly type: 'EndTimeMoved';
  readonly direction: 'later' | 'earlier';
  readonly endTimeMs: number;
}

/** The item's status became active. */
export interface AuctionStarted extends OfItem {
  readonly type: 'AuctionStarted';
  readonly endTimeMs: number | null;
  readonly currentPrice: Money | null;
}

/** The status left active for a final one, or an active item was deleted. Never because a clock says so. */
export interface AuctionEnded extends OfItem {
  readonly type: 'AuctionEnded';
  readonly outcome: Outcome;
  readonly finalPrice: Money | null;
  readonly winnerId: UserId | null;
  readonly sellerId: UserId | null;
}

/** A countdown step: ephemeral, never replayed; its event id starts with `~`. */
export interface EndingAnnounced extends OfItem {
  readonly type: 'EndingAnnounced';
  readonly secondsRemaining: number;
  readonly endTimeMs: number;
}

/** A user was suspended, banned or deleted (`mayConnect: false`), or reinstated. */
export interface UserStandingChanged extends Identified {
  readonly type: 'UserStandingChanged';
  readonly userId: UserId;
  readonly mayConnect: boolean;
  /** Epoch ms until which it holds, where the database says. */
  readonly suspendedUntilMs: number | null;
}

/** A user put an item on his watchlist, or took it off. */
export interface WatchlistChanged extends Identified {
  readonly type: 'WatchlistChanged';
  readonly userId: UserId;
  readonly itemId: ItemId;
  readonly watching: boolean;
}

export type AuctionEvent =
  | BidPlaced
  | BidRetracted
  | LeaderOutbid
  | EndTimeMoved
  | AuctionStarted
  | AuctionEnded
  | EndingAnnounced;

export type DomainEvent = AuctionEvent | UserStandingChanged | WatchlistChanged;
