/**
 * The public face of the sockets side: what `main.ts` hands over and what it gets back.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressLimits } from './connection-limits.ts';
import type { TokenRules } from '../src/token-rules.ts';
import type { ItemId, UserId } from '../src/auction/ids.ts';
import type { Zone } from '../src/auction/zone.ts';
import type { BidderNames } from '../src/protocol/server-message.ts';
import type { HistoryBounds } from '../src/topics/history.ts';
import type { AuctionReads, Clock, FeedState, Log, Publisher } from '../src/ports.ts';
import type { SlowLimits } from './catch-ups.ts';
import type { GatewayView } from './gateway-view.ts';
import type { Places } from './places.ts';
import type { Publication } from './publication.ts';
import type { GatewayTotals } from './tally.ts';
import type { UserLimit } from './user-limit.ts';
import type { WatcherTotals } from './watcher-counts.ts';

/** PEM texts. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** Everything an operator may set. Bounds and defaults are those of the configuration schema. */
export interface GatewayOptions {
  /** Address to bind, for example `0.0.0.0`. */
  readonly host: string;
  /** Port to bind; 0 takes a free one. */
  readonly port: number;
  /** True: other processes may listen on the same port (SO_REUSEPORT), and a stop leaves it to them at once. */
  readonly reusePort: boolean;
  /** A listening socket that whoever started us holds too (systemd): used instead of the port. Null: none. */
  readonly inheritedFd: number | null;
  /** Only this request path may upgrade (`WS_PATH`); null: any path. */
  readonly path: string | null;
  /** What tokens must look like. */
  readonly jwt: TokenRules;
  /** Silence after which a client is pinged; after two such periods it is closed with 4003. Default 25,000. */
  readonly heartbeatIntervalMs: number;
  /** Time a v2 client has for its `authenticate` message, and a standing lookup to answer. Default 10,000. */
  readonly authenticateWithinMs: number;
  /** Time an HTTP request or upgrade request has to arrive in full. Default 10,000. */
  readonly handshakeWithinMs: number;
  /** Largest client message; a larger one closes with 1009. Default 16,384. */
  readonly messageBytesMax: number;
  /** Items one connection may watch. Default 200. */
  readonly subscriptionsMax: number;
  /** Sustained client messages a second. Default 20. */
  readonly messagesPerSecondMax: number;
  /** Messages a quiet client may send at once; as many as it may subscribe to, one by one. Default 200. */
  readonly messageBurstMax: number;
  /** Frames one message may come in; more close with 1008. Default 256. */
  readonly fragmentsMax: number;
  /** Open WebSocket connections; more are refused 503. */
  readonly connectionsMax: number;
  /** Connections of one user; the oldest is closed with 4503 for one more. Default 50. */
  readonly connectionsPerUserMax: number;
  /** Sockets that are no client yet; past it the oldest is cut. Default 2000. */
  readonly handshakesMax: number;
  /** What one client address may take. Defaults 200 connections, 20 new ones a second, 20 refused tokens, 60 s. */
  readonly addressLimits: AddressLimits;
  /** Addresses and CIDR ranges whose `X-Forwarded-For` is believed. Default: loopback. */
  readonly trustedProxies: readonly string[];
  /** What a client may leave lying before it is closed with 4002. Defaults 64 KiB unsent, 1 MiB owed, 10,000 ms. */
  readonly slowLimits: SlowLimits;
  /** How much is kept for clients that come back. Defaults 200,000 events, 64 MiB, 10 minutes. */
  readonly history: HistoryBounds;
  /** How long `stop()` takes to close all clients, before it cuts those that are left. Default 5,000. */
  readonly drainMs: number;
  readonly bidderNames: BidderNames;
  /** Zone of the wall-clock text sent instead of ISO 8601 (`LEGACY_TIMES=1`); null: ISO 8601 UTC. */
  readonly legacyTimesZone: Zone | null;
  /** Origins that may connect, a leading `*.` for one label; null: any. */
  readonly allowedOrigins: readonly string[] | null;
  /** False: a request without an Origin (native apps) is let through. */
  readonly originRequired: boolean;
  /** Names by which this server may be called (`Host`); null: any. */
  readonly allowedHosts: readonly string[] | null;
  /** True: items that are not public yet may be watched by everybody, not by their seller alone. */
  readonly upcomingIsPublic: boolean;
  /** True: a user who is not in the table may not connect. */
  readonly requireKnownUser: boolean;
  /** Certificate and key of our own TLS; null: none. */
  readonly tls: TlsFiles | null;
  /** Answers further plain HTTP requests (the demo's files); returns false to leave one alone. */
  readonly staticRoutes?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** What several gateways of one server have in common. */
export interface Siblings {
  readonly places: Places;
  readonly userLimit: UserLimit;
  readonly watcherTotals: WatcherTotals;
}

export interface GatewayDeps {
  readonly log: Log;
  readonly now: Clock;
  readonly reads: AuctionReads;
  /** Milliseconds to add to our clock to get the database's; `serverTime` on the wire is the database's. */
  readonly clockOffsetMs: () => number;
  /** Absent: this gateway is alone. */
  readonly siblings?: Siblings;
}

/** Counts since start, and what is open now. Plain numbers: the metrics endpoint names them. */
export interface GatewayStats extends GatewayTotals {
  readonly connectionsOpen: number;
  readonly connectionsV2Open: number;
  readonly usersConnected: number;
  readonly itemsWatched: number;
  readonly subscriptionsOpen: number;
  /** Events held for recovery, and the bytes of their frames. */
  readonly historyEvents: number;
  readonly historyBytes: number;
  /** Clients on their way through the history now. */
  readonly clientsCatchingUp: number;
  /** Clients that do not take what they are sent as fast as it comes. */
  readonly clientsSlow: number;
  readonly isDraining: boolean;
}

/** The server clients talk to. `publish` and `sourceReset` are synchronous; nothing outlives `stop()`. */
export interface Gateway extends Required<Publisher> {
  /**
   * Binds and starts to accept.
   *
   * @throws AppError PORT_UNAVAILABLE when the address is taken or may not be bound
   */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Drains: takes no new clients, closes all with 1012, paced, within `drainMs`. Idempotent. */
  stop(): Promise<void>;
  stats(): GatewayStats;
  /** For operators. */
  view(): GatewayView;
  /**
   * Takes other token rules and another certificate from now on; whoever is connected stays.
   *
   * @throws AppError CONFIG_INVALID when a key or the certificate cannot be used; what was in force stays
   */
  reload(changed: Pick<GatewayOptions, 'jwt' | 'tls'>): void;
  /** Told at each change of the feed, so that v2 clients learn of a lost or stale one (`degraded`, `restored`). */
  feedChanged(state: FeedState): void;
}

/** A gateway whose clients are in this process. */
export interface LocalGateway extends Gateway {
  /** What `publish` does once the events are encoded: for events that were encoded elsewhere. Synchronous. */
  take(publication: Publication): void;
  /** Closes a user's connections. @returns how many there were */
  disconnect(userId: UserId): number;
  /** Siblings count other watchers of an item than before. */
  watchersMoved(itemId: ItemId): void;
}
