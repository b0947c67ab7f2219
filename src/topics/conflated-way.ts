/**
 * The way of a client that does not take what it is sent as fast as it comes: every event that must be delivered, and of
 * each item the newest of those that are conflatable, in commit order.
 *
 * What was passed over is never looked at: the newest event of an item, and how many it stands for, are read off the
 * history's indexes. So a client that fell 100,000 bids behind costs as little as one that fell two behind.
 */
import type { ItemId } from '../auction/ids.ts';
import type { DeliveryClass, History, HistoryEvent } from './history.ts';
import { readMerged } from './merged-reading.ts';
import { TopicMerge } from './topic-merge.ts';
import type { Follower, Give, Piece, Progress, Way } from './way.ts';

/** Events of one class of an item, or the user's own (`itemId` null). */
interface Topic {
  readonly itemId: ItemId | null;
  readonly deliveryClass: DeliveryClass;
  /** How many events the next one stands for as well. */
  readonly skipped: number;
  next: number;
}

type ConflatableClass = Exclude<DeliveryClass, 'must'>;

export class ConflatedWay<Frame extends Uint8Array = Uint8Array> implements Way<Frame> {
  readonly #history: History<Frame>;
  readonly #follower: Follower;
  /** Up to here everything had been sent when the way began. */
  readonly #begunAt: number;
  #at: number;
  /** The newest event given of each item, by class: what comes before it is not counted as skipped again. */
  readonly #given: Readonly<Record<ConflatableClass, Map<ItemId, number>>> = {
    newest: new Map(),
    passing: new Map(),
  };
  #owedBytes: number;

  /** @param after everything up to this sequence was sent */
  constructor(history: History<Frame>, follower: Follower, after = history.newest) {
    this.#history = history;
    this.#follower = follower;
    this.#begunAt = after;
    this.#at = after;
    this.#owedBytes = after === history.newest ? 0 : this.#mustBytesAhead();
  }

  get at(): number {
    return this.#at;
  }

  /** Those of items left under way count until the end. */
  get owedBytes(): number {
    return this.#owedBytes;
  }

  /** An event that must be delivered to this client has entered the history. */
  owe(bytes: number): void {
    this.#owedBytes += bytes;
  }

  isAtEnd(): boolean {
    return !this.isLost() && this.#merge(this.#history.newest).first === undefined;
  }

  isLost(): boolean {
    return this.#at + 1 < this.#history.oldest;
  }

  read(piece: Piece, give: Give<Frame>): Progress {
    if (this.isLost()) return 'lost';
    const upTo = this.#history.newest;
    const { at, isDone } = readMerged(this.#history, {
      topics: this.#merge(upTo),
      after: this.#at,
      piece,
      isOwed: (event) => this.#isFor(event),
      give: (event, { skipped, deliveryClass }) => {
        give(event, skipped);
        if (deliveryClass === 'must') this.#owedBytes -= event.frame.length;
      },
      nextOf: (topic) => this.#passed(topic, upTo),
    });
    this.#at = isDone ? upTo : at;
    if (!isDone) return 'more';
    this.#owedBytes = 0;
    return 'done';
  }

  #isFor({ v2Only }: HistoryEvent<Frame>): boolean {
    return this.#follower.isV2 || !v2Only;
  }

  /** The next sequence of a topic that was just given. */
  #passed({ itemId, deliveryClass, next }: Topic, upTo: number): number | null {
    if (deliveryClass === 'must') return this.#nextMust(itemId, next, upTo);
    if (itemId !== null) this.#given[deliveryClass].set(itemId, next);
    return null;
  }

  #merge(upTo: number): TopicMerge<Topic> {
    const { items } = this.#follower.coverage;
    for (const given of Object.values(this.#given)) {
      for (const itemId of given.keys()) if (!items.has(itemId)) given.delete(itemId);
    }
    const topics = this.#mergeMust(upTo);
    const add = (itemId: ItemId, deliveryClass: ConflatableClass, joinedAfter: number): void => {
      const given = this.#given[deliveryClass].get(itemId) ?? 0;
      const after = Math.max(joinedAfter, this.#begunAt, given);
      const newest = this.#history.newestOfItem(itemId, after, deliveryClass);
      if (newest === null) return;
      topics.add({ itemId, deliveryClass, next: newest.sequence, skipped: newest.before });
    };
    for (const [itemId, joinedAfter] of items) {
      add(itemId, 'newest', joinedAfter);
      add(itemId, 'passing', joinedAfter);
    }
    return topics;
  }

  #mergeMust(upTo: number): TopicMerge<Topic> {
    const topics = new TopicMerge<Topic>();
    const add = (itemId: ItemId | null, joinedAfter: number): void => {
      const next = this.#nextMust(itemId, Math.max(joinedAfter, this.#at), upTo);
      if (next !== null) topics.add({ itemId, deliveryClass: 'must', skipped: 0, next });
    };
    for (const [itemId, joinedAfter] of this.#follower.coverage.items) add(itemId, joinedAfter);
    add(null, this.#begunAt);
    return topics;
  }

  #nextMust(itemId: ItemId | null, after: number, upTo: number): number | null {
    const { userId } = this.#follower;
    let next: number | null = null;
    if (itemId !== null) next = this.#history.nextOfItem(itemId, after, 'must');
    else if (userId !== null) next = this.#history.nextOfUser(userId, after);
    return next !== null && next <= upTo ? next : null;
  }

  #mustBytesAhead(): number {
    let bytes = 0;
    let at = this.#at;
    const upTo = this.#history.newest;
    const topics = this.#mergeMust(upTo);
    for (let topic = topics.first; topic !== undefined; topic = topics.first) {
      if (topic.next > at) {
        at = topic.next;
        const event = this.#history.at(at);
        if (event !== undefined && this.#isFor(event)) bytes += event.frame.length;
      }
      topics.advanceFirst(this.#nextMust(topic.itemId, topic.next, upTo));
    }
    return bytes;
  }
}
