/**
 * The way of a client that comes back: every event it missed, byte for byte.
 *
 * Up to where it was when it asked, only the topics named get their events, less what was sent already; past that,
 * everything the client watches.
 */
import type { ItemId } from '../auction/ids.ts';
import type { DeliveryClass, History, HistoryEvent } from './history.ts';
import { readMerged } from './merged-reading.ts';
import { TopicMerge } from './topic-merge.ts';
import type { Follower, Give, Piece, Progress, Way } from './way.ts';

/** What was missed, and since when. */
export interface Missed {
  /** Everything after this sequence (`History.positionOf`). */
  readonly after: number;
  readonly itemIds: readonly ItemId[];
  /** The user's own events too. */
  readonly ofUser: boolean;
}

/** Events of one class of an item, or the user's own (`itemId` null). */
interface Topic {
  readonly itemId: ItemId | null;
  readonly deliveryClass: DeliveryClass;
  next: number;
}

export class CatchUp<Frame extends Uint8Array = Uint8Array> implements Way<Frame> {
  readonly #history: History<Frame>;
  readonly #follower: Follower;
  readonly #after: number;
  readonly #named: ReadonlySet<ItemId>;
  readonly #ofUser: boolean;
  /** The newest event when it began: up to there, what is not named was sent. */
  readonly #begunAt: number;
  readonly #wasSent: (event: HistoryEvent<Frame>, sequence: number) => boolean;
  #at: number;

  constructor(history: History<Frame>, follower: Follower, missed: Missed) {
    this.#history = history;
    this.#follower = follower;
    this.#after = missed.after;
    this.#named = new Set(missed.itemIds);
    this.#ofUser = missed.ofUser;
    this.#begunAt = history.newest;
    this.#at = missed.after;
    this.#wasSent = follower.coverage.sentBefore(follower.userId, this.#named);
  }

  get at(): number {
    return this.#at;
  }

  /** Not counted: what was missed has no bound but the history's. */
  get owedBytes(): number {
    return 0;
  }

  /** True once all that was missed is given: what is left came after it was asked for. */
  get isPastMissed(): boolean {
    return this.#at >= this.#begunAt;
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
      isOwed: (event, sequence) => this.#isOwed(event, sequence),
      give: (event) => {
        give(event, 0);
      },
      nextOf: (topic) => this.#nextOf(topic, topic.next, upTo),
    });
    this.#at = isDone ? upTo : at;
    return isDone ? 'done' : 'more';
  }

  #isOwed(event: HistoryEvent<Frame>, sequence: number): boolean {
    if (event.v2Only && !this.#follower.isV2) return false;
    return sequence > this.#begunAt || !this.#wasSent(event, sequence);
  }

  #merge(upTo: number): TopicMerge<Topic> {
    const topics = new TopicMerge<Topic>();
    const add = (itemId: ItemId | null, deliveryClass: DeliveryClass, after: number): void => {
      const next = this.#nextOf({ itemId, deliveryClass }, Math.max(after, this.#at), upTo);
      if (next !== null) topics.add({ itemId, deliveryClass, next });
    };
    for (const [itemId, joinedAfter] of this.#follower.coverage.items) {
      const sentUpTo = Math.max(joinedAfter, this.#begunAt);
      const after = this.#named.has(itemId) ? this.#after : sentUpTo;
      add(itemId, 'must', after);
      add(itemId, 'newest', after);
      add(itemId, 'passing', sentUpTo);
    }
    add(null, 'must', this.#ofUser ? this.#after : this.#begunAt);
    return topics;
  }

  #nextOf(
    { itemId, deliveryClass }: Omit<Topic, 'next'>,
    after: number,
    upTo: number,
  ): number | null {
    const { userId } = this.#follower;
    let next: number | null = null;
    if (itemId !== null) next = this.#history.nextOfItem(itemId, after, deliveryClass);
    else if (userId !== null) next = this.#history.nextOfUser(userId, after);
    return next !== null && next <= upTo ? next : null;
  }
}
