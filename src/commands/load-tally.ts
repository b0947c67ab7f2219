/**
 * What a load test has seen so far, of all its clients.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

import type { BidSequence } from './bid-sequence.ts';
import { parseMessage } from './message-line.ts';
import type { ConnectionEnd } from './reconnect-step.ts';

/** Events whose first arrival is remembered: those still on their way to somebody. */
const EVENTS_REMEMBERED = 10_000;

/** One client, as far as its messages must be judged together. */
export interface LoadClient {
  readonly sequence: BidSequence;
  /** When its connection was opened; what was published before is a replay. */
  openedAtMs: number;
  /** Subscriptions that are not answered yet. */
  awaited: number;
}

/** Times in microseconds. */
export interface LoadTimes {
  /** From dialling to the end of the handshake. */
  readonly connect: RecordableHistogram;
  /** From there to the answer to the last subscription. */
  readonly subscribe: RecordableHistogram;
  /** How long after the first of our clients each other one had the same event. */
  readonly spread: RecordableHistogram;
  /** How long after its `serverTime` a countdown came, with the clocks set by the fastest message. */
  readonly countdown: RecordableHistogram;
}

export class LoadTally {
  readonly times: LoadTimes = {
    connect: createHistogram(),
    subscribe: createHistogram(),
    spread: createHistogram(),
    countdown: createHistogram(),
  };
  /** Clients that were connected at least once. */
  connected = 0;
  open = 0;
  /** Connections after the first of each client. */
  reconnects = 0;
  events = 0;
  missedBids = 0;
  repeatedBids = 0;
  /** Bids of which clients that came back learned only the count. */
  unrecoveredBids = 0;
  readonly eventsByType = new Map<string, number>();
  readonly closesByCode = new Map<string, number>();
  readonly refusalsByStatus = new Map<string, number>();
  readonly failuresByError = new Map<string, number>();
  readonly errorsByCode = new Map<string, number>();
  readonly #firstAtMs = new Map<string, number>();
  /** Our clock less the server's, plus the shortest way here; null until a message said the server's time. */
  #clockAheadMs: number | null = null;

  /** Everything that should not be: what the progress line and the verdict count. */
  get troubles(): number {
    const counts = [
      this.closesByCode,
      this.refusalsByStatus,
      this.failuresByError,
      this.errorsByCode,
    ];
    const sum = counts.flatMap((map) => [...map.values()]).reduce((all, count) => all + count, 0);
    return sum + this.missedBids + this.repeatedBids + this.unrecoveredBids;
  }

  opened(client: LoadClient, { tookMs, atMs }: { tookMs: number; atMs: number }): void {
    this.open += 1;
    if (client.openedAtMs === 0) this.connected += 1;
    else this.reconnects += 1;
    client.openedAtMs = atMs;
    this.times.connect.record(microseconds(tookMs));
  }

  /** A connection ended that was not ended by us. */
  ended(end: ConnectionEnd): void {
    if (end.wasOpen) this.open -= 1;
    switch (end.kind) {
      case 'closed':
        add(this.closesByCode, end.code.toString());
        return;
      case 'refused':
        add(this.refusalsByStatus, end.status.toString());
        return;
      case 'failed':
        add(this.failuresByError, end.error);
    }
  }

  /** @param atMs when it came: a monotonic clock */
  received(client: LoadClient, json: string, atMs: number): void {
    const message = parseMessage(json);
    const { type, eventId, serverTime } = message;
    const lagMs = this.#lagMs(serverTime, atMs);
    if (type === 'error') add(this.errorsByCode, String(message['code']));
    if (type === 'subscribed') this.#subscribed(client, message, atMs);
    if (typeof eventId !== 'string') return;
    this.events += 1;
    add(this.eventsByType, String(type));
    if (type === 'auction_ending' && lagMs !== null) {
      this.times.countdown.record(microseconds(lagMs));
    }
    this.#spread(client, eventId, atMs);
    this.#judge(client, message);
  }

  #subscribed(
    client: LoadClient,
    { itemId, state, recovered }: Readonly<Record<string, unknown>>,
    atMs: number,
  ): void {
    client.awaited -= 1;
    if (client.awaited === 0) this.times.subscribe.record(microseconds(atMs - client.openedAtMs));
    if (typeof state !== 'object' || state === null) return;
    const bidCount: unknown = Reflect.get(state, 'bidCount');
    if (typeof bidCount !== 'number') return;
    const isRecovered = recovered === true;
    this.unrecoveredBids += client.sequence.subscribed(String(itemId), bidCount, isRecovered);
  }

  #judge(client: LoadClient, message: Readonly<Record<string, unknown>>): void {
    const { type, itemId, bidCount, skipped } = message;
    if (type === 'bid_retracted') client.sequence.bidRetracted(String(itemId));
    if (type !== 'bid_update' || typeof bidCount !== 'number') return;
    const others = typeof skipped === 'number' ? skipped : 0;
    const { missed, isRepeated } = client.sequence.bidTold(String(itemId), bidCount, others);
    this.missedBids += missed;
    if (isRepeated) this.repeatedBids += 1;
  }

  #spread(client: LoadClient, eventId: string, atMs: number): void {
    const firstAtMs = this.#firstAtMs.get(eventId);
    if (firstAtMs === undefined) {
      this.#firstAtMs.set(eventId, atMs);
      if (this.#firstAtMs.size <= EVENTS_REMEMBERED) return;
      const [oldest = ''] = this.#firstAtMs.keys();
      this.#firstAtMs.delete(oldest);
      return;
    }
    if (firstAtMs >= client.openedAtMs) this.times.spread.record(microseconds(atMs - firstAtMs));
  }

  /** Null: the message does not say the server's time. */
  #lagMs(serverTime: unknown, atMs: number): number | null {
    if (typeof serverTime !== 'string') return null;
    const aheadMs = atMs - Date.parse(serverTime);
    if (!Number.isFinite(aheadMs)) return null;
    this.#clockAheadMs = Math.min(this.#clockAheadMs ?? aheadMs, aheadMs);
    return aheadMs - this.#clockAheadMs;
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Histograms take whole numbers from 1. */
function microseconds(ms: number): number {
  return Math.max(1, Math.round(ms * 1000));
}
