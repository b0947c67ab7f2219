/**
 * What one connection has been sent, as ranges of the history, so that a replay repeats nothing: what it watches and
 * since when, and what it watched for a while and left.
 */
import type { ItemId, UserId } from '../auction/ids.ts';

/** Sequences greater than `after` and at most `upTo`. */
interface Range {
  readonly itemId: ItemId;
  readonly after: number;
  readonly upTo: number;
}

/** Ranges of items no longer watched that are remembered; past it the oldest is forgotten and might be sent twice. */
const RANGES_MAX = 1_000;

const NOTHING: ReadonlyMap<ItemId, number> = new Map();

export class Coverage {
  /** Null while nothing was ever watched: an empty map takes 240 bytes. */
  #items: Map<ItemId, number> | null = null;
  /** Oldest first; null while there is none. */
  #left: Range[] | null = null;
  /** The user's own events after this sequence were sent or will be; null: none, the connection is not live yet. */
  userAfter: number | null = null;

  /** Watched items, each with the sequence after which all its events were sent or will be. Do not change it. */
  get items(): ReadonlyMap<ItemId, number> {
    return this.#items ?? NOTHING;
  }

  /** Watches an item from a place on; an item watched from earlier on stays so. */
  watch(itemId: ItemId, after: number): void {
    this.#items ??= new Map();
    const known = this.#items.get(itemId);
    if (known === undefined || after < known) this.#items.set(itemId, after);
  }

  /** Leaves an item; everything up to `upTo` was sent. False for one that is not watched. */
  unwatch(itemId: ItemId, upTo: number): boolean {
    const after = this.#items?.get(itemId);
    if (after === undefined) return false;
    this.#items?.delete(itemId);
    if (after < upTo) {
      this.#left ??= [];
      this.#left.push({ itemId, after, upTo });
      if (this.#left.length > RANGES_MAX) this.#left.shift();
    }
    return true;
  }

  /** Watches nothing any more. */
  clear(): void {
    this.#items = null;
    this.#left = null;
  }

  /**
   * Which of the events up to now were sent, as it stands at this moment: a function that stays true whatever is
   * watched later.
   *
   * @param itemIds items that will be asked about; others count as not sent
   */
  sentBefore(
    userId: UserId | null,
    itemIds: ReadonlySet<ItemId>,
  ): (event: SentEvent, sequence: number) => boolean {
    const items = new Map<ItemId, number>();
    for (const itemId of itemIds) {
      const after = this.#items?.get(itemId);
      if (after !== undefined) items.set(itemId, after);
    }
    const left = this.#rangesOf(itemIds);
    const { userAfter } = this;
    return ({ itemId, userIds }, sequence) => {
      if (userAfter !== null && userId !== null && sequence > userAfter && userIds.includes(userId))
        return true;
      if (itemId === null) return false;
      const after = items.get(itemId);
      if (after !== undefined && sequence > after) return true;
      return left.get(itemId)?.some((it) => sequence > it.after && sequence <= it.upTo) ?? false;
    };
  }

  #rangesOf(itemIds: ReadonlySet<ItemId>): ReadonlyMap<ItemId, readonly Range[]> {
    const ranges = new Map<ItemId, Range[]>();
    for (const range of this.#left ?? []) {
      if (!itemIds.has(range.itemId)) continue;
      const known = ranges.get(range.itemId);
      if (known === undefined) ranges.set(range.itemId, [range]);
      else known.push(range);
    }
    return ranges;
  }
}

/** Whom an event went to. */
export interface SentEvent {
  readonly itemId: ItemId | null;
  readonly userIds: readonly UserId[];
}
