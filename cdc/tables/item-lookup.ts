/**
 * Single auctions for whoever asks, read in batches: however many ask at once, one SELECT is under way.
 */
import type { Auction } from '../../src/auction/book.ts';
import type { ItemId } from '../../src/auction/ids.ts';

const BATCH_MAX = 200;

interface Question {
  readonly resolve: (auction: Auction | null) => void;
  readonly reject: (error: unknown) => void;
}

export class ItemLookup {
  readonly #read: (itemIds: readonly ItemId[]) => Promise<ReadonlyMap<ItemId, Auction>>;
  /** Not asked yet. */
  readonly #questions = new Map<ItemId, Question>();
  readonly #promises = new Map<ItemId, Promise<Auction | null>>();
  #isReading = false;

  /** `read` gets at most 200 distinct ids a call and is never called while a call is under way. */
  constructor(read: (itemIds: readonly ItemId[]) => Promise<ReadonlyMap<ItemId, Auction>>) {
    this.#read = read;
  }

  /** The item as the table has it; null when it has none. @throws what `read` throws */
  find(itemId: ItemId): Promise<Auction | null> {
    const known = this.#promises.get(itemId);
    if (known !== undefined) return known;
    const promise = new Promise<Auction | null>((resolve, reject) => {
      this.#questions.set(itemId, { resolve, reject });
    });
    this.#promises.set(itemId, promise);
    if (!this.#isReading) void this.#answerAll();
    return promise;
  }

  async #answerAll(): Promise<void> {
    this.#isReading = true;
    while (this.#questions.size > 0) {
      const batch = [...this.#questions].slice(0, BATCH_MAX);
      for (const [itemId] of batch) {
        this.#questions.delete(itemId);
        // From here on a question is a new one: what is read now may miss what was committed since.
        this.#promises.delete(itemId);
      }
      try {
        const found = await this.#read(batch.map(([itemId]) => itemId));
        for (const [itemId, question] of batch) question.resolve(found.get(itemId) ?? null);
      } catch (error) {
        for (const [, question] of batch) question.reject(error);
      }
    }
    this.#isReading = false;
  }
}
