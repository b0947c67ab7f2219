/**
 * How many connections watch an item, for those who asked to know: sampled once a second, told when it changed.
 */
import type { ItemId } from '../src/auction/ids.ts';
import { encodeWatchers } from '../src/protocol/standing-message.ts';
import type { Connection } from './connection.ts';
import { textFrame } from './frame.ts';
import { laneFor } from './turn-batch.ts';

/** Least time between two samples: the sweeper's second, less what a timer may come early by. */
const SAMPLE_EVERY_MS = 900;

/** Counts of several gateways together. */
export interface WatcherTotals {
  /** Somebody here wants to know of an item, or nobody does any more. */
  listening(itemId: ItemId, on: boolean): void;
  /** How many watch it anywhere, as far as is known; `here`: those of this gateway. */
  of(itemId: ItemId, here: number): number;
}

interface Counted {
  readonly listeners: Set<Connection>;
  /** Listeners who have not been told the last count: new ones, and those who are still on their way to what is live. */
  untold: Set<Connection>;
  told: number | null;
}

export class WatcherCounts {
  readonly #items = new Map<ItemId, Counted>();
  /** Items to look at in the next sample. */
  readonly #moved = new Set<ItemId>();
  readonly #totals: WatcherTotals | null;
  #sampledAtMs = -Infinity;

  /** @param totals null: all watchers are here */
  constructor(totals: WatcherTotals | null = null) {
    this.#totals = totals;
  }

  /** A watcher of the item wants to know its count. */
  listen(connection: Connection, itemId: ItemId): void {
    let counted = this.#items.get(itemId);
    if (counted === undefined) {
      counted = { listeners: new Set(), untold: new Set(), told: null };
      this.#items.set(itemId, counted);
      this.#totals?.listening(itemId, true);
    }
    counted.listeners.add(connection);
    counted.untold.add(connection);
    this.#moved.add(itemId);
  }

  /** Somebody began or ceased to watch the item, here or elsewhere. */
  moved(itemId: ItemId): void {
    if (this.#items.has(itemId)) this.#moved.add(itemId);
  }

  /** A connection watches the item no more. */
  leave(connection: Connection, itemId: ItemId): void {
    const counted = this.#items.get(itemId);
    if (counted === undefined) return;
    counted.untold.delete(connection);
    if (counted.listeners.delete(connection) && counted.listeners.size === 0) {
      this.#items.delete(itemId);
      this.#moved.delete(itemId);
      this.#totals?.listening(itemId, false);
    }
  }

  /** Tells what has changed, unless the last sample is too fresh. `countOf` says how many watch an item here now. */
  sample(nowMs: number, countOf: (itemId: ItemId) => number): void {
    if (this.#moved.size === 0 || nowMs - this.#sampledAtMs < SAMPLE_EVERY_MS) return;
    this.#sampledAtMs = nowMs;
    for (const itemId of this.#moved) {
      const counted = this.#items.get(itemId);
      if (counted === undefined) continue;
      const here = countOf(itemId);
      const count = this.#totals?.of(itemId, here) ?? here;
      const audience = count === counted.told ? counted.untold : counted.listeners;
      const frame = textFrame(encodeWatchers(itemId, count));
      counted.untold = tellThoseWhoTake(audience, frame);
      counted.told = count;
      if (counted.untold.size === 0) this.#moved.delete(itemId);
    }
  }
}

/** Tells an audience, and returns those of it to whom nothing more may be written now. */
function tellThoseWhoTake(audience: ReadonlySet<Connection>, frame: Buffer): Set<Connection> {
  const lane = laneFor(audience.size);
  const left = new Set<Connection>();
  for (const connection of audience) {
    if (connection.way === null) connection.tell(frame, lane);
    else left.add(connection);
  }
  return left;
}
