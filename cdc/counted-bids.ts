/**
 * When entries that were read ahead of the stream may forget which bids they hold already: once the stream has passed the
 * end that the binlog had after the read.
 */
import type { Auction, Book } from '../src/auction/book.ts';
import type { ItemId } from '../src/auction/ids.ts';
import type { Queryable } from './database-pool.ts';
import { compareBinlogPositions } from './source-position.ts';
import type { BinlogPosition } from './source-position.ts';
import { binlogEnd } from './source-status.ts';
import type { TailedTransaction } from './tailed-transaction.ts';

interface Expectation {
  readonly until: BinlogPosition;
  readonly itemIds: readonly ItemId[];
}

export class CountedBids {
  readonly #book: Book;
  /** Oldest first. */
  readonly #expected: Expectation[] = [];

  constructor(book: Book) {
    this.#book = book;
  }

  /** Notes entries just read, before they go into the book. @throws AppError */
  async expect(read: ReadonlyMap<ItemId, Auction>, database: Queryable): Promise<void> {
    const itemIds = [...read.values()].filter((entry) => entry.countedBids !== null);
    if (itemIds.length === 0) return;
    const until = await binlogEnd(database);
    this.#expected.push({ until, itemIds: itemIds.map((entry) => entry.itemId) });
  }

  /** The stream has delivered this transaction. */
  passed(tailed: TailedTransaction): void {
    if (this.#expected.length === 0) return;
    const { binlog } = tailed.end();
    for (;;) {
      const [first] = this.#expected;
      if (first === undefined || compareBinlogPositions(first.until, binlog) > 0) return;
      this.#expected.shift();
      for (const itemId of first.itemIds) {
        const auction = this.#book.get(itemId);
        // Read again meanwhile: a later expectation speaks for it.
        const isExpected = this.#expected.some((later) => later.itemIds.includes(itemId));
        if (auction !== undefined && !isExpected) auction.countedBids = null;
      }
    }
  }
}
