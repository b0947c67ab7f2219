/**
 * Fills the history after a start: the row changes that led to the book are taken back, and translated forward again by
 * the pipeline itself, so that the same events come out, byte for byte.
 *
 * Nothing is published before it is proven: a first pass, silent, must end at the book it started from. Where it does not
 * (something changed the tables that the binlog does not show), there is no history, and nothing invented.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { OTHERS_MAX } from '../src/auction/book.ts';
import type { Auction, Book, LeadingBid } from '../src/auction/book.ts';
import type { ItemId, UserId } from '../src/auction/ids.ts';
import type { RowChange } from '../src/auction/row-change.ts';
import { missingItems, translateChanges } from '../src/auction/translate.ts';
import { bidsOf, itemsOf, namesBefore, undo, undoableFrom } from '../src/auction/undo.ts';
import type { Changes } from '../src/auction/undo.ts';
import type { Log } from '../src/ports.ts';
import type { HistoryWindow } from './continuity/history-window.ts';
import type { NameCache } from './tables/name-cache.ts';
import type { Pipeline } from './pipeline.ts';
import type { OpenSnapshot } from './tables/snapshot.ts';
import type { TailedTransaction } from './binlog/tailed-transaction.ts';

/** The exact book, and what can be told again of how it came to be. */
export interface Refill {
  readonly book: Book;
  /** Oldest first; empty where there is no history. */
  readonly transactions: readonly TailedTransaction[];
  readonly leaders: ReadonlyMap<ItemId, LeadingBid | null>;
  /** Why it does not go back as far as it might; null when it does. */
  readonly cutBy: string | null;
  /** Commit time, in epoch ms, of the last transaction of the window that cannot be told; null when all can. */
  readonly cutAtMs: number | null;
  /** Milliseconds since the reading began. */
  readonly elapsedMs: () => number;
}

interface RefillDeps {
  readonly pipeline: Pipeline;
  readonly names: NameCache;
  readonly log: Log;
}

/** Changes translated in one turn of the event loop. */
const SLICE_MAX = 1_000;
/** Ended auctions that a replay may need beside the live ones: the book would let go of more. */
const EXTRAS_MAX = OTHERS_MAX / 2;

/**
 * Finishes the snapshot, together with the ended auctions that the window's changes touch, and proves that they can be
 * taken back.
 *
 * @throws AppError when the database fails; an AbortError when `signal` aborts
 */
