/**
 * Stands between the feed and the gateway and counts what passes: events by type, how long publishing takes, how old a
 * commit is when its events have been written. Of single events it keeps types and ids, the newest few, for the admin
 * page; nothing else of them.
 */
import type { DomainEvent } from '../src/auction/domain-event.ts';
import type { ItemId } from '../src/auction/ids.ts';
import type { Clock, EventBatch, Publisher } from '../src/ports.ts';
import { Tally } from './tally.ts';

/** Events remembered. */
const RECENT_MAX = 2048;

/** What is remembered of an event. */
export interface PassedEvent {
  readonly type: string;
  readonly eventId: string;
  /** Null for events of a user. */
  readonly itemId: ItemId | null;
  /** By the database's clock, epoch ms. */
  readonly atMs: number;
}

export interface LineWatchDeps {
  readonly publisher: Required<Publisher>;
  /** Database clock now, epoch ms. */
  readonly databaseNow: Clock;
  /** A batch was written to the sockets, or the first slice of a large audience's, this many seconds after its commit. */
  readonly written?: (seconds: number) => void;
}

export class LineWatch implements Required<Publisher> {
  readonly #deps: LineWatchDeps;
  readonly #types = new Tally<string>();
  readonly #recent: PassedEvent[] = [];
  #passed = 0;
  #publishMs = 0;

  constructor(deps: LineWatchDeps) {
    this.#deps = deps;
  }

  publish(batch: EventBatch): void {
    const { publisher, databaseNow, written } = this.#deps;
    const startedAtMs = performance.now();
    publisher.publish(batch);
    this.#publishMs += performance.now() - startedAtMs;
    if (batch.replay === true) return;
    const atMs = databaseNow();
    for (const event of batch.events) this.#note(event, atMs);
    const { committedAtMs } = batch;
    if (committedAtMs === null || written === undefined) return;
    // This turn's batch, or the first slice of it, is written by an immediate that was set while publishing: this comes after.
    setImmediate(() => {
      written(Math.max(0, databaseNow() - committedAtMs) / 1000);
    });
  }

  sourceReset(reason: string): void {
    this.#deps.publisher.sourceReset(reason);
  }

  get eventsByType(): ReadonlyMap<string, number> {
    return this.#types.counts;
  }

  /** Events published. */
  get passed(): number {
    return this.#passed;
  }

  /** Time spent publishing, in milliseconds. */
  get publishMs(): number {
    return this.#publishMs;
  }

  /** The newest events, newest first, of one item or of all. */
  recent(count: number, itemId: ItemId | null = null): readonly PassedEvent[] {
    const found: PassedEvent[] = [];
    for (const event of this.#newestFirst()) {
      if (itemId !== null && event.itemId !== itemId) continue;
      found.push(event);
      if (found.length === count) break;
    }
    return found;
  }

  /** Items with most events since a time, most first, as far as events are remembered. */
  busiest(count: number, sinceMs: number): readonly (readonly [ItemId, number])[] {
    const events = new Map<ItemId, number>();
    for (const { itemId, atMs } of this.#newestFirst()) {
      if (atMs < sinceMs) break;
      if (itemId !== null) events.set(itemId, (events.get(itemId) ?? 0) + 1);
    }
    return [...events].sort((a, b) => b[1] - a[1]).slice(0, count);
  }

  #note(event: DomainEvent, atMs: number): void {
    const type = typeOf(event);
    this.#types.add(type);
    const itemId = 'itemId' in event ? event.itemId : null;
    this.#recent[this.#passed % RECENT_MAX] = { type, eventId: event.eventId, itemId, atMs };
    this.#passed += 1;
  }

  *#newestFirst(): Generator<PassedEvent> {
    for (let at = this.#passed - 1; at >= Math.max(0, this.#passed - RECENT_MAX); at -= 1) {
      const event = this.#recent[at % RECENT_MAX];
      if (event !== undefined) yield event;
    }
  }
}

/** Types as clients know them, and two that reach no client as such. */
function typeOf(event: DomainEvent): string {
  switch (event.type) {
    case 'BidPlaced':
      return 'bid_update';
    case 'BidRetracted':
      return 'bid_retracted';
    case 'LeaderOutbid':
      return 'outbid';
    case 'EndTimeMoved':
      return event.direction === 'later' ? 'auction_extended' : 'auction_rescheduled';
    case 'AuctionStarted':
      return 'auction_started';
    case 'AuctionEnded':
      return 'auction_ended';
    case 'EndingAnnounced':
      return 'auction_ending';
    case 'UserStandingChanged':
      return 'user_standing_changed';
    case 'WatchlistChanged':
      return 'watchlist_changed';
  }
}
