/**
 * What all workers count, added up: totals of those that have ended stay in, what was open with them does not.
 */
import { METRICS } from '../../src/metrics.ts';
import type { GatewayStats } from '../gateway-options.ts';
import { LatencyTally, type LatencyCounts } from '../latency-counts.ts';
import { GatewayTallies } from '../tally.ts';
import type { WorkerReport } from './worker-message.ts';

type NumberKey = {
  [K in keyof GatewayStats]: GatewayStats[K] extends number ? K : never;
}[keyof GatewayStats];

/** Whether a number goes with its worker or stays. The compiler demands every one. */
const NUMBERS: Readonly<Record<NumberKey, 'open' | 'total'>> = {
  connectionsOpen: 'open',
  connectionsV2Open: 'open',
  usersConnected: 'open',
  itemsWatched: 'open',
  subscriptionsOpen: 'open',
  historyEvents: 'open',
  historyBytes: 'open',
  clientsCatchingUp: 'open',
  clientsSlow: 'open',
  connectionsAccepted: 'total',
  upgradesRefused: 'total',
  handshakesCut: 'total',
  authenticationsFailed: 'total',
  messagesReceived: 'total',
  messagesRateLimited: 'total',
  eventsPublished: 'total',
  framesDelivered: 'total',
  bytesDelivered: 'total',
  recoveriesMet: 'total',
  recoveriesRefused: 'total',
  eventsReplayed: 'total',
  eventsConflated: 'total',
  heartbeatsLost: 'total',
};

const NUMBER_KEYS = Object.keys(NUMBERS).filter((key): key is NumberKey => key in NUMBERS);
const LATENCY_BOUNDS = METRICS.gavelcast_commit_to_socket_seconds.buckets;

/** Nothing counted, nothing open. */
const NOTHING: GatewayStats = {
  connectionsOpen: 0,
  connectionsV2Open: 0,
  usersConnected: 0,
  itemsWatched: 0,
  subscriptionsOpen: 0,
  historyEvents: 0,
  historyBytes: 0,
  clientsCatchingUp: 0,
  clientsSlow: 0,
  isDraining: false,
  ...new GatewayTallies().read(),
};

/** Sums over workers. */
export interface Summed {
  readonly stats: GatewayStats;
  readonly commitToSocket: LatencyCounts;
  readonly publishMs: number;
}

export class WorkerTotals {
  #ended: GatewayStats = NOTHING;
  readonly #endedLatency = new LatencyTally(LATENCY_BOUNDS);
  #endedPublishMs = 0;

  /** Keeps the last word of a worker that has ended. */
  workerEnded({ stats, commitToSocket, publishMs }: WorkerReport): void {
    this.#ended = added(this.#ended, stats, (key) => NUMBERS[key] === 'total');
    this.#endedLatency.add(commitToSocket);
    this.#endedPublishMs += publishMs;
  }

  /** @param reports the last ones of those that have not ended */
  sum(reports: Iterable<WorkerReport>): Summed {
    let stats = this.#ended;
    const latency = new LatencyTally(LATENCY_BOUNDS);
    latency.add(this.#endedLatency.read());
    let publishMs = this.#endedPublishMs;
    for (const report of reports) {
      stats = added(stats, report.stats, () => true);
      latency.add(report.commitToSocket);
      publishMs += report.publishMs;
    }
    return { stats, commitToSocket: latency.read(), publishMs };
  }
}

function added(
  a: GatewayStats,
  b: GatewayStats,
  counts: (key: NumberKey) => boolean,
): GatewayStats {
  const numbers: { -readonly [K in NumberKey]?: number } = {};
  for (const key of NUMBER_KEYS) numbers[key] = a[key] + (counts(key) ? b[key] : 0);
  return {
    ...a,
    ...numbers,
    closesByCode: merged(a.closesByCode, b.closesByCode),
    tokenRefusals: merged(a.tokenRefusals, b.tokenRefusals),
    upgradeRefusals: merged(a.upgradeRefusals, b.upgradeRefusals),
    slowCloses: merged(a.slowCloses, b.slowCloses),
  };
}

function merged<Word>(
  a: ReadonlyMap<Word, number>,
  b: ReadonlyMap<Word, number>,
): ReadonlyMap<Word, number> {
  const sum = new Map(a);
  for (const [word, count] of b) sum.set(word, (sum.get(word) ?? 0) + count);
  return sum;
}
