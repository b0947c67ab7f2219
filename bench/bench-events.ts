/**
 * Bids as the benchmarks publish them: 200 bytes of JSON each on a topic of one digit, as long as those of a small portal.
 */
import type { BidPlaced } from '../src/auction/domain-event.ts';
import { bidIdOf, itemIdOf, userIdOf, type EventId, type Money } from '../src/auction/ids.ts';
import type { EncodingContext } from '../src/protocol/server-message.ts';

/** How events are encoded, for whoever encodes one without a gateway. */
export const ENCODING: EncodingContext = {
  nameOf,
  bidderNames: 'full',
  legacyTimesZone: null,
  serverTimeMs: 0,
};

/** Ids keep their length for so many events. */
const FIRST = 100_000;

/** Makes bids, each with an event id of its own. */
export class Bids {
  #made = FIRST;

  /** A further bid on an item. */
  next(itemId: number): BidPlaced {
    this.#made += 1;
    return {
      type: 'BidPlaced',
      eventId: `m0-1-${this.#made}.0.0.t4x2k1` as EventId,
      itemId: itemIdOf(itemId),
      bidId: bidIdOf(this.#made),
      bidderId: userIdOf(7),
      amount: '10.50' as Money,
      placedAtMs: Date.now(),
      reserveMet: null,
      bidCount: 9,
    };
  }
}

/** Everybody's name. */
export function nameOf(): string {
  return 'Bo';
}
