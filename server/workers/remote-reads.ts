/**
 * The database side as a worker sees it: the primary's, by question and answer. No worker has a connection to the
 * database, or knows how to make one.
 */
import type { AuctionView, BookView } from '../../src/auction/book.ts';
import type { ItemId, UserId } from '../../src/auction/ids.ts';
import type { AuctionReads, Clock, FeedState, OwnBid, UserStanding } from '../../src/ports.ts';
import type { Questions, Took } from './questions.ts';
import type { Answer, FeedNews } from './worker-message.ts';

/** News come once a second; where they have stopped, nothing is known to be fresh. */
const NEWS_FRESH_MS = 10_000;

export class RemoteReads implements AuctionReads {
  readonly #questions: Questions;
  readonly #now: Clock;
  readonly #shown = new ShownAuctions();
  #news: FeedNews;
  #newsAtMs: number;

  constructor(questions: Questions, { now, news }: { now: Clock; news: FeedNews }) {
    this.#questions = questions;
    this.#now = now;
    this.#news = news;
    this.#newsAtMs = now();
  }

  /** Empty but for the auctions of an answer while it is taken: every other item is asked for. */
  get book(): BookView {
    return this.#shown;
  }

  /** Milliseconds to add to our clock to get the database's. */
  get clockOffsetMs(): number {
    return this.#news.clockOffsetMs;
  }

  /** Takes in where the feed stands. */
  learn(news: FeedNews): void {
    this.#news = news;
    this.#newsAtMs = this.#now();
  }

  feedState(): FeedState {
    return this.#news.state;
  }

  isFresh(): boolean {
    return this.#news.isFresh && this.#now() - this.#newsAtMs < NEWS_FRESH_MS;
  }

  withItems<T>(
    itemIds: readonly ItemId[],
    take: (find: (itemId: ItemId) => AuctionView | null) => T,
  ): Promise<T> {
    return this.#questions.ask({ of: 'items', itemIds }, (answer): Took<T> => {
      if (answer.of !== 'items') return null;
      const byId = new Map(answer.auctions.map((auction) => [auction?.itemId, auction]));
      return { value: take((itemId) => byId.get(itemId) ?? null) };
    });
  }

  readStanding(userId: UserId): Promise<UserStanding | null> {
    return this.#questions.ask({ of: 'standing', userId }, (answer: Answer) =>
      answer.of === 'standing' ? { value: answer.standing } : null,
    );
  }

  readWatchlist(userId: UserId, max: number): Promise<readonly ItemId[]> {
    return this.#questions.ask({ of: 'watchlist', userId, max }, (answer: Answer) =>
      answer.of === 'watchlist' ? { value: answer.itemIds } : null,
    );
  }

  withOwnBids<T>(userId: UserId, max: number, take: (bids: readonly OwnBid[]) => T): Promise<T> {
    return this.#questions.ask({ of: 'own bids', userId, max }, (answer): Took<T> => {
      if (answer.of !== 'own bids') return null;
      const { bids, auctions } = answer;
      return { value: this.#shown.during(auctions, () => take(bids)) };
    });
  }
}

class ShownAuctions implements BookView {
  #auctions = new Map<ItemId, AuctionView>();

  get size(): number {
    return this.#auctions.size;
  }

  get(itemId: ItemId): AuctionView | undefined {
    return this.#auctions.get(itemId);
  }

  values(): IterableIterator<AuctionView> {
    return this.#auctions.values();
  }

  during<T>(auctions: readonly AuctionView[], work: () => T): T {
    this.#auctions = new Map(auctions.map((auction) => [auction.itemId, auction]));
    try {
      return work();
    } finally {
      this.#auctions = new Map();
    }
  }
}
