/**
 * The history: one bounded ring of the events that were published last, each with its bytes as they went out, once.
 *
 * A place in it is a sequence: 1, 2, 3 … in commit order, never used again and never on the wire; there it is the event
 * id. Clients that come back and clients that read slowly are cursors into it (`catch-up.ts`), so what they are owed
 * costs nothing per client.
 */
import type { EventId, ItemId, UserId } from '../auction/ids.ts';
import { SequenceLists, type Newest } from './sequence-lists.ts';

/**
 * What a client is promised of an event.
 *
 * - `must`: it is never dropped.
 * - `newest`: conflatable. A slow client may get the newest one of its item alone.
 * - `passing`: conflatable too, and gone once it is told: never replayed, and its id is no position.
 */
export type DeliveryClass = 'must' | 'newest' | 'passing';

/** One event as it went out, or would have. */
export interface HistoryEvent<Frame extends Uint8Array = Uint8Array> {
  readonly eventId: EventId;
  /** The bytes every client gets. */
  readonly frame: Frame;
  /** The item whose watchers get it; null: only `userIds` do. */
  readonly itemId: ItemId | null;
  /** Users who get it on all their connections, in every case. Distinct. */
  readonly userIds: readonly UserId[];
  /** For clients of protocol v2 only. */
  readonly v2Only: boolean;
  readonly deliveryClass: DeliveryClass;
  /** Epoch ms of its commit by the database's clock: its age counts from there. */
  readonly committedAtMs: number;
}

/** Whichever bound is met first evicts the oldest events. */
export interface HistoryBounds {
  readonly eventsMax: number;
  /** Bytes of frames; the indexes come on top (docs/performance.md). */
  readonly bytesMax: number;
  readonly ageMaxMs: number;
}

export class History<Frame extends Uint8Array = Uint8Array> {
  readonly #bounds: HistoryBounds;
  /** Sequence modulo `eventsMax` → event. */
  readonly #ring: (HistoryEvent<Frame> | undefined)[] = [];
  readonly #sequences = new Map<EventId, number>();
  readonly #ofItem: Readonly<Record<DeliveryClass, SequenceLists<ItemId>>> = {
    must: new SequenceLists(),
    newest: new SequenceLists(),
    passing: new SequenceLists(),
  };
  readonly #ofUser = new SequenceLists<UserId>();
  #newest = 0;
  #oldest = 1;
  #bytes = 0;
  /** Id of the last position before the oldest event: whoever has seen that one has missed only what is held. */
  #evictedId: EventId | null = null;
  #newestId: EventId | null = null;

  constructor(bounds: HistoryBounds) {
    this.#bounds = bounds;
  }

  /** Sequence of the newest event ever appended; 0 before the first. */
  get newest(): number {
    return this.#newest;
  }

  /** Sequence of the oldest event held; `newest + 1` while none is. */
  get oldest(): number {
    return this.#oldest;
  }

  /** Id of the newest event that is a position, held or not; null before the first and after `clear`. */
  get newestId(): EventId | null {
    return this.#newestId;
  }

  /** Events held. */
  get size(): number {
    return this.#newest - this.#oldest + 1;
  }

  /** Bytes of the frames held. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes in the next event in commit order.
   *
   * @param nowMs epoch ms by the database's clock
   * @returns false for an event that is held already: it is not taken in again
   */
  append(event: HistoryEvent<Frame>, nowMs: number): boolean {
    const isPosition = event.deliveryClass !== 'passing';
    if (isPosition && this.#sequences.has(event.eventId)) return false;
    if (this.size === this.#bounds.eventsMax) this.#evict();
    this.#newest += 1;
    const sequence = this.#newest;
    this.#ring[sequence % this.#bounds.eventsMax] = event;
    if (isPosition) {
      this.#sequences.set(event.eventId, sequence);
      this.#newestId = event.eventId;
    }
    this.#bytes += event.frame.length;
    if (event.itemId !== null) this.#ofItem[event.deliveryClass].append(event.itemId, sequence);
    for (const userId of event.userIds) this.#ofUser.append(userId, sequence);
    while (this.#bytes > this.#bounds.bytesMax) this.#evict();
    this.expire(nowMs);
    return true;
  }

  /** Lets go of what is too old; call it now and then when nothing is appended. */
  expire(nowMs: number): void {
    const since = nowMs - this.#bounds.ageMaxMs;
    for (;;) {
      const event = this.at(this.#oldest);
      if (event === undefined || event.committedAtMs >= since) return;
      this.#evict();
    }
  }

  /** Forgets everything: what comes next does not follow from it. Sequences go on. */
  clear(): void {
    this.#ring.length = 0;
    this.#sequences.clear();
    for (const lists of Object.values(this.#ofItem)) lists.clear();
    this.#ofUser.clear();
    this.#oldest = this.#newest + 1;
    this.#bytes = 0;
    this.#evictedId = null;
    this.#newestId = null;
  }

  /** The event at a sequence; undefined where none is held. */
  at(sequence: number): HistoryEvent<Frame> | undefined {
    if (sequence < this.#oldest || sequence > this.#newest) return undefined;
    return this.#ring[sequence % this.#bounds.eventsMax];
  }

  /**
   * Where a client stands that has seen the event with this id last: everything after the returned sequence is held.
   * Null for an id that is unknown, evicted, ephemeral or no id at all: then nothing may be replayed.
   */
  positionOf(eventId: string): number | null {
    // Any text may be asked for; what is not one of ours is in no map.
    const id = eventId as EventId;
    return this.#sequences.get(id) ?? (id === this.#evictedId ? this.#oldest - 1 : null);
  }

  /** First sequence after `after` of an event of a class that goes to the watchers of an item; null when there is none. */
  nextOfItem(itemId: ItemId, after: number, deliveryClass: DeliveryClass): number | null {
    return this.#ofItem[deliveryClass].next(itemId, after);
  }

  /** The newest event of a class after `after` that goes to the watchers of an item; null when there is none. */
  newestOfItem(itemId: ItemId, after: number, deliveryClass: DeliveryClass): Newest | null {
    return this.#ofItem[deliveryClass].newest(itemId, after);
  }

  /** First sequence after `after` of an event that goes to a user wherever he is; null when there is none. */
  nextOfUser(userId: UserId, after: number): number | null {
    return this.#ofUser.next(userId, after);
  }

  #evict(): void {
    const event = this.at(this.#oldest);
    if (event === undefined) return;
    this.#ring[this.#oldest % this.#bounds.eventsMax] = undefined;
    this.#bytes -= event.frame.length;
    if (event.itemId !== null) this.#ofItem[event.deliveryClass].dropOldest(event.itemId);
    for (const userId of event.userIds) this.#ofUser.dropOldest(userId);
    if (event.deliveryClass !== 'passing') {
      this.#sequences.delete(event.eventId);
      this.#evictedId = event.eventId;
    }
    this.#oldest += 1;
  }
}
