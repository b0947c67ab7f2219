/**
 * Row changes taken back: from the book as it stands after them to the book as it stood before, by their before images.
 *
 * Replays need it. Translating old rows against today's book would invent events (a leader who never was, a count that
 * is too high), so the book goes back first and then forward again. Not everything can be taken back: an image may be
 * partial, and a deleted row takes with it what only the tables knew. `undoableFrom` says how far back the way is open.
 */
import { itemsOfBid, placesOf } from './bid-rows.ts';
import { blankAuction } from './book.ts';
import type { Auction, Book, BookSchema, LeadingBid } from './book.ts';
import type { BidId, ItemId, UserId } from './ids.ts';
import { applyImage, definesItem } from './item-rows.ts';
import type { BidChange, ItemChange, RowChange, UserChange } from './row-change.ts';
import { itemsNamedBy } from './translate.ts';

/** The changes of one transaction, in order. */
export type Changes = readonly RowChange[];

/** Why the way back ends at a transaction. */
export type UndoStop =
  /** An image lacks columns (row image MINIMAL). */
  | 'partial image'
  /** An item is deleted later on: what was counted of its bids is gone with it. */
  | 'deleted item'
  /** A bid is deleted where the leader follows from the bids: who led then only the table knew. */
  | 'deleted bid'
  /** A bid is altered where the leader follows from the bids: who leads then only the table knows. */
  | 'altered bid'
  /** A user is deleted later on, and with him the name that the event showed. */
  | 'deleted user'
  /** The tables do not have the item. */
  | 'unknown item';

export interface UndoableTail {
  /** Index of the first transaction that can be taken back; the number of transactions when none can. */
  readonly from: number;
  /** What stands in the way of the one before; null when all can. */
  readonly stoppedBy: UndoStop | null;
}

/**
 * The longest run of transactions, up to the last one, that can be taken back without a guess.
 *
 * @param knows whether the book after all of them has an entry for the item
 */
export function undoableFrom(
  schema: BookSchema,
  transactions: readonly Changes[],
  knows: (itemId: ItemId) => boolean,
): UndoableTail {
  const later = new LaterFacts(schema, knows);
  for (let at = transactions.length - 1; at >= 0; at -= 1) {
    for (const change of (transactions[at] ?? []).toReversed()) {
      const stoppedBy = later.stopAt(change);
      if (stoppedBy !== null) return { from: at + 1, stoppedBy };
    }
  }
  return { from: 0, stoppedBy: null };
}

/**
 * Takes transactions back, the last one first. The book must hold every item that they touch (`itemsOf`) and that is not
 * deleted in the end, and `undoableFrom` must have let all of them pass.
 *
 * @param leaders for schemas without a leader column: who led before all of them, for each item in `bidsOf`
 * @throws Error where the book does not hold an item; the book is of no use then
 */
export function undo(
  book: Book,
  transactions: readonly Changes[],
  leaders: ReadonlyMap<ItemId, LeadingBid | null>,
): void {
  for (const changes of transactions.toReversed()) {
    for (const change of changes.toReversed()) {
      if (change.table === 'items') undoItem(book, change);
      else if (change.table === 'bids') undoBid(book, change);
    }
  }
  if (book.schema.leaderColumn) return;
  for (const [itemId, leader] of leaders) {
    book.setLeader(itemId, leader);
  }
}

/** Items that the transactions touch, with a bid or with their own row. */
export function itemsOf(transactions: readonly Changes[]): Set<ItemId> {
  const items = new Set<ItemId>();
  for (const change of transactions.flat()) {
    for (const itemId of itemsNamedBy(change)) items.add(itemId);
  }
  return items;
}

/** Bids that the transactions insert, by item. */
export function bidsOf(transactions: readonly Changes[]): Map<ItemId, Set<BidId>> {
  const bids = new Map<ItemId, Set<BidId>>();
  for (const change of transactions.flat()) {
    if (change.table !== 'bids' || change.kind !== 'insert') continue;
    const { itemId } = change.after;
    const known = bids.get(itemId);
    if (known === undefined) bids.set(itemId, new Set([change.bidId]));
    else known.add(change.bidId);
  }
  return bids;
}

/** Names before the transactions of the users whose names they change. */
export function namesBefore(transactions: readonly Changes[]): Map<UserId, string | null> {
  const names = new Map<UserId, string | null>();
  for (const change of transactions.flat()) {
    if (change.table !== 'users' || change.kind !== 'update' || names.has(change.userId)) continue;
    if (change.after.name !== undefined) names.set(change.userId, change.before.name ?? null);
  }
  return names;
}

