/**
 * Cells of a row → typed `RowChange`s. Pure.
 *
 * Nothing is guessed: a missing key or a bid without an amount stops the feed by name.
 */
import type { BidId, ItemId, Money, UserId } from '../../src/auction/ids.ts';
import type {
  AuctionStatus,
  BidImage,
  ItemImage,
  RowChange,
  UserImage,
} from '../../src/auction/row-change.ts';
import { AppError } from '../../src/errors.ts';
import type { Cell } from './column-value.ts';
import { BID, ITEM, ROW_FIELDS, USER, WATCH } from './row-fields.ts';
import type { Cells } from './row-images.ts';
import type { TableRole } from '../mapping/table-mapping.ts';

/** One row of a row event. One of the sides is null for an insert or a delete. */
export interface RawChange {
  readonly before: Cells | null;
  readonly after: Cells | null;
  /** Place of this row among the mapped rows of its transaction. */
  readonly index: number;
  readonly timestampMs: number;
}

/** Whose rows they are, and what the columns are called, for messages. */
export interface DecodedTable {
  readonly role: TableRole;
  readonly table: string;
  /** Column names by field. */
  readonly names: ReadonlyMap<string, string>;
}

/**
 * Decodes one row and appends what is kept of it to `into`.
 *
 * @returns how many places the row takes in its transaction: 1, or 2 for an update that changes the key, which becomes
 *   a delete and an insert. Dropped rows (updates that change nothing the book is made of) take their places too.
 * @throws AppError ROW_UNDECODABLE naming the table and column
 */
export function decodeRow(table: DecodedTable, change: RawChange, into: RowChange[]): number {
  switch (table.role) {
    case 'items':
      return decodeKeyed(table, ITEM_ROWS, change, into);
    case 'bids':
      return decodeBid(table, change, into);
    case 'users':
      return decodeKeyed(table, USER_ROWS, change, into);
    case 'watchlist':
      return decodeWatch(table, change, into);
  }
}

interface Place {
  readonly index: number;
  readonly timestampMs: number;
}

/** A table whose rows are told as a key and images. Its key stands in the first slot. */
interface KeyedRows<Image extends object> {
  image(cells: Cells): Image;
  inserted(key: string, after: Image, place: Place): RowChange;
  updated(key: string, images: { before: Image; after: Image }, place: Place): RowChange;
  deleted(key: string, before: Image, place: Place): RowChange;
}

const ITEM_ROWS: KeyedRows<ItemImage> = {
  image: itemImage,
  inserted: (key, after, { index, timestampMs }) => {
    return { table: 'items', kind: 'insert', itemId: key as ItemId, after, index, timestampMs };
  },
  updated: (key, { before, after }, { index, timestampMs }) => {
    const itemId = key as ItemId;
    return { table: 'items', kind: 'update', itemId, before, after, index, timestampMs };
  },
  deleted: (key, before, { index, timestampMs }) => {
    return { table: 'items', kind: 'delete', itemId: key as ItemId, before, index, timestampMs };
  },
};

const USER_ROWS: KeyedRows<UserImage> = {
  image: userImage,
  inserted: (key, after, { index, timestampMs }) => {
    return { table: 'users', kind: 'insert', userId: key as UserId, after, index, timestampMs };
  },
  updated: (key, { before, after }, { index, timestampMs }) => {
    const userId = key as UserId;
    return { table: 'users', kind: 'update', userId, before, after, index, timestampMs };
  },
  deleted: (key, _, { index, timestampMs }) => {
    return { table: 'users', kind: 'delete', userId: key as UserId, index, timestampMs };
  },
};

