/**
 * One client's way from a place in the history to its end, in commit order: a cursor, no queue.
 *
 * While it lasts nothing that enters the history is sent to the client directly; the cursor comes to it in its turn. So
 * the order holds however long the way is, and in how many pieces it is gone. Up to where the client was when it asked,
 * only the topics named get their events, less what was sent already; past that, everything the client watches.
 */
import type { ItemId, UserId } from '../auction/ids.ts';
import type { Coverage } from './coverage.ts';
import type { History, HistoryEvent } from './history.ts';
import { TopicMerge } from './topic-merge.ts';

/** Whose way it is. What is watched may change under way, by what is joined at the newest event. */
export interface Follower {
  readonly userId: UserId | null;
  readonly isV2: boolean;
  readonly coverage: Coverage;
}

/** What was missed, and since when. */
export interface Missed {
  /** Everything after this sequence (`History.positionOf`). */
  readonly after: number;
  readonly itemIds: readonly ItemId[];
  /** The user's own events too. */
  readonly ofUser: boolean;
}

/** How far to go in one piece; at least one event is given. */
export interface Piece {
  readonly eventsMax: number;
  readonly bytesMax: number;
}

/** `done`: at the end of the history. `lost`: events in between have left the history, so there is no way on. */
export type Progress = 'more' | 'done' | 'lost';

export class CatchUp<Frame extends Uint8Array = Uint8Array> {
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

  /** Sequence up to which everything was given. */
  get at(): number {
    return this.#at;
  }

  /** True when there is nothing left to give. */
  isAtEnd(): boolean {
    const upTo = this.#history.newest;
    return this.#at + 1 >= this.#history.oldest && this.#merge(upTo).first === undefined;
  }

  /** Gives the next piece of what is owed, in commit order. */
  read({ eventsMax, bytesMax }: Piece, give: (event: HistoryEvent<Frame>) => void): Progress {
    const history = this.#history;
    if (this.#at + 1 < history.oldest) return 'lost';
    const upTo = history.newest;
    const topics = this.#merge(upTo);
    let events = 0;
    let bytes = 0;
    for (let topic = topics.first; topic !== undefined; topic = topics.first) {
      const sequence = topic.next;
      // An event of two topics comes up twice, once right after the other.
      if (sequence > this.#at) {
        if (events >= eventsMax || bytes >= bytesMax) return 'more';
        const event = history.at(sequence);
        if (event !== undefined && this.#isOwed(event, sequence)) {
          give(event);
          events += 1;
          bytes += event.frame.length;
        }
        this.#at = sequence;
      }
      topics.advanceFirst(this.#nextOf(topic.itemId, sequence, upTo));
    }
    this.#at = upTo;
    return 'done';
  }

  #isOwed(event: HistoryEvent<Frame>, sequence: number): boolean {
    if (event.v2Only && !this.#follower.isV2) return false;
    return sequence > this.#begunAt || !this.#wasSent(event, sequence);
  }

  #merge(upTo: number): TopicMerge {
    const topics = new TopicMerge();
    const add = (itemId: ItemId | null, after: number): void => {
      const next = this.#nextOf(itemId, Math.max(after, this.#at), upTo);
      if (next !== null) topics.add({ itemId, next });
    };
    for (const [itemId, after] of this.#follower.coverage.items) {
      add(itemId, this.#named.has(itemId) ? this.#after : Math.max(after, this.#begunAt));
    }
    add(null, this.#ofUser ? this.#after : this.#begunAt);
    return topics;
  }

  #nextOf(itemId: ItemId | null, after: number, upTo: number): number | null {
    const { userId } = this.#follower;
    let next: number | null = null;
    if (itemId !== null) next = this.#history.nextOfItem(itemId, after);
    else if (userId !== null) next = this.#history.nextOfUser(userId, after);
    return next !== null && next <= upTo ? next : null;
  }
}