export async function prepareRefill(
  window: HistoryWindow,
  snapshot: OpenSnapshot,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<Refill> {
  const held = window.take();
  const { schema } = snapshot;
  const byImages = undoableFrom(schema, changesOf(held), () => true);
  const candidates = held.slice(byImages.from);
  const book = await snapshot.finish(itemsOf(changesOf(candidates)));
  const elapsedMs = (): number => window.elapsedMs;
  const committedAtMs = (at: number): number | null =>
    held[at]?.transaction.committedAtMs ?? window.cutAtMs;
  const none = {
    ...{ book, transactions: [], leaders: new Map<ItemId, null>(), elapsedMs },
    cutAtMs: committedAtMs(held.length - 1),
  };
  if (book.size - book.liveSize > EXTRAS_MAX) {
    return { ...none, cutBy: `more than ${EXTRAS_MAX.toString()} ended auctions in it` };
  }
  const byBook = undoableFrom(schema, changesOf(candidates), (itemId) => book.has(itemId));
  const transactions = candidates.slice(byBook.from);
  const leaders = await snapshot.leadersWithout(bidsOf(changesOf(transactions)));
  const cutBy = byBook.stoppedBy ?? byImages.stoppedBy ?? window.cutBy;
  const fault = await rehearse({ book, transactions, leaders }, signal);
  const cutAtMs = committedAtMs(held.length - transactions.length - 1);
  if (fault === null) return { book, transactions, leaders, cutBy, cutAtMs, elapsedMs };
  const text = `no history: the row changes do not lead to the tables as they are (${fault})`;
  log.error({ fault, transactions: transactions.length, text }, 'history refused');
  return { ...none, cutBy: fault };
}

/** Takes the book, and the names, back to where the transactions begin. */
export function goBack({ book, transactions, leaders }: Refill, names: NameCache): void {
  const changes = changesOf(transactions);
  undo(book, changes, leaders);
  for (const [userId, name] of namesBefore(changes)) names.apply(renamed(userId, name));
}

/** Publishes it all for the history alone. The pipeline's book is the refill's, before and after. */
export async function runRefill(
  refill: Refill,
  { pipeline, names, log }: RefillDeps,
  signal: AbortSignal,
): Promise<void> {
  const { transactions, cutBy, elapsedMs } = refill;
  const changes = changesOf(transactions);
  goBack(refill, names);
  for (const tailed of transactions) await pipeline.replay(tailed, signal);
  const [first] = transactions;
  const since =
    first === undefined ? null : new Date(first.transaction.committedAtMs).toISOString();
  const count = changes.reduce((sum, { length }) => sum + length, 0);
  const ms = elapsedMs();
  const what = since === null ? 'nothing' : `${count.toString()} row changes since ${since}`;
  const why = cutBy === null ? '' : `; no further back: ${cutBy}`;
  const text = `history filled in ${ms.toString()} ms with ${what}${why}`;
  log.info(
    { transactions: transactions.length, changes: count, since, cutBy, ms, text },
    'history filled',
  );
}

/** Back and forward once; null when that ends where it began, and then the book is as it was. */
async function rehearse(
  refill: Pick<Refill, 'book' | 'transactions' | 'leaders'>,
  signal: AbortSignal,
): Promise<string | null> {
  const { book, leaders } = refill;
  const transactions = changesOf(refill.transactions);
  const before = new Map<ItemId, Auction | undefined>();
  for (const itemId of itemsOf(transactions)) {
    const auction = book.get(itemId);
    before.set(itemId, auction === undefined ? undefined : { ...auction });
  }
  undo(book, transactions, leaders);
  const fault = (await forward(book, transactions, signal)) ?? differenceBetween(book, before);
  if (fault !== null) restore(book, before);
  book.drainTouched();
  return fault;
}

async function forward(
  book: Book,
  transactions: readonly Changes[],
  signal: AbortSignal,
): Promise<string | null> {
  let inTurn = 0;
  for (const changes of transactions) {
    for (let at = 0; at < changes.length; at += SLICE_MAX) {
      const slice = changes.slice(at, at + SLICE_MAX);
      inTurn += slice.length;
      if (inTurn > SLICE_MAX) {
        inTurn = 0;
        await nextTurn(undefined, { signal });
      }
      if (missingItems(book, slice).length > 0) return 'an item is not in the book';
      translateChanges(book, 'rehearsal', slice);
      if (book.needsReload.size > 0) return 'an item would have to be read again';
    }
  }
  return null;
}

/** Names fields, never values. */
function differenceBetween(
  book: Book,
  before: ReadonlyMap<ItemId, Auction | undefined>,
): string | null {
  for (const [itemId, was] of before) {
    const is = book.get(itemId);
    if (was === undefined || is === undefined) {
      if (was !== is) return `item ${itemId} differs: ${was === undefined ? 'new' : 'missing'}`;
      continue;
    }
    const now = new Map<string, unknown>(Object.entries(is));
    const fields = Object.entries(was).filter(([field, value]) => now.get(field) !== value);
    if (fields.length > 0) {
      return `item ${itemId} differs: ${fields.map(([field]) => field).join(', ')}`;
    }
  }
  return null;
}

function restore(book: Book, before: ReadonlyMap<ItemId, Auction | undefined>): void {
  for (const [itemId, auction] of before) {
    if (auction === undefined) book.delete(itemId);
    else book.set(auction);
  }
}

function changesOf(transactions: readonly TailedTransaction[]): Changes[] {
  return transactions.map(({ transaction }) => transaction.changes);
}

/** Makes the cache forget a later name. */
function renamed(userId: UserId, name: string | null): Extract<RowChange, { table: 'users' }> {
  const change = { table: 'users', kind: 'update', userId, index: 0, timestampMs: 0 } as const;
  return { ...change, before: {}, after: { name } };
}
