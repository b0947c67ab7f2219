/**
 * Whether one client of a load test was told of every bid: each `bid_update` counts the bids of its item, so a number
 * left out is a bid missed, whatever the database says. Pure.
 */

/** What is wrong with one message. */
export interface SequenceFault {
  /** Bids between the last one told and this one that nobody told. */
  readonly missed: number;
  readonly isRepeated: boolean;
}

const FINE: SequenceFault = { missed: 0, isRepeated: false };

export class BidSequence {
  /** The bids told so far, by item. */
  readonly #counts = new Map<string, number>();

  /** A subscription was answered. @returns bids of which only the count is known now, because nothing could be replayed */
  subscribed(item: string, bidCount: number, isRecovered: boolean): number {
    const before = this.#counts.get(item);
    // What was missed follows one by one.
    if (before !== undefined && isRecovered) return 0;
    this.#counts.set(item, bidCount);
    return before === undefined ? 0 : Math.max(0, bidCount - before);
  }

  /** @param skipped bids that this message stands for besides its own (conflated) */
  bidTold(item: string, bidCount: number, skipped: number): SequenceFault {
    const before = this.#counts.get(item);
    this.#counts.set(item, bidCount);
    // Fewer than before: bids were taken back.
    if (before === undefined || bidCount < before) return FINE;
    if (bidCount === before) return { missed: 0, isRepeated: true };
    return { missed: Math.max(0, bidCount - before - 1 - skipped), isRepeated: false };
  }

  /** One bid was taken back. */
  bidRetracted(item: string): void {
    const before = this.#counts.get(item);
    if (before !== undefined) this.#counts.set(item, before - 1);
  }

  /** The source changed: what was told before means nothing. */
  clear(): void {
    this.#counts.clear();
  }
}
