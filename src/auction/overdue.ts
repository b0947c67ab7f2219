/**
 * Auctions past their end whose status nobody has changed: the portal's completion cron is not running. Pure. It looks
 * only at those past their end (`Countdown.past`), never at all auctions.
 */
import type { ItemId } from './ids.ts';

export interface OverdueReport {
  /** How many were not reported before with this end. */
  readonly found: number;
  /** Some of these, at most {@link SHOWN_MAX}. */
  readonly shown: readonly ItemId[];
  /** All that are overdue now. */
  readonly total: number;
}

/** Auctions named in one report. */
export const SHOWN_MAX = 20;
/** Auctions looked at between two pauses: a fraction of a millisecond. */
const PAUSE_EVERY = 2_048;

/** Tells each overdue auction once; again when its end is moved and passes once more. */
export class OverdueAuctions {
  readonly #afterMs: number;
  /** Auction → the end with which it was told: those that are overdue. */
  readonly #told = new Map<ItemId, number>();

  /** @param afterMs milliseconds past the end that completion may take */
  constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  /**
   * Pauses now and then: when nothing is completed for long there may be a million, and what is live is not to wait for them.
   *
   * @param past active auctions past their end, with that end in epoch ms; may change during a pause
   */
  *check(past: ReadonlyMap<ItemId, number>, nowMs: number): Generator<undefined, OverdueReport> {
    let looked = 0;
    for (const [itemId, endTimeMs] of this.#told) {
      looked += 1;
      if (looked % PAUSE_EVERY === 0) yield;
      if (past.get(itemId) !== endTimeMs) this.#told.delete(itemId);
    }
    let found = 0;
    const shown: ItemId[] = [];
    // Those that come to be past their end meanwhile are at the end of the map, and for the next check.
    let left = past.size;
    for (const [itemId, endTimeMs] of past) {
      if (left === 0) break;
      left -= 1;
      if (nowMs - endTimeMs >= this.#afterMs && this.#told.get(itemId) !== endTimeMs) {
        this.#told.set(itemId, endTimeMs);
        found += 1;
        if (shown.length < SHOWN_MAX) shown.push(itemId);
      }
      // Last: what was read of the map before a pause may not be so after it.
      if (left % PAUSE_EVERY === 0) yield;
    }
    return { found, shown, total: this.#told.size };
  }
}
