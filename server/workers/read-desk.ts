/**
 * Answers what workers ask. Reads of the database keep the bounds they have for clients in this process.
 */
import type { Auction, AuctionView } from '../../src/auction/book.ts';
import { auctionMeetsReserve } from '../../src/auction/reserve.ts';
import { AppError } from '../../src/errors.ts';
import type { AuctionReads, UserStanding } from '../../src/ports.ts';
import type { BarredUsers } from '../barred-users.ts';
import type { Answer, Question } from './worker-message.ts';

export interface ReadDeskDeps {
  readonly reads: AuctionReads;
  readonly barred: BarredUsers;
}

/** Everything but places, which are kept per worker. */
export type ReadQuestion = Exclude<Question, { readonly of: 'place' }>;

export class ReadDesk {
  readonly #deps: ReadDeskDeps;

  constructor(deps: ReadDeskDeps) {
    this.#deps = deps;
  }

  /**
   * @param answer called once; for items and bids in the tick in which the book is as what was read, and before anything
   *   that is published after it
   */
  async ask(question: ReadQuestion, answer: (answer: Answer) => void): Promise<void> {
    try {
      await this.#answer(question, answer);
    } catch (error) {
      const code = error instanceof AppError ? error.code : null;
      const message = error instanceof Error ? error.message : String(error);
      answer({ of: 'failure', code, message });
    }
  }

  async #answer(question: ReadQuestion, answer: (answer: Answer) => void): Promise<void> {
    const { reads } = this.#deps;
    switch (question.of) {
      case 'items': {
        const { itemIds } = question;
        const known = itemIds.map((itemId) => reads.book.get(itemId));
        if (known.every((auction) => auction !== undefined)) {
          answer({ of: 'items', auctions: known.map(shown) });
          return;
        }
        await reads.withItems(itemIds, (find) => {
          const auctions = itemIds.map((itemId) => {
            const auction = find(itemId);
            return auction === null ? null : shown(auction);
          });
          answer({ of: 'items', auctions });
        });
        return;
      }
      case 'standing':
        answer({ of: 'standing', standing: await this.#standing(question) });
        return;
      case 'watchlist': {
        const itemIds = await reads.readWatchlist(question.userId, question.max);
        answer({ of: 'watchlist', itemIds });
        return;
      }
      case 'own bids':
        await reads.withOwnBids(question.userId, question.max, (bids) => {
          const auctions = bids.flatMap(({ itemId }) => {
            const auction = reads.book.get(itemId);
            return auction === undefined ? [] : [shown(auction)];
          });
          answer({ of: 'own bids', bids, auctions });
        });
        return;
    }
  }

  /** A worker that started after a user was deleted has not seen it happen. */
  async #standing({ userId }: Extract<Question, { of: 'standing' }>): Promise<UserStanding | null> {
    const standing = await this.#deps.reads.readStanding(userId);
    if (standing !== null || !this.#deps.barred.has(userId)) return standing;
    return { mayConnect: false, suspendedUntilMs: null };
  }
}

/** What may be known outside of the process that tails: whether the reserve is met, never what it is. */
function shown(auction: AuctionView): AuctionView {
  const { itemId, status, currentPrice, endTimeMs, sellerId, leaderId, bidCount } = auction;
  return {
    ...{ itemId, status, currentPrice, endTimeMs, sellerId, leaderId, bidCount },
    leadingAmount: null,
    leadingBidId: null,
    reservePrice: undefined,
    reserveMet: auctionMeetsReserve(auction),
  } satisfies Omit<Auction, 'countedBids'>;
}
