/**
 * Auctions past their end whose status nobody has changed: the portal's completion cron is not running. Pure. It looks
 * only at those past their end (`Countdown.past`), never at all auctions.
 */
import type { ItemId } from './ids.ts';

/** An auction that should have been completed. */
export interface OverdueAuction {
  readonly itemId: ItemId;
  readonly endTimeMs: number;
}

export interface OverdueReport {
  /** Those not reported before with this end, in order of their end. */
  readonly found: readonly OverdueAuction[];
  /** All that are overdue now. */
  readonly total: number;
}

/** Auctions looked at between two pauses: well below a millisecond. */
const PAUSE_EVERY = 2_048;

/** Tells each overdue auction once; again when its end is moved and passes once more. */
export class OverdueAuctions {
  readonly #afterMs: number;
  /** Auction → the end with which it was told. */
  #told = new Map<ItemId, number>();

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
    const told = new Map<ItemId, number>();
    const found: OverdueAuction[] = [];
    let looked = 0;
    for (const [itemId, endTimeMs] of past) {
      looked += 1;
      if (looked % PAUSE_EVERY === 0) yield;
      if (nowMs - endTimeMs < this.#afterMs) continue;
      told.set(itemId, endTimeMs);
      if (this.#told.get(itemId) !== endTimeMs) found.push({ itemId, endTimeMs });
    }
    this.#told = told;
    found.sort((a, b) => a.endTimeMs - b.endTimeMs);
    return { found, total: told.size };
  }
}
