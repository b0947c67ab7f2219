/**
 * What the shells implement and are handed: the seams between `cdc/`, the core and `server/`. No vendor type here.
 */
import type { AuctionView, BookView } from './auction/book.ts';
import type { DomainEvent } from './auction/domain-event.ts';
import type { ItemId, Money, UserId } from './auction/ids.ts';
import type { ErrorCode } from './errors.ts';

/** Epoch ms now; `main.ts` passes `Date.now`, tests what they like. */
export type Clock = () => number;

/** One documented event name a line plus fields; never row values, tokens or query strings. */
export interface Log {
  debug(fields: object, event: string): void;
  info(fields: object, event: string): void;
  warn(fields: object, event: string): void;
  error(fields: object, event: string): void;
  fatal(fields: object, event: string): void;
  child(fields: object): Log;
}

/** Resolves display names that were prefetched for the events being published; null when a user has none. */
export type NameOf = (userId: UserId) => string | null;

/** The events of one slice of a transaction (or of the clock), handed over in commit order. */
export interface EventBatch {
  readonly events: readonly DomainEvent[];
  readonly nameOf: NameOf;
  /** Epoch ms of the commit at the source; null for events of the clock. */
  readonly committedAtMs: number | null;
  /** True while the history is filled after a start: kept for recovery, delivered to nobody. */
  readonly replay?: boolean;
}

/** Takes events out. The call is synchronous: when it returns, the hub has taken them all. */
export interface Publisher {
  publish(batch: EventBatch): void;
  /**
   * Continuity with everything published so far is lost (binlogs purged, another server), and the book was loaded afresh
   * in this same tick. The server closes its clients with 4004; those that come back see the new book. Synchronous, and
   * before any event of the new book.
   */
  sourceReset?(reason: string): void;
}

/** Where the line from the database stands. */
export type FeedState =
  | { readonly state: 'starting' }
  | { readonly state: 'connecting'; readonly attempt: number; readonly lastError: string | null }
  | {
      readonly state: 'streaming';
      readonly packetAtMs: number;
      readonly committedAtMs: number | null;
      /** The source is a replica that has stopped: its heartbeats go on, and what it has grows old. */
      readonly replicationStopped?: true;
    }
  | { readonly state: 'halted'; readonly code: ErrorCode; readonly reason: string }
  | { readonly state: 'stopped' };

/** Whether a user may hold a connection. */
export interface UserStanding {
  readonly mayConnect: boolean;
  readonly suspendedUntilMs: number | null;
}

/** A user's highest bid on one auction. */
export interface OwnBid {
  readonly itemId: ItemId;
  readonly amount: Money;
}

/** What the sockets side may ask of the database side. Implemented by `cdc/`, injected by `main.ts`. */
export interface AuctionReads {
  /**
   * The live book: state as of the last published event, in the same tick. An entry that was read from the tables ahead
   * of the stream is not shown until the stream has caught up with it.
   */
  readonly book: BookView;
  /**
   * Items of which some are not in the book. Calls `take` once, in a tick in which all of them are known as of the last
   * published event: from the book, or from a read that the stream has passed. So whoever subscribes in it joins with no
   * gap and no overlap. Bounded concurrency inside.
   *
   * @param take is given a function to look each of the items up with; null where there is no such item
   * @throws AppError when the tables cannot be read, or the stream does not catch up in time
   */
  withItems<T>(
    itemIds: readonly ItemId[],
    take: (find: (itemId: ItemId) => AuctionView | null) => T,
  ): Promise<T>;
  /**
   * A user's standing, at once where it is known, else from the table; null when there is no such user. Where no status is
   * mapped, everybody may connect.
   *
   * @throws AppError when it cannot be read, at once or later
   */
  readStanding(userId: UserId): UserStanding | null | Promise<UserStanding | null>;
  /** Items on a user's watchlist, at most `max`; empty where the schema has none. Now, ahead of the stream. */
  readWatchlist(userId: UserId, max: number): Promise<readonly ItemId[]>;
  /**
   * The user's highest bid on each live auction he has bid on, at most `max`. Calls `take` once, in a tick in which the
   * book is as new as what was read, or newer.
   */
  withOwnBids<T>(userId: UserId, max: number, take: (bids: readonly OwnBid[]) => T): Promise<T>;
  feedState(): FeedState;
  /** True while the feed's packets are fresh (three heartbeat periods), and a source that is a replica replicates. */
  isFresh(): boolean;
}
