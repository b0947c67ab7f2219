/**
 * What travels between the SDK and the server, protocol v2 (docs/protocol.md): the types an application sees.
 *
 * Amounts are JSON numbers and become JavaScript numbers here; times are ISO 8601 UTC text.
 */

/** An item or user id: a number while it is a safe integer, else text. */
export type Id = number | string;
export type AuctionStatus = 'upcoming' | 'active' | 'sold' | 'unsold' | 'cancelled';
export type Outcome = 'sold' | 'unsold' | 'reserve_not_met' | 'cancelled';

/** How an auction stands. */
export interface AuctionState {
  readonly status: AuctionStatus;
  readonly currentPrice: number | null;
  readonly bidCount: number;
  readonly highestBidderId: Id | null;
  readonly endTime: string | null;
  /** Null: there is no reserve. */
  readonly reserveMet: boolean | null;
}

interface ItemEvent<Type extends string> {
  readonly type: Type;
  readonly eventId: string;
  readonly itemId: Id;
}

export interface BidUpdate extends ItemEvent<'bid_update'> {
  readonly bidAmount: number;
  readonly bidderId: Id;
  readonly bidderName: string | null;
  readonly timestamp: string | null;
  readonly reserveMet: boolean | null;
  readonly bidId: Id;
  readonly bidCount: number;
  /** Earlier updates of the item that this one stands for, because the connection was slow. */
  readonly skipped?: number;
}
export interface Outbid extends ItemEvent<'outbid'> {
  readonly newBidAmount: number;
  readonly yourBidAmount: number | null;
}
export interface AuctionEnding extends ItemEvent<'auction_ending'> {
  readonly secondsRemaining: number;
  readonly endTime: string;
  readonly serverTime: string;
  readonly skipped?: number;
}
export interface AuctionExtended extends ItemEvent<'auction_extended'> {
  readonly newEndTime: string;
}
export interface AuctionRescheduled extends ItemEvent<'auction_rescheduled'> {
  readonly newEndTime: string;
}
export interface AuctionEnded extends ItemEvent<'auction_ended'> {
  readonly finalPrice: number | null;
  readonly winnerId: Id | null;
  readonly winnerName: string | null;
  readonly outcome: Outcome;
}
export interface AuctionStarted extends ItemEvent<'auction_started'> {
  readonly endTime: string | null;
  readonly currentPrice: number | null;
}
export interface BidRetracted extends ItemEvent<'bid_retracted'> {
  readonly bidId: Id;
  readonly currentPrice: number | null;
}

/** How many watch an item; only with the option `watchers`. */
export interface Watchers {
  readonly type: 'watchers';
  readonly itemId: Id;
  readonly count: number;
}

/** Where the user stands, when what he missed could not be replayed. */
export interface Standing {
  readonly type: 'standing';
  readonly items: readonly {
    readonly itemId: Id;
    readonly leading: boolean;
    readonly currentPrice: number | null;
    readonly yourBidAmount: number | null;
    readonly endTime: string | null;
  }[];
}

/** Something the server refused; `itemId` where it concerns one item. */
export interface ServerError {
  readonly type: 'error';
  readonly code: string;
  readonly message: string;
  readonly action?: string;
  readonly itemId?: Id;
}

/** Made by the SDK: an item's state, before any of its events and whenever events may have been missed. */
export interface StateEvent {
  readonly type: 'state';
  readonly itemId: Id;
  readonly state: AuctionState;
  /** True when an earlier state was known and events since then may be missing: throw away what was built on it. */
  readonly reset: boolean;
}

/** Events of the auction itself: each has an `eventId` and is delivered once. */
export type AuctionEvent =
  | BidUpdate
  | Outbid
  | AuctionEnding
  | AuctionExtended
  | AuctionRescheduled
  | AuctionEnded
  | AuctionStarted
  | BidRetracted;

/** What the handler of a watched item is given. */
export type WatchEvent = StateEvent | AuctionEvent | Watchers | ServerError;

/** Messages between server and SDK that no application needs. */
export type ControlMessage =
  | {
      readonly type: 'hello';
      readonly userId: Id;
      readonly serverTime: string;
      readonly heartbeatSeconds: number;
      readonly expiresAt: string;
      /** Id of the last event before this message, where the server says it: a first position for `since`. */
      readonly lastEventId?: string | null;
    }
  | {
      readonly type: 'subscribed';
      readonly itemId: Id;
      readonly state: AuctionState;
      readonly serverTime: string;
      readonly recovered?: boolean;
      /** As in `hello`. */
      readonly lastEventId?: string | null;
    }
  | { readonly type: 'unsubscribed'; readonly itemId: Id }
  | { readonly type: 'pong'; readonly serverTime: string }
  | { readonly type: 'authenticated'; readonly expiresAt: string }
  | { readonly type: 'token_expiring'; readonly expiresAt: string }
  | { readonly type: 'reconnect'; readonly afterMs: number }
  | { readonly type: 'degraded' | 'restored'; readonly lagSeconds: number | null };

export type ServerMessage = AuctionEvent | Watchers | Standing | ServerError | ControlMessage;

/** Parses one message; null for what is not one (a later server may say things we do not know: they pass through). */
export function parseServerMessage(text: string): ServerMessage | null {
  try {
    const value: unknown = JSON.parse(text);
    // The server validates what it sends against its published schema; here only the discriminant is looked at.
    return typeof (value as { type?: unknown } | null)?.type === 'string'
      ? (value as ServerMessage)
      : null;
  } catch {
    return null;
  }
}
