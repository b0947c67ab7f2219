/**
 * The whole server in one object: the feed on one side, the gateway on the other, and the wire between them. `serve`,
 * the demo and the tests run it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { availableParallelism } from 'node:os';

import { createFeed, type FeedOptions } from '../../cdc/feed.ts';
import type { SourceInfo } from '../../cdc/source/source-info.ts';
import type { SlowLimits } from '../../server/catch-ups.ts';
import { createGateway } from '../../server/gateway.ts';
import { WorkerPool } from '../../server/workers/worker-pool.ts';
import type { TlsFiles } from '../../server/gateway-options.ts';
import type { GatewayOptions, GatewayStats } from '../../server/gateway-options.ts';
import type { Zone } from '../auction/zone.ts';
import type { AdminConfig, Config } from '../config.ts';
import type { AuctionReads, Clock, Log } from '../ports.ts';
import { rememberLines } from '../recent-log.ts';
import { LateZone } from './late-zone.ts';
import { createObservation } from './observation.ts';

const SLOW_LIMITS: SlowLimits = {
  unsentBytesMax: 64 * 1024,
  owedBytesMax: 1024 * 1024,
  stalledMsMax: 10_000,
};
const NO_ADMIN: AdminConfig = { host: '127.0.0.1', port: 0, token: null };

export interface ApplicationOptions {
  readonly config: Pick<Config, 'server' | 'messages' | 'tokens' | 'history'>;
  readonly feed: FeedOptions;
  /** Where metrics and the admin page are; default: nowhere. */
  readonly admin?: AdminConfig;
  /** Begins the program's stop in good order: what the admin page's drain does. */
  readonly drain?: () => void;
  /** Certificate and key of our own TLS; absent: none. */
  readonly tls?: TlsFiles | null;
  /** A listening socket that was passed to us; absent: none. */
  readonly inheritedFd?: number | null;
  /** Answers further plain HTTP requests; returns false to leave one alone. */
  readonly staticRoutes?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface ApplicationDeps {
  readonly log: Log;
  readonly now: Clock;
}

export interface Application {
  /** The live book and the state of the feed. */
  readonly reads: AuctionReads;
  /**
   * Binds the port: `/healthz` answers from here on, `/readyz` says 503 until the feed is live.
   *
   * @throws AppError PORT_UNAVAILABLE
   */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /**
   * Starts the feed; resolves when its first stream is live, however long the source cannot be reached.
   *
   * @throws AppError SOURCE_UNSUITABLE, MAPPING_INVALID
   */
  tail(): Promise<SourceInfo>;
  stats(): GatewayStats;
  /**
   * Takes what may change while clients are connected: the token rules and the certificate. Nobody is dropped.
   *
   * @throws AppError CONFIG_INVALID; nothing has changed then
   */
  reload(changed: Pick<ApplicationOptions, 'config' | 'tls'>): void;
  /** Drains the gateway, then stops the feed. Idempotent; bounded by `DRAIN_SECONDS` and some seconds. */
  stop(): Promise<void>;
}

/** Wires the two shells together. Nothing runs before `listen`. */
export function createApplication(options: ApplicationOptions, deps: ApplicationDeps): Application {
  const { now } = deps;
  const recent = rememberLines(deps.log, now);
  const { log } = recent;
  const feed = createFeed(feedOptions(options), { log: log.child({ part: 'feed' }), now });
  const zone = new LateZone(options.feed.zone);
  const gatewayDeps = {
    log: log.child({ part: 'gateway' }),
    now,
    reads: feed,
    clockOffsetMs: () => feed.clockOffsetMs(),
  };
  const workers = workersOf(options.config.server);
  const pool =
    workers === null
      ? null
      : new WorkerPool(gatewayOptions(options, zone), workers, {
          ...gatewayDeps,
          zoneName: () => zone.name,
          random: Math.random,
        });
  const gateway = pool ?? createGateway(gatewayOptions(options, zone), gatewayDeps);
  feed.onState((state) => {
    gateway.feedChanged(state);
  });
  const { admin = NO_ADMIN, drain = () => undefined } = options;
  const observation = createObservation(admin, { feed, gateway, pool, recent, now, drain });
  let stopping: Promise<void> | null = null;
  const stop = async (): Promise<void> => {
    await gateway.stop();
    await feed.stop();
    // Last: the drain is worth watching.
    await observation.stop();
  };
  return {
    reads: feed,
    listen: async () => {
      const address = await gateway.listen();
      // Whoever stops us meanwhile has stopped that already.
      if (stopping === null) await observation.start();
      return address;
    },
    tail: async () => {
      const source = await feed.start(observation.publisher);
      zone.learn(source.zone);
      return source;
    },
    stats: () => gateway.stats(),
    reload: ({ config, tls = null }) => {
      gateway.reload({ jwt: config.tokens.rules, tls });
    },
    stop: () => (stopping ??= stop()),
  };
}

/** Processes that hold the sockets; null: this one does. */
function workersOf({ workers }: Config['server']): number | null {
  return workers === 'auto' ? availableParallelism() : workers;
}

/** A start fills the same history that the gateway keeps. */
function feedOptions({ config, feed }: ApplicationOptions): FeedOptions {
  const { ageMs, refillChanges } = config.history;
  return { ...feed, historyMs: ageMs, historyRefillChangesMax: refillChanges };
}

/** Everything the sockets side is told: what is configured, and what nobody may change. */
export function gatewayOptions(
  options: Omit<ApplicationOptions, 'feed' | 'admin' | 'drain'>,
  zone: Zone,
): GatewayOptions {
  const { server, messages, tokens, history } = options.config;
  return {
    host: server.host,
    port: server.port,
    reusePort: server.reusePort,
    inheritedFd: options.inheritedFd ?? null,
    path: server.path,
    jwt: tokens.rules,
    heartbeatIntervalMs: server.heartbeatMs,
    authenticateWithinMs: server.authenticateMs,
    handshakeWithinMs: server.handshakeMs,
    messageBytesMax: server.maxMessageBytes,
    subscriptionsMax: server.maxSubscriptions,
    messagesPerSecondMax: server.messagesPerSecond,
    messageBurstMax: Math.max(server.maxSubscriptions, server.messagesPerSecond),
    fragmentsMax: server.maxFragments,
    connectionsMax: server.maxConnections,
    connectionsPerUserMax: server.maxConnectionsPerUser,
    handshakesMax: server.maxHandshakes,
    addressLimits: {
      connectionsMax: server.maxConnectionsPerAddress,
      newPerSecondMax: server.newConnectionsPerSecond,
      failuresMax: server.maxFailedAuthentications,
      delayMaxMs: server.authenticationDelayMs,
    },
    trustedProxies: server.trustedProxies,
    slowLimits: SLOW_LIMITS,
    history: { eventsMax: history.events, bytesMax: history.bytes, ageMaxMs: history.ageMs },
    drainMs: server.drainMs,
    bidderNames: messages.bidderNames,
    legacyTimesZone: messages.legacyTimes ? zone : null,
    allowedOrigins: server.allowedOrigins,
    originRequired: server.requireOrigin,
    allowedHosts: server.allowedHosts,
    upcomingIsPublic: messages.upcomingItems === 'all',
    requireKnownUser: tokens.requireKnownUser,
    tls: options.tls ?? null,
    ...(options.staticRoutes !== undefined && { staticRoutes: options.staticRoutes }),
  };
}
