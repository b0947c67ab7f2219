/**
 * Committed row changes and the book → domain events. No clock, no I/O, no log: same book and transaction, same
 * events, for ever.
 *
 * Rows are translated one at a time and all memory between them is in the book. So it makes no difference whether the
 * portal writes a bid in two autocommits or in one transaction (but for the ids), nor whether a huge transaction is
 * translated whole or in slices.
 */
import { itemsOfBid, translateBidChange } from './bid-rows.ts';
import type { Book } from './book.ts';
import type { DomainEvent } from './domain-event.ts';
import type { ItemId } from './ids.ts';
import { definesItem, isAside, translateItemChange } from './item-rows.ts';
import type { RowChange, Transaction } from './row-change.ts';
import { RowEvents } from './row-events.ts';
import { translateUserChange } from './user-rows.ts';

/** Events of one transaction, in order. The book is changed here (and by its loader) and nowhere else. */
export function translate(book: Book, transaction: Transaction): readonly DomainEvent[] {
  return translateChanges(book, transaction.id, transaction.changes);
}

/**
 * As `translate`, for some of a transaction's changes: call it slice by slice, in order, with `missingItems` before
 * each. A slice should hold at most 1,000 changes or so, and far fewer than `OTHERS_MAX`, lest entries loaded for it
 * are evicted again.
 */
export function translateChanges(
  book: Book,
  transactionId: string,
  changes: readonly RowChange[],
): readonly DomainEvent[] {
  const out = new RowEvents(transactionId);
  for (const change of changes) {
    out.startRow(change);
    translateChange(book, change, out);
  }
  return out.events;
}

/**
 * Items to read from the tables before these changes are translated: those named by a bid or an item row, or stale
 * (`Book.needsReload`), that the changes do not themselves define. Each once, in order. An item the tables do not have
 * either is left out of the book; its events still come, with what the rows say.
 */
export function missingItems(book: Book, changes: readonly RowChange[]): ItemId[] {
  const missing = new Set<ItemId>();
  const settled = new Set<ItemId>();
  for (const change of changes) {
    for (const itemId of itemsNamedBy(change)) {
      if (settled.has(itemId) || missing.has(itemId)) {
        continue;
      }
      if (change.table === 'items' && settles(book, change)) {
        settled.add(itemId);
      } else if (book.needsReload.has(itemId) || (!book.has(itemId) && needsEntry(change))) {
        missing.add(itemId);
      }
    }
  }
  return [...missing];
}

/**
 * Where a run of changes must end so that who leads can be read before the next one is translated: right before a bid or an
 * item row of an auction that a bid was taken off, or altered in, earlier in the run. For schemas without a leader column.
 *
 * @returns an index above `from`, at most `to`
 */
export function endOfRun(changes: readonly RowChange[], from: number, to: number): number {
  let unsettled: Set<ItemId> | null = null;
  for (let at = from; at < to; at += 1) {
    const change = changes[at];
    if (change === undefined) return at;
    const isSettled = (itemId: ItemId): boolean => unsettled?.has(itemId) !== true;
    if (unsettled !== null && !leaderNeededBy(change).every(isSettled)) return at;
    if (change.table !== 'bids' || change.kind === 'insert') continue;
    unsettled ??= new Set();
    for (const itemId of itemsOfBid(change)) unsettled.add(itemId);
  }
  return to;
}

/**
 * Auctions whose leader must be read before these changes are translated: those that lack one (`Book.lacksLeader`), and
 * those whose entry was read ahead of the stream and has a bid lead that only comes now. Of these the book forgets it.
 */
export function missingLeaders(book: Book, changes: readonly RowChange[]): ItemId[] {
  const missing = new Set<ItemId>();
  for (const change of changes) {
    if (change.table === 'bids' && change.kind === 'insert') {
      const auction = book.get(change.after.itemId);
      if (auction?.leadingBidId === change.bidId) book.dethrone(auction);
    }
    if (book.lacksLeader.size === 0) continue;
    for (const itemId of leaderNeededBy(change)) {
      if (book.lacksLeader.has(itemId)) missing.add(itemId);
    }
  }
  return [...missing];
}

/** Who led matters to a bid that takes the lead, and to the end of an auction. */
function leaderNeededBy(change: RowChange): readonly ItemId[] {
  if (change.table === 'bids') return change.kind === 'insert' ? [change.after.itemId] : [];
  return change.table === 'items' && change.kind === 'update' ? [change.itemId] : [];
}

function translateChange(book: Book, change: RowChange, out: RowEvents): void {
  switch (change.table) {
    case 'items':
      translateItemChange(book, change, out);
      return;
    case 'bids':
      translateBidChange(book, change, out);
      return;
    case 'users':
      translateUserChange(change, out);
      return;
    case 'watchlist': {
      const { userId, itemId } = change;
      const watching = change.kind === 'insert';
      out.add({ type: 'WatchlistChanged', eventId: out.nextId(), userId, itemId, watching });
    }
  }
}

/** Items whose entries a change touches, as far as its images name them. */
export function itemsNamedBy(change: RowChange): readonly ItemId[] {
  switch (change.table) {
    case 'items':
      return [change.itemId];
    case 'bids':
      return itemsOfBid(change);
    case 'users':
    case 'watchlist':
      return [];
  }
}

/** After this row the book knows the item, or knows that it is gone, without a read. */
function settles(book: Book, change: Extract<RowChange, { table: 'items' }>): boolean {
  switch (change.kind) {
    case 'insert':
      return definesItem(book.schema, change.after);
    case 'update':
      return false;
    case 'delete':
      return true;
  }
}

function needsEntry(change: RowChange): boolean {
  if (change.kind !== 'update') return true;
  // An altered bid is of no consequence where there is no entry.
  if (change.table === 'bids') return false;
  return !(change.table === 'items' && isAside(change.before, change.after));
}
