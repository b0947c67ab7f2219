/**
 * What is known of the running program, for metrics and the admin page: numbers that the feed, the gateway and the watch
 * between them count anyway, read when somebody asks.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

import type { Feed } from '../../cdc/feed.ts';
import { Admin, type AdminOptions } from '../../server/admin.ts';
import { AdminLive, type LinePicture, type LineTotals } from '../../server/admin-live.ts';
import type { Gateway } from '../../server/gateway-options.ts';
import { LatencyTally } from '../../server/latency-counts.ts';
import { LineWatch } from '../../server/line-watch.ts';
import { createMetricsRegistry } from '../../server/metrics-registry.ts';
import type { WorkerPool } from '../../server/workers/worker-pool.ts';
import { METRICS } from '../metrics.ts';
import type { Clock, Publisher } from '../ports.ts';
import type { RecentLog } from '../recent-log.ts';
import { VERSION } from '../version.ts';
import { isReady } from './readiness.ts';
import { readingsOf } from './readings.ts';

const SHOWN = { items: 12, slow: 10, events: 13, lines: 12, followed: 40 } as const;
const BUSY_WITHIN_MS = 60_000;

export interface ObservationDeps {
  readonly feed: Feed;
  readonly gateway: Gateway;
  /** The same gateway, where its sockets are in workers; null: they are here. */
  readonly pool: WorkerPool | null;
  readonly recent: RecentLog;
  readonly now: Clock;
  /** Begins a stop in good order. */
  readonly drain: () => void;
}

export interface Observation {
  /** Stands before the gateway: the feed publishes to it. */
  readonly publisher: Required<Publisher>;
  /** Listens, unless the port is 0. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Nothing is measured and nothing listens where the port is 0. */
export function createObservation(options: AdminOptions, deps: ObservationDeps): Observation {
  const { feed, gateway, pool, recent, now } = deps;
  if (options.port === 0) {
    return {
      publisher: gateway,
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    };
  }
  const databaseNow = (): number => now() + feed.clockOffsetMs();
  const latency = new LatencyTally(METRICS.gavelcast_commit_to_socket_seconds.buckets);
  const line = new LineWatch({
    publisher: gateway,
    databaseNow,
    // Where the sockets are elsewhere, it is measured there.
    ...(pool === null && { written: latency.observe.bind(latency) }),
  });
  const registry = createMetricsRegistry({
    read: () => readingsOf({ feed, gateway, pool, line, logCounts: recent.counts, now }),
    commitToSocket: () => pool?.sums().commitToSocket ?? latency.read(),
  });
  const view = gateway.view();
  const picture = pictureOf(deps, line);
  const live = new AdminLive({
    now,
    totals: () => totalsOf(feed, gateway, line),
    picture,
    follow: (itemId) => ({
      itemId,
      isInBook: feed.book.get(itemId) !== undefined,
      watchers: view.watchersOf(itemId),
      events: line.recent(SHOWN.followed, itemId),
    }),
  });
  const actions = { disconnect: view.disconnect.bind(view), drain: deps.drain };
  const log = recent.log.child({ part: 'admin' });
  const admin = new Admin(options, { log, live, metrics: registry, actions });
  return { publisher: line, start: () => admin.start(), stop: () => admin.stop() };
}

function totalsOf(feed: Feed, gateway: Gateway, line: LineWatch): LineTotals {
  const { packets, rowChanges, transactions, behindMs } = feed.counters();
  const { framesDelivered, bytesDelivered, connectionsOpen } = gateway.stats();
  return {
    ...{ packets, rowChanges, transactions, behindMs },
    events: line.passed,
    frames: framesDelivered,
    bytes: bytesDelivered,
    connections: connectionsOpen,
  };
}

function pictureOf(deps: ObservationDeps, line: LineWatch): () => LinePicture {
  const { feed, gateway, recent, now } = deps;
  const startedAtMs = now();
  const view = gateway.view();
  const loop = monitorEventLoopDelay({ resolution: 10 });
  loop.enable();
  return () => {
    const counters = feed.counters();
    const stats = gateway.stats();
    const state = feed.feedState();
    const nowMs = now();
    const databaseNowMs = nowMs + feed.clockOffsetMs();
    const loopLagMs = Math.max(0, loop.percentile(99) / 1e6 - 10);
    loop.reset();
    return {
      atMs: nowMs,
      databaseNowMs,
      version: VERSION,
      uptimeMs: nowMs - startedAtMs,
      isReady: isReady(deps),
      source: {
        state: state.state,
        packetAgeMs: state.state === 'streaming' ? Math.max(0, nowMs - state.packetAtMs) : null,
        haltedBy: state.state === 'halted' ? state.code : null,
      },
      feed: { ...counters, retries: Object.fromEntries(counters.retries) },
      sockets: {
        ...stats,
        closesByCode: Object.fromEntries(stats.closesByCode),
        tokenRefusals: Object.fromEntries(stats.tokenRefusals),
        upgradeRefusals: Object.fromEntries(stats.upgradeRefusals),
      },
      book: feed.book.size,
      publishMs: line.publishMs,
      workers: deps.pool?.workers() ?? [],
      process: { memoryBytes: process.memoryUsage.rss(), loopLagMs },
      hot: hotItems(deps, line, databaseNowMs),
      slow: view.slowest(SHOWN.slow),
      events: line.recent(SHOWN.events),
      lines: recent.lines().slice(0, SHOWN.lines),
    };
  };
}

/** The busiest of the last minute first, then those that are watched most. */
function hotItems({ gateway }: ObservationDeps, line: LineWatch, nowMs: number): object[] {
  const view = gateway.view();
  const busiest = line.busiest(SHOWN.items, nowMs - BUSY_WITHIN_MS);
  const known = new Set(busiest.map(([itemId]) => itemId));
  const watched = view.mostWatched(SHOWN.items).filter(({ itemId }) => !known.has(itemId));
  return [
    ...busiest.map(([itemId, events]) => ({ itemId, events, watchers: view.watchersOf(itemId) })),
    ...watched.map(({ itemId, watchers }) => ({ itemId, events: 0, watchers })),
  ].slice(0, SHOWN.items);
}
