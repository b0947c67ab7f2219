/**
 * One look at the running program, as the catalogue of metrics names it.
 */
import type { Feed } from '../../cdc/feed.ts';
import type { FeedCounters } from '../../cdc/feed-counters.ts';
import type { Gateway, GatewayStats } from '../../server/gateway-options.ts';
import type { LineWatch } from '../../server/line-watch.ts';
import type { WorkerPool } from '../../server/workers/worker-pool.ts';
import type { Readings } from '../metrics.ts';
import type { Clock, FeedState } from '../ports.ts';
import { CLOSE_CODES } from '../protocol/close-code.ts';
import type { RecentLog } from '../recent-log.ts';
import { VERSION } from '../version.ts';
import { isReady, isSourceUp } from './readiness.ts';

const STATES: readonly FeedState['state'][] = [
  'starting',
  'connecting',
  'streaming',
  'halted',
  'stopped',
];

/** A counter that appears with its first count has not increased, in Prometheus' eyes: what is alerted on begins at 0. */
const NO_LINES: readonly (readonly [string, number])[] = [
  ['warn', 0],
  ['error', 0],
  ['fatal', 0],
];

export interface Observed {
  readonly feed: Feed;
  readonly gateway: Gateway;
  /** The same gateway, where its sockets are in workers; null: they are here. */
  readonly pool: WorkerPool | null;
  readonly line: LineWatch;
  readonly logCounts: RecentLog['counts'];
  readonly now: Clock;
}

/** Everything that is pulled. */
export function readingsOf(observed: Observed): Readings {
  const { feed, gateway, pool, line, logCounts } = observed;
  const counters = feed.counters();
  const stats = gateway.stats();
  return {
    gavelcast_info: new Map([[VERSION, 1]]),
    gavelcast_draining: Number(stats.isDraining),
    gavelcast_log_lines_total: new Map([...NO_LINES, ...logCounts]),
    gavelcast_ready: Number(isReady(observed)),
    ...sourceReadings(observed, counters),
    ...socketReadings(stats),
    ...workerReadings(pool),
    gavelcast_translate_seconds_total: counters.translateMs / 1000,
    gavelcast_publish_seconds_total: (line.publishMs + (pool?.sums().publishMs ?? 0)) / 1000,
    gavelcast_events_total: line.eventsByType,
    gavelcast_book_auctions: feed.book.size,
    gavelcast_book_comparisons_total: counters.driftChecks,
    gavelcast_book_drift_total: counters.driftedAuctions,
    gavelcast_auctions_overdue: counters.overdueNow,
    gavelcast_auctions_overdue_total: counters.overdueAuctions,
  };
}

function sourceReadings({ feed, now }: Observed, counters: FeedCounters) {
  const state = feed.feedState();
  const nowMs = now();
  const packetAtMs = state.state === 'streaming' ? state.packetAtMs : 0;
  const committedAtMs = state.state === 'streaming' ? state.committedAtMs : null;
  const age = (atMs: number): number => Math.max(0, nowMs - atMs) / 1000;
  return {
    gavelcast_source_up: Number(isSourceUp({ feed })),
    gavelcast_source_state: new Map(STATES.map((word) => [word, Number(word === state.state)])),
    gavelcast_source_last_packet_seconds: packetAtMs === 0 ? null : age(packetAtMs),
    gavelcast_source_behind_seconds: counters.behindMs === null ? null : counters.behindMs / 1000,
    gavelcast_source_position_age_seconds:
      committedAtMs === null ? null : age(committedAtMs - feed.clockOffsetMs()),
    gavelcast_source_clock_offset_seconds: feed.clockOffsetMs() / 1000,
    gavelcast_source_queue_bytes: counters.queuedBytes,
    gavelcast_source_replication_running:
      counters.replicationRuns === null ? null : Number(counters.replicationRuns),
    gavelcast_source_retries_total: counters.retries,
    gavelcast_source_positions_lost_total: counters.positionsLost,
    gavelcast_source_packets_total: counters.packets,
    gavelcast_source_row_changes_total: counters.rowChanges,
    gavelcast_source_transactions_total: counters.transactions,
    gavelcast_source_statement_writes_total: counters.statementWrites,
  };
}

/** Without workers there are no samples. */
function workerReadings(pool: WorkerPool | null) {
  const connections = new Map<string, number>();
  const loopLag = new Map<string, number>();
  for (const { worker, connections: open, loopLagMs } of pool?.workers() ?? []) {
    const place = String(worker);
    // Two processes share a place while one replaces the other.
    connections.set(place, (connections.get(place) ?? 0) + open);
    loopLag.set(place, Math.max(loopLag.get(place) ?? 0, loopLagMs / 1000));
  }
  return {
    gavelcast_workers: pool === null ? null : pool.serving,
    gavelcast_worker_connections: connections,
    gavelcast_worker_loop_lag_seconds: loopLag,
    gavelcast_worker_restarts_total: pool?.restarts() ?? new Map<string, number>(),
  };
}

function socketReadings(stats: GatewayStats) {
  const closes = new Map(Object.keys(CLOSE_CODES).map((code) => [code, 0]));
  for (const [code, count] of stats.closesByCode) closes.set(String(code), count);
  return {
    gavelcast_connections: new Map([
      ['v1', stats.connectionsOpen - stats.connectionsV2Open],
      ['v2', stats.connectionsV2Open],
    ]),
    gavelcast_users: stats.usersConnected,
    gavelcast_subscriptions: stats.subscriptionsOpen,
    gavelcast_items_watched: stats.itemsWatched,
    gavelcast_connections_accepted_total: stats.connectionsAccepted,
    gavelcast_connections_closed_total: closes,
    gavelcast_upgrades_refused_total: new Map(
      [...stats.upgradeRefusals].map(([status, count]) => [String(status), count]),
    ),
    gavelcast_authentication_failures_total: stats.tokenRefusals,
    gavelcast_limits_hit_total: new Map([
      ['messages', stats.messagesRateLimited],
      ['message_bytes', closes.get('1009') ?? 0],
      ['backlog', closes.get('4002') ?? 0],
      ['handshakes', stats.handshakesCut],
      ['abuse', (closes.get('4005') ?? 0) + (closes.get('4501') ?? 0)],
      ['user_connections', closes.get('4503') ?? 0],
    ]),
    gavelcast_messages_received_total: stats.messagesReceived,
    gavelcast_frames_sent_total: stats.framesDelivered,
    gavelcast_sent_bytes_total: stats.bytesDelivered,
    gavelcast_recoveries_total: new Map([
      ['recovered', stats.recoveriesMet],
      ['state', stats.recoveriesRefused],
    ]),
    gavelcast_events_replayed_total: stats.eventsReplayed,
    gavelcast_clients_recovering: stats.clientsCatchingUp,
    gavelcast_clients_slow: stats.clientsSlow,
    gavelcast_events_conflated_total: stats.eventsConflated,
    gavelcast_slow_clients_closed_total: new Map([
      ['owed', stats.slowCloses.get('owed') ?? 0],
      ['stalled', stats.slowCloses.get('stalled') ?? 0],
      ['evicted', stats.slowCloses.get('evicted') ?? 0],
    ]),
    gavelcast_history_events: stats.historyEvents,
    gavelcast_history_bytes: stats.historyBytes,
  };
}
