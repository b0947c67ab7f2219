/**
 * Keeps bid counts exact for entries that were read from the tables ahead of the stream.
 *
 * Such an entry's count is that of now, while the stream still delivers changes that are in it. `translate` does not count
 * a bid of `countedBids` again. The reverse needs care too: a bid that was deleted before the read is not in the count, and
 * its delete, when the stream delivers it, must not be taken off. So until the stream has passed the end that the binlog
 * had after the read, the ids that are in the count are remembered here.
 */
import { compareBidIds, placesOf } from '../../src/auction/bid-rows.ts';
import type { Auction, Book } from '../../src/auction/book.ts';
import type { BidId, ItemId } from '../../src/auction/ids.ts';
import type { BidChange, RowChange } from '../../src/auction/row-change.ts';
import type { Queryable } from '../source/database-pool.ts';
import { COUNTED_BIDS_MAX } from './item-reader.ts';
import { compareBinlogPositions } from '../source/source-position.ts';
import type { BinlogPosition } from '../source/source-position.ts';
import { binlogEnd } from '../source/source-status.ts';

/** One entry's bids, as far as they are known to be in its count. */
interface Counted {
  readonly until: BinlogPosition;
  readonly bidIds: Set<BidId>;
  /** The oldest bid read where there were more than were read; null where all were. */
  readonly oldest: BidId | null;
}

export class CountedBids {
  readonly #book: Book;
  readonly #entries = new Map<ItemId, Counted>();

  constructor(book: Book) {
    this.#book = book;
  }

  /** Notes entries just read, before they go into the book. @throws AppError */
  async expect(read: ReadonlyMap<ItemId, Auction>, database: Queryable): Promise<void> {
    if (read.size === 0) return;
    const until = await binlogEnd(database);
    for (const { itemId, countedBids } of read.values()) {
      const bidIds = new Set(countedBids ?? []);
      const isWhole = bidIds.size < COUNTED_BIDS_MAX;
      const oldest = isWhole ? null : ([...bidIds].sort(compareBidIds)[0] ?? null);
      this.#entries.set(itemId, { until, bidIds, oldest });
    }
  }

  /**
   * Cuts changes into runs to be translated one after the other, and sets counts right before a run that begins with the
   * bid that leaves its item (deleted, or moved by an update) and is not in its count.
   */
  *settle(changes: readonly RowChange[]): Generator<readonly RowChange[]> {
    if (this.#entries.size === 0) {
      yield changes;
      return;
    }
    let from = 0;
    for (const [at, change] of changes.entries()) {
      const itemId = change.table === 'bids' ? this.#uncountedLoss(change) : null;
      if (itemId === null) continue;
      if (at > from) yield changes.slice(from, at);
      from = at;
      const auction = this.#book.get(itemId);
      if (auction !== undefined) auction.bidCount += 1;
    }
    yield changes.slice(from);
  }

  /** True for an entry that is ahead of the stream still: what it says is to come. */
  isAhead(itemId: ItemId): boolean {
    return this.#entries.has(itemId);
  }

  /** Entries that are ahead of the stream. */
  get size(): number {
    return this.#entries.size;
  }

  /** The stream has delivered everything up to here. */
  passed(at: BinlogPosition): void {
    for (const [itemId, { until }] of this.#entries) {
      if (compareBinlogPositions(until, at) > 0) continue;
      this.#entries.delete(itemId);
      const auction = this.#book.get(itemId);
      if (auction !== undefined) auction.countedBids = null;
    }
  }

  /** Follows one bid row; the item that loses it, where that is not to be taken off the item's count. */
  #uncountedLoss(change: BidChange): ItemId | null {
    const { bidId } = change;
    switch (change.kind) {
      case 'insert':
        this.#entries.get(change.after.itemId)?.bidIds.add(bidId);
        return null;
      case 'update': {
        const { from, to } = placesOf(change);
        if (from === to) return null;
        if (to !== undefined) this.#entries.get(to)?.bidIds.add(bidId);
        return this.#uncountedIn(from, bidId);
      }
      case 'delete':
        return this.#uncountedIn(change.before.itemId, bidId);
    }
  }

  #uncountedIn(itemId: ItemId | undefined, bidId: BidId): ItemId | null {
    const entry = itemId === undefined ? undefined : this.#entries.get(itemId);
    if (itemId === undefined || entry === undefined || entry.bidIds.delete(bidId)) return null;
    // Older than all that were read: most likely one of the many that were there and not read.
    const isOlder = entry.oldest !== null && compareBidIds(bidId, entry.oldest) <= 0;
    return isOlder ? null : itemId;
  }
}
