/**
 * Tells a user who was away longer than the history how he stands in each live auction he has bid on.
 */
import { compareMoney } from '../src/auction/money.ts';
import type { UserId } from '../src/auction/ids.ts';
import type { Zone } from '../src/auction/zone.ts';
import type { AuctionReads, Log, OwnBid } from '../src/ports.ts';
import { encodeStanding, type StandingItem } from '../src/protocol/standing-message.ts';
import type { Connection } from './connection.ts';

/** Auctions told at most; those that end first. */
const STANDING_ITEMS_MAX = 500;

export interface StandingsDeps {
  readonly log: Log;
  readonly reads: AuctionReads;
  readonly legacyTimesZone: Zone | null;
}

export class Standings {
  readonly #deps: StandingsDeps;

  constructor(deps: StandingsDeps) {
    this.#deps = deps;
  }

  /** His bids are from the tables, everything else from the book at the moment of sending. */
  async tell(connection: Connection): Promise<void> {
    const { log, reads, legacyTimesZone } = this.#deps;
    const { userId } = connection;
    if (userId === null) return;
    try {
      await reads.withOwnBids(userId, STANDING_ITEMS_MAX, (bids) => {
        const items = bids.flatMap((bid) => this.#itemOf(bid, userId));
        connection.send(encodeStanding(items, legacyTimesZone));
      });
    } catch (error) {
      // Silence would look like "nothing happened to you"; the client comes back in a moment.
      log.warn({ err: error }, 'own bids unreadable');
      connection.close(1012);
    }
  }

  #itemOf({ itemId, amount }: OwnBid, userId: UserId): StandingItem[] {
    const auction = this.#deps.reads.book.get(itemId);
    if (auction?.status !== 'active') return [];
    const { leaderId, currentPrice, endTimeMs } = auction;
    const leading = leaderId === userId;
    // A bid of his that came after the read is what he leads with.
    const isNewer = leading && currentPrice !== null && compareMoney(currentPrice, amount) > 0;
    const yourBidAmount = isNewer ? currentPrice : amount;
    return [{ itemId, leading, currentPrice, yourBidAmount, endTimeMs }];
  }
}