/** What is known of the time after a change, while walking back. */
class LaterFacts {
  readonly #schema: BookSchema;
  readonly #knows: (itemId: ItemId) => boolean;
  readonly #deletedItems = new Set<ItemId>();
  readonly #insertedItems = new Set<ItemId>();
  readonly #deletedUsers = new Set<UserId>();

  constructor(schema: BookSchema, knows: (itemId: ItemId) => boolean) {
    this.#schema = schema;
    this.#knows = knows;
  }

  /** Why this change cannot be taken back; null when it can, and then it counts as later. */
  stopAt(change: RowChange): UndoStop | null {
    switch (change.table) {
      case 'items':
        return this.#item(change);
      case 'bids':
        return this.#bid(change);
      case 'users':
        return this.#user(change);
      case 'watchlist':
        return null;
    }
  }

  #item(change: ItemChange): UndoStop | null {
    const { itemId } = change;
    switch (change.kind) {
      case 'insert':
        if (!definesItem(this.#schema, change.after)) return 'partial image';
        this.#deletedItems.delete(itemId);
        this.#insertedItems.add(itemId);
        return null;
      case 'update':
        if (!definesItem(this.#schema, change.before)) return 'partial image';
        if (!this.#schema.leaderColumn && this.#deletedItems.has(itemId)) return 'deleted item';
        return this.#isKnown(itemId) ? this.#winner(change) : 'unknown item';
      case 'delete':
        if (!definesItem(this.#schema, change.before)) return 'partial image';
        this.#insertedItems.delete(itemId);
        this.#deletedItems.add(itemId);
        return null;
    }
  }

  /** The end of an auction shows its winner's name. */
  #winner({ after }: Extract<ItemChange, { kind: 'update' }>): UndoStop | null {
    if (this.#deletedUsers.size === 0 || after.status === 'active') return null;
    const leader = after.highestBidderId ?? null;
    const isGone = this.#schema.leaderColumn
      ? leader !== null && this.#deletedUsers.has(leader)
      : true;
    return isGone ? 'deleted user' : null;
  }

  #bid(change: BidChange): UndoStop | null {
    if (!this.#schema.leaderColumn && change.kind !== 'insert') {
      return change.kind === 'delete' ? 'deleted bid' : 'altered bid';
    }
    const items = countedItems(change);
    if (items === null) return 'partial image';
    if (items.some((itemId) => this.#deletedItems.has(itemId))) return 'deleted item';
    if (!items.every((itemId) => this.#isKnown(itemId))) return 'unknown item';
    const isNameless = change.kind === 'insert' && this.#deletedUsers.has(change.after.bidderId);
    return isNameless ? 'deleted user' : null;
  }

  #user(change: UserChange): UndoStop | null {
    switch (change.kind) {
      case 'insert':
        this.#deletedUsers.delete(change.userId);
        return null;
      case 'update': {
        const isPartial = change.after.name !== undefined && change.before.name === undefined;
        return isPartial ? 'partial image' : null;
      }
      case 'delete':
        this.#deletedUsers.add(change.userId);
        return null;
    }
  }

  /** Whether there is an entry at this point of the walk. */
  #isKnown(itemId: ItemId): boolean {
    if (this.#deletedItems.has(itemId)) return true;
    return !this.#insertedItems.has(itemId) && this.#knows(itemId);
  }
}

function undoItem(book: Book, change: ItemChange): void {
  const { itemId } = change;
  switch (change.kind) {
    case 'insert':
      book.delete(itemId);
      return;
    case 'update': {
      const auction = entryOf(book, itemId);
      applyImage(book.schema, auction, change.before);
      book.refile(auction);
      return;
    }
    case 'delete': {
      const auction = blankAuction(book.schema, itemId, 'cancelled');
      applyImage(book.schema, auction, change.before);
      book.set(auction);
    }
  }
}

function undoBid(book: Book, change: BidChange): void {
  const [first, second] = countedItems(change) ?? [];
  if (change.kind === 'update') {
    if (first === undefined || second === undefined) return;
    entryOf(book, first).bidCount += 1;
    entryOf(book, second).bidCount -= 1;
    return;
  }
  if (first === undefined) throw new Error('undo: a bid without its item');
  entryOf(book, first).bidCount += change.kind === 'insert' ? -1 : 1;
}

/** Items whose counts a bid row changes; an update: from, to, or none. Null where its images do not say. */
function countedItems(change: BidChange): readonly ItemId[] | null {
  if (change.kind === 'update') {
    const { from, to } = placesOf(change);
    if (to === from) return [];
    return from === undefined || to === undefined ? null : [from, to];
  }
  const items = itemsOfBid(change);
  return items.length === 0 ? null : items;
}

function entryOf(book: Book, itemId: ItemId): Auction {
  const auction = book.get(itemId);
  if (auction === undefined) throw new Error('undo: the book does not hold an item that changed');
  return auction;
}