function decodeKeyed<Image extends object>(
  table: DecodedTable,
  rows: KeyedRows<Image>,
  change: RawChange,
  into: RowChange[],
): number {
  const { before, after } = change;
  if (before === null || after === null) {
    const key = keyOf(table, 0, after ?? before);
    if (after !== null) into.push(rows.inserted(key, rows.image(after), change));
    else if (before !== null) into.push(rows.deleted(key, rows.image(before), change));
    return 1;
  }
  const oldKey = keyOf(table, 0, before);
  const key = keyOf(table, 0, after, before);
  if (key !== oldKey) {
    const old = rows.image(before);
    into.push(rows.deleted(oldKey, old, change));
    const { index, timestampMs } = change;
    const next = { index: index + 1, timestampMs };
    into.push(rows.inserted(key, { ...old, ...rows.image(after) }, next));
    return 2;
  }
  if (changesAny(before, after)) {
    const images = { before: rows.image(before), after: rows.image(after) };
    into.push(rows.updated(key, images, change));
  }
  return 1;
}

function decodeBid(table: DecodedTable, change: RawChange, into: RowChange[]): number {
  const { index, timestampMs, before, after } = change;
  if (after === null) {
    const bidId = keyOf(table, BID.bidId, before) as BidId;
    const image = partOfBid(table, before);
    into.push({ table: 'bids', kind: 'delete', bidId, before: image, index, timestampMs });
    return 1;
  }
  if (before !== null) return decodeAlteredBid(table, before, after, { change, into });
  const bidId = keyOf(table, BID.bidId, after) as BidId;
  const image = wholeBid(table, after, null);
  into.push({ table: 'bids', kind: 'insert', bidId, after: image, index, timestampMs });
  return 1;
}

/**
 * An update of a bid publishes nothing, but the book may hang on what it alters. One that changes the key does publish:
 * so the servers write a REPLACE of a row that stood in the way by another unique key, and that is a new bid.
 */
function decodeAlteredBid(
  binding: DecodedTable,
  before: Cells,
  after: Cells,
  { change, into }: { readonly change: Place; readonly into: RowChange[] },
): number {
  const { index, timestampMs } = change;
  const table = 'bids';
  const oldId = keyOf(binding, BID.bidId, before) as BidId;
  const bidId = keyOf(binding, BID.bidId, after, before) as BidId;
  const old = partOfBid(binding, before);
  if (oldId === bidId) {
    const now = partOfBid(binding, after);
    if (altersBid(old, now)) {
      into.push({ table, kind: 'update', bidId, before: old, after: now, index, timestampMs });
    }
    return 1;
  }
  into.push({ table, kind: 'delete', bidId: oldId, before: old, index, timestampMs });
  const whole = wholeBid(binding, after, before);
  into.push({ table, kind: 'insert', bidId, after: whole, index: index + 1, timestampMs });
  return 2;
}

function decodeWatch(binding: DecodedTable, change: RawChange, into: RowChange[]): number {
  const { index, timestampMs, before, after } = change;
  const push = (kind: 'insert' | 'delete', cells: Cells | null, at: number): void => {
    const userId = keyOf(binding, WATCH.userId, cells, before) as UserId;
    const itemId = keyOf(binding, WATCH.itemId, cells, before) as ItemId;
    into.push({ table: 'watchlist', kind, userId, itemId, index: at, timestampMs });
  };
  if (before !== null && after !== null) {
    if (!changesAny(before, after)) return 1;
    push('delete', before, index);
    push('insert', after, index + 1);
    return 2;
  }
  push(after === null ? 'delete' : 'insert', after ?? before, index);
  return 1;
}

/** False only when every value of the after image is known to be what it was. */
function changesAny(before: Cells, after: Cells): boolean {
  for (let slot = 0; slot < after.length; slot += 1) {
    const value = after[slot];
    if (value !== undefined && value !== before[slot]) return true;
  }
  return false;
}

/** False when item, bidder and amount are known to be what they were. */
function altersBid(before: Partial<BidImage>, after: Partial<BidImage>): boolean {
  return (
    (after.itemId !== undefined && after.itemId !== before.itemId) ||
    (after.bidderId !== undefined && after.bidderId !== before.bidderId) ||
    (after.amount !== undefined && after.amount !== before.amount)
  );
}

