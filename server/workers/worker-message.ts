/**
 * What the primary (the process that tails) and its workers (those that hold sockets) say to each other.
 */
import type { AuctionView } from '../../src/auction/book.ts';
import type { ItemId, UserId } from '../../src/auction/ids.ts';
import type { FeedState, OwnBid, UserStanding } from '../../src/ports.ts';
import type { GatewayOptions, GatewayStats } from '../gateway-options.ts';
import type { SlowClient, WatchedItem } from '../gateway-view.ts';
import type { LatencyCounts } from '../latency-counts.ts';
import type { Address } from '../listener.ts';
import type { NoPlace } from '../places.ts';
import type { Publication } from '../publication.ts';

/** Descriptor of the channel in a worker. */
export const CHANNEL_FD = 3;
/** Descriptor of the listening socket in a worker, where the primary was passed one. */
export const LISTENING_FD = 4;

/** Options as they cross: a zone goes by its name, and routes do not cross at all. */
export type WorkerOptions = Omit<GatewayOptions, 'legacyTimesZone' | 'staticRoutes'> & {
  readonly hasLegacyTimes: boolean;
};

/** What may change while clients are connected. */
export type Reloaded = Pick<GatewayOptions, 'jwt' | 'tls'>;

/** Where the line from the database stands, as the primary sees it. */
export interface FeedNews {
  readonly state: FeedState;
  readonly isFresh: boolean;
  readonly clockOffsetMs: number;
  /** Zone of wall-clock texts. */
  readonly zoneName: string;
}

export type ToWorker =
  | {
      readonly kind: 'start';
      /** Its place among the workers, from 1. */
      readonly worker: number;
      readonly options: WorkerOptions;
      readonly feed: FeedNews;
    }
  /** The history and all that is live has been sent up to here: listen. */
  | { readonly kind: 'open' }
  /** The events of one turn, in commit order. */
  | { readonly kind: 'publications'; readonly publications: readonly Publication[] }
  | { readonly kind: 'source reset'; readonly reason: string }
  | { readonly kind: 'feed'; readonly feed: FeedNews }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer }
  /** One of its connections is its user's oldest, and there is a newer one too many. */
  | { readonly kind: 'evict'; readonly connection: number }
  | { readonly kind: 'disconnect'; readonly id: number; readonly userId: UserId }
  /** Items somebody counts the watchers of, on whatever worker: report yours from now on, or no more. */
  | { readonly kind: 'track'; readonly itemIds: readonly ItemId[]; readonly on: boolean }
  | { readonly kind: 'watchers'; readonly totals: readonly (readonly [ItemId, number])[] }
  | { readonly kind: 'reload'; readonly reloaded: Reloaded }
  /** Somebody looks at the admin page, and wants to know of these items too. */
  | { readonly kind: 'look'; readonly itemIds: readonly ItemId[] }
  | { readonly kind: 'drain' };

export type FromWorker =
  | { readonly kind: 'hello'; readonly version: string }
  | { readonly kind: 'listening'; readonly address: Address }
  | { readonly kind: 'failed'; readonly code: string | null; readonly message: string }
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  | { readonly kind: 'left'; readonly addressKey: string | null }
  | { readonly kind: 'token failed'; readonly addressKey: string }
  | { readonly kind: 'admitted'; readonly connection: number; readonly userId: UserId }
  | { readonly kind: 'departed'; readonly connection: number; readonly userId: UserId }
  /** Somebody here wants to know how many watch an item; or nobody does any more. */
  | { readonly kind: 'listen'; readonly itemId: ItemId; readonly on: boolean }
  | { readonly kind: 'counts'; readonly counts: readonly (readonly [ItemId, number])[] }
  | { readonly kind: 'disconnected'; readonly id: number; readonly connections: number }
  | { readonly kind: 'report'; readonly report: WorkerReport }
  | { readonly kind: 'log'; readonly line: LogLine };

/** What a worker needs to know of the database or of its siblings. */
export type Question =
  | { readonly of: 'place'; readonly addressKey: string | null }
  | { readonly of: 'standing'; readonly userId: UserId }
  | { readonly of: 'items'; readonly itemIds: readonly ItemId[] }
  | { readonly of: 'watchlist'; readonly userId: UserId; readonly max: number }
  | { readonly of: 'own bids'; readonly userId: UserId; readonly max: number };

/** Answers, each of the kind its question asks for. */
export type Answer =
  | { readonly of: 'place'; readonly refusal: NoPlace | null }
  | { readonly of: 'standing'; readonly standing: UserStanding | null }
  | { readonly of: 'items'; readonly auctions: readonly (AuctionView | null)[] }
  | { readonly of: 'watchlist'; readonly itemIds: readonly ItemId[] }
  | {
      readonly of: 'own bids';
      readonly bids: readonly OwnBid[];
      /** Those of the bids' items. */
      readonly auctions: readonly AuctionView[];
    }
  | { readonly of: 'failure'; readonly code: string | null; readonly message: string };

/** What a worker says of itself, once a second and when it leaves. */
export interface WorkerReport {
  readonly stats: GatewayStats;
  readonly commitToSocket: LatencyCounts;
  /** Time spent handing events to connections. */
  readonly publishMs: number;
  /** 99th percentile since the last report. */
  readonly loopLagMs: number;
  readonly memoryBytes: number;
  /** Only while somebody looks. */
  readonly view: WorkerView | null;
}

export interface WorkerView {
  readonly slowest: readonly SlowClient[];
  readonly mostWatched: readonly WatchedItem[];
  /** Of the items that were asked for. */
  readonly watchers: readonly WatchedItem[];
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  readonly fields: object;
  readonly event: string;
}
