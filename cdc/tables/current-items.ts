/**
 * Items for clients that subscribe, as of the last published event: from the book, or from the tables.
 *
 * Problem: the tables are ahead of the stream. A state read there may have bids in it that are still to be published;
 * a client that was told it would see the price fall, and events it has seen already. So after the read the end of the
 * binlog is asked for, and the state is used when the stream has passed it, unless the stream brought a change of the item
 * meanwhile. An item with a change is in the book then, or is read once more.
 */
import type { AuctionView, BookView } from '../../src/auction/book.ts';
import type { ItemId } from '../../src/auction/ids.ts';
import type { RowChange } from '../../src/auction/row-change.ts';
import { itemsNamedBy } from '../../src/auction/translate.ts';
import { AppError } from '../../src/errors.ts';
import type { BinlogPosition } from '../source/source-position.ts';
import type { StreamProgress } from '../binlog/stream-progress.ts';

/** Reads of items that change again and again under way. */
const ROUNDS_MAX = 20;
/** How long the stream may take to pass a read. */
const PASS_WITHIN_MS = 10_000;

export interface CurrentItemsOptions {
  /** Shows what is exact as of the last published event. */
  readonly book: BookView;
  readonly read: (itemId: ItemId) => Promise<AuctionView | null>;
  readonly binlogEnd: () => Promise<BinlogPosition>;
  readonly progress: StreamProgress;
  /** False while the stream is away: then the tables are all there is. */
  readonly isStreaming: () => boolean;
}

type Find = (itemId: ItemId) => AuctionView | null;

export class CurrentItems {
  readonly #options: CurrentItemsOptions;
  /** One map for each read under way: its items that were changed since it began. */
  readonly #reads = new Set<Map<ItemId, boolean>>();

  constructor(options: CurrentItemsOptions) {
    this.#options = options;
  }

  /** Told of everything that is published, right before. */
  changing(changes: readonly RowChange[]): void {
    if (this.#reads.size === 0) return;
    for (const change of changes) {
      for (const itemId of itemsNamedBy(change)) {
        for (const read of this.#reads) if (read.has(itemId)) read.set(itemId, true);
      }
    }
  }

  /** As `AuctionReads.withItems`. @throws AppError */
  async take<T>(itemIds: readonly ItemId[], take: (find: Find) => T): Promise<T> {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const taken = await this.#try(itemIds, take);
      if (taken !== null) return taken.value;
    }
    throw new AppError('SOURCE_DISCONNECTED', 'items changed faster than they could be read');
  }

  /** Calls `act` once the stream has passed what the binlog holds now: with the book as new as any read before. */
  async oncePassedNow<T>(act: () => T): Promise<T> {
    return this.#oncePassed(await this.#options.binlogEnd(), act);
  }

  /** Null when an item changed under way. */
  async #try<T>(
    itemIds: readonly ItemId[],
    take: (find: Find) => T,
  ): Promise<{ readonly value: T } | null> {
    const { book, read, binlogEnd } = this.#options;
    const missing = itemIds.filter((itemId) => book.get(itemId) === undefined);
    const changed = new Map(missing.map((itemId) => [itemId, false]));
    this.#reads.add(changed);
    try {
      const found = new Map<ItemId, AuctionView | null>();
      await Promise.all(
        missing.map(async (itemId) => {
          found.set(itemId, await read(itemId));
        }),
      );
      const until = missing.length === 0 ? null : await binlogEnd();
      return await this.#oncePassed(until, () => {
        const isStreaming = this.#options.isStreaming();
        const isKnown = (itemId: ItemId): boolean =>
          book.get(itemId) !== undefined ||
          (found.has(itemId) && !(isStreaming && changed.get(itemId) === true));
        if (!itemIds.every(isKnown)) return null;
        return { value: take((itemId) => book.get(itemId) ?? found.get(itemId) ?? null) };
      });
    } finally {
      this.#reads.delete(changed);
    }
  }

  #oncePassed<T>(until: BinlogPosition | null, act: () => T): T | Promise<T> {
    const { progress, isStreaming } = this.#options;
    if (until === null || !isStreaming()) return act();
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        cancel();
        reject(new AppError('SOURCE_DISCONNECTED', 'the stream is behind the tables'));
      }, PASS_WITHIN_MS);
      const cancel = progress.whenPassed(until, () => {
        clearTimeout(timer);
        try {
          resolve(act());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }
}
