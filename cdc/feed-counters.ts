/**
 * What the feed counts, and how late it is.
 */
import type { ErrorCode } from '../src/errors.ts';
import type { BookCounters } from './book-watch.ts';
import type { TailCounters } from './binlog/binlog-tail.ts';

/** Counted since the feed was made; for metrics. */
export interface FeedCounters extends BookCounters, TailCounters {
  /** Transactions that were handed on or are in the book, those without events included. */
  readonly transactions: number;
  /** Time spent translating, in milliseconds. */
  readonly translateMs: number;
  /** Connections that ended or could not be made, by what was wrong with them. */
  readonly retries: ReadonlyMap<ErrorCode, number>;
  /** Positions that were given up. */
  readonly positionsLost: number;
  /** Estimated bytes of committed transactions that wait to be translated now. */
  readonly queuedBytes: number;
  /** See {@link behindMs}. */
  readonly behindMs: number | null;
  /** Whether a source that is a replica replicates; null: it is none, or that is not known. */
  readonly replicationRuns: boolean | null;
}

export interface Lateness {
  readonly isStreaming: boolean;
  readonly nowMs: number;
  /** Of the last packet; 0 before the first. */
  readonly packetAtMs: number;
  readonly heartbeatPeriodMs: number;
  readonly queuedBytes: number;
  /** When the last transaction was done by our clock, and when it was committed by the database's. */
  readonly processedAtMs: number;
  readonly committedAtMs: number | null;
  readonly clockOffsetMs: number;
}

/**
 * How late what we publish is, in milliseconds: the age that the last transaction had when it was done, 0 once the stream
 * has nothing more for us; without a connection, the time since its last packet. Null before the first stream. Commit
 * times in the binlog are whole seconds, so up to a second of it may not be real.
 */
export function behindMs(at: Lateness): number | null {
  const { nowMs, packetAtMs, queuedBytes, processedAtMs, committedAtMs } = at;
  if (packetAtMs === 0) return null;
  if (!at.isStreaming) return Math.max(0, nowMs - packetAtMs);
  if (committedAtMs === null) return 0;
  // The server sends heartbeats only while it has nothing else to send: two periods without a transaction are none left.
  const isWorking = queuedBytes > 0 || nowMs - processedAtMs < 2 * at.heartbeatPeriodMs;
  if (!isWorking) return 0;
  return Math.max(0, (queuedBytes > 0 ? nowMs : processedAtMs) + at.clockOffsetMs - committedAtMs);
}

/** What the feed's parts know, for one look at all of it. */
export interface FeedParts extends Pick<
  Lateness,
  'isStreaming' | 'nowMs' | 'committedAtMs' | 'clockOffsetMs'
> {
  readonly book: BookCounters;
  readonly source: Pick<Lateness, 'packetAtMs' | 'heartbeatPeriodMs' | 'queuedBytes'> & {
    readonly counters: TailCounters;
  };
  readonly replicationRuns: boolean | null;
  readonly translateMs: number;
}

/** Counts what the feed does itself. */
export class FeedTally {
  readonly #retries = new Map<ErrorCode, number>();
  #transactions = 0;
  #positionsLost = 0;
  #processedAtMs = 0;

  /** Everything counted, by the feed and by its parts. */
  counters(parts: FeedParts): FeedCounters {
    const { packetAtMs, heartbeatPeriodMs, queuedBytes, counters } = parts.source;
    const processedAtMs = this.#processedAtMs;
    return {
      ...parts.book,
      ...counters,
      transactions: this.#transactions,
      retries: this.#retries,
      positionsLost: this.#positionsLost,
      queuedBytes,
      translateMs: parts.translateMs,
      replicationRuns: parts.replicationRuns,
      behindMs: behindMs({
        ...parts,
        ...{ packetAtMs, heartbeatPeriodMs, queuedBytes, processedAtMs },
      }),
    };
  }

  processed(nowMs: number): void {
    this.#transactions += 1;
    this.#processedAtMs = nowMs;
  }

  retried(code: ErrorCode): void {
    this.#retries.set(code, (this.#retries.get(code) ?? 0) + 1);
  }

  positionLost(): void {
    this.#positionsLost += 1;
  }
}
