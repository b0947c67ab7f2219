/**
 * Finds out who leads where the leading bid was deleted or lowered and the schema has no leader column: only the tables
 * know.
 *
 * They are asked at once, beside the stream, which goes on meanwhile; only a further change of the same auction waits for
 * the answer. It must come from a view that holds the deletion (see `commit-view.ts`), and it leaves out bids that the
 * stream has not brought yet: each of them takes the lead, and outbids somebody, when it comes.
 */
import type { Book, LeadingBid } from '../../src/auction/book.ts';
import type { BidId, ItemId } from '../../src/auction/ids.ts';
import type { RowChange } from '../../src/auction/row-change.ts';
import { itemsNamedBy } from '../../src/auction/translate.ts';
import { viewHolding } from './commit-view.ts';
import type { CommitPlace } from './commit-view.ts';
import type { DatabasePool } from '../source/database-pool.ts';
import { readLeadersWithout } from './item-reader.ts';
import type { RowReader } from './row-reader.ts';

export interface LeaderQuestion {
  readonly book: Book;
  readonly rows: RowReader;
  readonly itemIds: readonly ItemId[];
  /** What the tables must hold: everything up to here. */
  readonly place: CommitPlace;
  /** Newest bid that the stream has brought, where keys are integers. */
  readonly newestDelivered: BidId | null;
  /** Bids of the transaction under way that are still to be translated. */
  readonly undelivered: ReadonlyMap<ItemId, ReadonlySet<BidId>>;
}

export interface LeaderReadsOptions {
  readonly pool: DatabasePool;
  /** Runs a read until it succeeds. Rejects when the signal aborts, or where no further try can help. */
  readonly persist: (read: () => Promise<void>, signal: AbortSignal) => Promise<void>;
}

interface Reading {
  readonly itemIds: ReadonlySet<ItemId>;
  readonly done: Promise<void>;
}

const NO_BIDS: ReadonlySet<BidId> = new Set();

export class LeaderReads {
  readonly #options: LeaderReadsOptions;
  #reading: Reading | null = null;

  constructor(options: LeaderReadsOptions) {
    this.#options = options;
  }

  get isReading(): boolean {
    return this.#reading !== null;
  }

  /** Reads and enters the leaders. @throws AppError; an AbortError when `signal` aborts */
  async read(question: LeaderQuestion, signal: AbortSignal): Promise<void> {
    await this.#options.persist(async () => {
      enter(question, await ask(this.#options.pool, question));
    }, signal);
  }

  /**
   * As `read`, beside the stream, and `then` when it has succeeded. What could not be read is read when it is needed. Only
   * while none is under way.
   */
  begin(question: LeaderQuestion, signal: AbortSignal, then: () => void): void {
    const done = this.read(question, signal).then(
      () => {
        this.#reading = null;
        then();
      },
      () => {
        this.#reading = null;
      },
    );
    this.#reading = { itemIds: new Set(question.itemIds), done };
  }

  /** Resolves when none of the items that these changes name is being read. */
  async settled(changes: readonly RowChange[]): Promise<void> {
    const reading = this.#reading;
    if (reading === null) return;
    const isNamed = changes.some((change) =>
      itemsNamedBy(change).some((itemId) => reading.itemIds.has(itemId)),
    );
    if (isNamed) await reading.done;
  }
}

function ask(
  pool: DatabasePool,
  { rows, itemIds, place, newestDelivered, undelivered }: LeaderQuestion,
): Promise<Map<ItemId, LeadingBid | null>> {
  const without = new Map(itemIds.map((id) => [id, undelivered.get(id) ?? NO_BIDS]));
  return viewHolding(pool, place, (view) =>
    readLeadersWithout(view, rows, without, newestDelivered),
  );
}

/** An entry that is gone, or was read otherwise meanwhile, is left alone. */
function enter({ book }: LeaderQuestion, leaders: ReadonlyMap<ItemId, LeadingBid | null>): void {
  for (const [itemId, leader] of leaders) {
    if (book.lacksLeader.has(itemId)) book.setLeader(itemId, leader);
  }
}