/** The key from the first image that holds it. @throws AppError ROW_UNDECODABLE when none does */
function keyOf(
  table: DecodedTable,
  slot: number,
  cells: Cells | null,
  otherwise: Cells | null = null,
): string {
  const own = cells?.[slot];
  const key = own === undefined ? otherwise?.[slot] : own;
  if (typeof key === 'string') return key;
  throw wrong(
    table,
    slot,
    key === null ? 'is NULL' : 'is not in the row image (binlog_row_image must be FULL here)',
  );
}

/*
 * Cells hold what their kinds say (`cellReader`, `bindTable`): text for ids and amounts, numbers for times. Branding them
 * is what the casts below do.
 */

function itemImage(cells: Cells): ItemImage {
  const into: { -readonly [Field in keyof ItemImage]: ItemImage[Field] } = {};
  const status = cells[ITEM.status];
  if (status !== undefined) into.status = status as AuctionStatus;
  const currentPrice = cells[ITEM.currentPrice];
  if (currentPrice !== undefined) into.currentPrice = currentPrice as Money | null;
  const endTime = cells[ITEM.endTime];
  if (endTime !== undefined) into.endTimeMs = endTime as number | null;
  const sellerId = cells[ITEM.sellerId];
  if (sellerId !== undefined) into.sellerId = sellerId as UserId | null;
  const leader = cells[ITEM.highestBidderId];
  if (leader !== undefined) into.highestBidderId = leader as UserId | null;
  const reservePrice = cells[ITEM.reservePrice];
  if (reservePrice !== undefined) into.reservePrice = reservePrice as Money | null;
  const reserveMet = cells[ITEM.reserveMet];
  if (reserveMet !== undefined) into.reserveMet = reserveMet as boolean | null;
  return into;
}

function userImage(cells: Cells): UserImage {
  const into: { -readonly [Field in keyof UserImage]: UserImage[Field] } = {};
  const name = cells[USER.name];
  if (name !== undefined) into.name = name as string | null;
  const mayConnect = cells[USER.status];
  if (mayConnect !== undefined) into.mayConnect = mayConnect === true;
  const until = cells[USER.suspendedUntil];
  if (until !== undefined) into.suspendedUntilMs = until as number | null;
  return into;
}

/** An inserted bid, each column from the first image that holds it: item, bidder and amount must be there. */
function wholeBid(table: DecodedTable, cells: Cells, otherwise: Cells | null): BidImage {
  const amount = firstOf(BID.amount, cells, otherwise);
  if (amount === undefined) throw wrong(table, BID.amount, 'is not in the row image');
  if (amount === null) throw wrong(table, BID.amount, 'is NULL');
  return {
    itemId: keyOf(table, BID.itemId, cells, otherwise) as ItemId,
    bidderId: keyOf(table, BID.bidderId, cells, otherwise) as UserId,
    amount: amount as Money,
    placedAtMs: (firstOf(BID.placedAt, cells, otherwise) ?? null) as number | null,
  };
}

function firstOf(slot: number, cells: Cells, otherwise: Cells | null): Cell | undefined {
  const own = cells[slot];
  return own === undefined ? otherwise?.[slot] : own;
}

function partOfBid(table: DecodedTable, cells: Cells | null): Partial<BidImage> {
  const into: { -readonly [Field in keyof BidImage]?: BidImage[Field] } = {};
  if (cells === null) return into;
  const itemId = cells[BID.itemId] ?? undefined;
  if (itemId !== undefined) into.itemId = itemId as ItemId;
  const bidderId = cells[BID.bidderId] ?? undefined;
  if (bidderId !== undefined) into.bidderId = bidderId as UserId;
  const amount = cells[BID.amount];
  if (amount === null) throw wrong(table, BID.amount, 'is NULL');
  if (amount !== undefined) into.amount = amount as Money;
  const placedAt = cells[BID.placedAt];
  if (placedAt !== undefined) into.placedAtMs = placedAt as number | null;
  return into;
}

function wrong({ role, table, names }: DecodedTable, slot: number, what: string): AppError {
  const field = Object.keys(ROW_FIELDS[role])[slot] ?? '';
  return new AppError('ROW_UNDECODABLE', `column ${table}.${names.get(field) ?? field} ${what}`);
}
