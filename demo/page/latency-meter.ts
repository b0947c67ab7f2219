/**
 * Commit-to-page latency. The two halves of a measurement arrive on different ways, in either order: the moment a bid's
 * COMMIT was sent to the database (from the demo's bidders) and the moment its `bid_update` was in this page's hands.
 * Both clocks are the same machine's, so the difference is honest only when the page is opened there.
 *
 * It begins before the commit, so the database's own fsync is counted in.
 */

export interface LatencySummary {
  readonly count: number;
  readonly p50: number | null;
  readonly p99: number | null;
  /** The newest few dozen, oldest first, for the small chart. */
  readonly recent: readonly number[];
}

const SAMPLES_MAX = 200;
const RECENT_MAX = 48;
const PENDING_MAX = 2000;

export class LatencyMeter {
  readonly #samples: number[] = [];
  readonly #commits = new Map<number, number>();
  readonly #arrivals = new Map<number, number>();

  /** @param atMs epoch ms, fractions included, just before the COMMIT was sent */
  committed(bidId: number, atMs: number): void {
    this.#match(bidId, { mine: this.#commits, others: this.#arrivals, atMs });
  }

  /** @param atMs epoch ms, fractions included, when the event was read from the socket */
  arrived(bidId: number, atMs: number): void {
    this.#match(bidId, { mine: this.#arrivals, others: this.#commits, atMs });
  }

  /** Forgets arrivals that wait for their commit: after a reconnect replayed bids would count as slow ones. */
  restart(): void {
    this.#commits.clear();
    this.#arrivals.clear();
  }

  /** Percentiles (nearest rank) of the last 200 bids. */
  summary(): LatencySummary {
    const sorted = this.#samples.toSorted((a, b) => a - b);
    const rank = (share: number): number | null =>
      sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
    return {
      count: sorted.length,
      p50: rank(0.5),
      p99: rank(0.99),
      recent: this.#samples.slice(-RECENT_MAX),
    };
  }

  #match(
    bidId: number,
    sides: {
      readonly mine: Map<number, number>;
      readonly others: Map<number, number>;
      readonly atMs: number;
    },
  ): void {
    const other = sides.others.get(bidId);
    if (other === undefined) {
      sides.mine.set(bidId, sides.atMs);
      dropOldest(sides.mine);
      return;
    }
    sides.others.delete(bidId);
    this.#samples.push(Math.abs(sides.atMs - other));
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
  }
}

function dropOldest(pending: Map<number, number>): void {
  for (const key of pending.keys()) {
    if (pending.size <= PENDING_MAX) return;
    pending.delete(key);
  }
}
