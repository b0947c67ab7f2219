/**
 * Rows as zongji hands them → typed `RowChange`s. Pure.
 *
 * zongji writes `null` both for SQL NULL and for a column that the row image leaves out (`binlog_row_image` MINIMAL or
 * NOBLOB, which any session may set), so presence comes from the event's bitmaps. Nothing is guessed: a value that
 * cannot be read exactly, a status word that the mapping does not know and a missing key stop the feed by name.
 */
import type { BidId, ItemId, Money, UserId } from '../src/auction/ids.ts';
import { parseMoney } from '../src/auction/money.ts';
import type {
  AuctionStatus,
  BidImage,
  ItemImage,
  RowChange,
  UserImage,
} from '../src/auction/row-change.ts';
import { AppError } from '../src/errors.ts';
import type { BoundColumn, TableBinding } from './table-columns.ts';

/** A row as zongji makes it: every column's value by name, absent ones as null. */
export type RawRow = Readonly<Record<string, unknown>>;

/** One side of a row event: its row and which columns the image holds (bit per column of the table). */
export interface RawImage {
  readonly row: RawRow;
  readonly present: Uint8Array;
}

export interface DecodeOptions {
  /** Wall-clock text (`2026-01-31 18:00:00.5`) of the database's zone → epoch ms; null where it is no date. */
  readonly wallClockToEpochMs: (text: string) => number | null;
  readonly statusWords: ReadonlyMap<string, AuctionStatus>;
  readonly bannedWords: ReadonlySet<string>;
}

/** One row of a row event. Exactly one of the images is null for an insert or a delete. */
export interface RawChange {
  readonly before: RawImage | null;
  readonly after: RawImage | null;
  /** Place of this row among the mapped rows of its transaction. */
  readonly index: number;
  readonly timestampMs: number;
}

/**
 * Decodes one row and appends what is kept of it to `into`.
 *
 * @returns how many places the row takes in its transaction: 1, or 2 for an update that changes the key, which becomes
 *   a delete and an insert. Dropped rows (updates that change nothing the book is made of) take their places too.
 * @throws AppError ROW_UNDECODABLE naming the table and column
 */
export function decodeRow(
  binding: TableBinding,
  change: RawChange,
  { options, into }: { readonly options: DecodeOptions; readonly into: RowChange[] },
): number {
  switch (binding.role) {
    case 'items':
      return decodeItem(new Reader(binding, options), change, into);
    case 'bids':
      return decodeBid(new Reader(binding, options), change, into);
    case 'users':
      return decodeUser(new Reader(binding, options), change, into);
    case 'watchlist':
      return decodeWatch(new Reader(binding, options), change, into);
  }
}

function decodeItem(reader: Reader, change: RawChange, into: RowChange[]): number {
  const { index, timestampMs, before, after } = change;
  const table = 'items';
  if (after === null) {
    const itemId = reader.key('itemId', [before]) as ItemId;
    into.push({ table, kind: 'delete', itemId, before: reader.item(before), index, timestampMs });
    return 1;
  }
  if (before === null) {
    const itemId = reader.key('itemId', [after]) as ItemId;
    into.push({ table, kind: 'insert', itemId, after: reader.item(after), index, timestampMs });
    return 1;
  }
  const oldId = reader.key('itemId', [before]) as ItemId;
  const itemId = reader.key('itemId', [after, before]) as ItemId;
  const old = reader.item(before);
  const now = reader.item(after);
  if (oldId !== itemId) {
    into.push({ table, kind: 'delete', itemId: oldId, before: old, index, timestampMs });
    const whole = { ...old, ...now };
    into.push({ table, kind: 'insert', itemId, after: whole, index: index + 1, timestampMs });
    return 2;
  }
  if (changesAny(old, now)) {
    into.push({ table, kind: 'update', itemId, before: old, after: now, index, timestampMs });
  }
  return 1;
}

function decodeBid(reader: Reader, change: RawChange, into: RowChange[]): number {
  const { index, timestampMs, before, after } = change;
  if (before !== null && after !== null) return decodeReplacedBid(reader, change, into);
  const bidId = reader.key('bidId', [after ?? before]) as BidId;
  if (after !== null) {
    const image = reader.wholeBid([after]);
    into.push({ table: 'bids', kind: 'insert', bidId, after: image, index, timestampMs });
  } else {
    const image = reader.partOfBid(before);
    into.push({ table: 'bids', kind: 'delete', bidId, before: image, index, timestampMs });
  }
  return 1;
}

/**
 * An update of a bid publishes nothing, but the book may hang on what it alters. One that changes the key does publish:
 * so the servers write a REPLACE of a row that stood in the way by another unique key, and that is a new bid.
 */
function decodeReplacedBid(reader: Reader, change: RawChange, into: RowChange[]): number {
  const { index, timestampMs, before, after } = change;
  const table = 'bids';
  const oldId = reader.key('bidId', [before]) as BidId;
  const bidId = reader.key('bidId', [after, before]) as BidId;
  const old = reader.partOfBid(before);
  if (oldId === bidId) {
    const now = reader.partOfBid(after);
    if (altersBid(old, now)) {
      into.push({ table, kind: 'update', bidId, before: old, after: now, index, timestampMs });
    }
    return 1;
  }
  into.push({ table, kind: 'delete', bidId: oldId, before: old, index, timestampMs });
  const whole = reader.wholeBid([after, before]);
  into.push({ table, kind: 'insert', bidId, after: whole, index: index + 1, timestampMs });
  return 2;
}

function decodeUser(reader: Reader, change: RawChange, into: RowChange[]): number {
  const { index, timestampMs, before, after } = change;
  const table = 'users';
  if (after === null) {
    const userId = reader.key('userId', [before]) as UserId;
    into.push({ table, kind: 'delete', userId, index, timestampMs });
    return 1;
  }
  if (before === null) {
    const userId = reader.key('userId', [after]) as UserId;
    into.push({ table, kind: 'insert', userId, after: reader.user(after), index, timestampMs });
    return 1;
  }
  const oldId = reader.key('userId', [before]) as UserId;
  const userId = reader.key('userId', [after, before]) as UserId;
  const old = reader.user(before);
  const now = reader.user(after);
  if (oldId !== userId) {
    into.push({ table, kind: 'delete', userId: oldId, index, timestampMs });
    const whole = { ...old, ...now };
    into.push({ table, kind: 'insert', userId, after: whole, index: index + 1, timestampMs });
    return 2;
  }
  if (changesAny(old, now)) {
    into.push({ table, kind: 'update', userId, before: old, after: now, index, timestampMs });
  }
  return 1;
}

function decodeWatch(reader: Reader, change: RawChange, into: RowChange[]): number {
  const { index, timestampMs, before, after } = change;
  const watch = (kind: 'insert' | 'delete', images: readonly (RawImage | null)[], at: number) => {
    const userId = reader.key('userId', images) as UserId;
    const itemId = reader.key('itemId', images) as ItemId;
    into.push({ table: 'watchlist', kind, userId, itemId, index: at, timestampMs });
  };
  if (before !== null && after !== null) {
    if (!reader.changesKey(before, after)) return 1;
    watch('delete', [before], index);
    watch('insert', [after, before], index + 1);
    return 2;
  }
  watch(after === null ? 'delete' : 'insert', [after ?? before], index);
  return 1;
}

/** False when item, bidder and amount are known to be what they were. */
function altersBid(before: Partial<BidImage>, after: Partial<BidImage>): boolean {
  return (['itemId', 'bidderId', 'amount'] as const).some(
    (field) => after[field] !== undefined && after[field] !== before[field],
  );
}

/** False only when every field of the after image is known to be what it was. */
function changesAny(before: ItemImage | UserImage, after: ItemImage | UserImage): boolean {
  // Values are scalars and never undefined where the field is there.
  for (const field in after) {
    if (Reflect.get(before, field) !== Reflect.get(after, field)) return true;
  }
  return false;
}

/** Reads the mapped columns of one table's images. */
class Reader {
  readonly #binding: TableBinding;
  readonly #options: DecodeOptions;

  constructor(binding: TableBinding, options: DecodeOptions) {
    this.#binding = binding;
    this.#options = options;
  }

  /** The key from the first image that holds it. @throws AppError ROW_UNDECODABLE when none does */
  key(field: string, images: readonly (RawImage | null)[]): string {
    for (const image of images) {
      const value = image === null ? undefined : this.#value(field, image);
      if (value === undefined) continue;
      const id = this.#id(field, value);
      if (id === null) throw this.#undecodable(field, 'is NULL');
      return id;
    }
    throw this.#undecodable(field, 'is not in the row image (binlog_row_image must be FULL here)');
  }

  changesKey(before: RawImage, after: RawImage): boolean {
    return ['userId', 'itemId'].some((field) => {
      const value = this.#value(field, after);
      return value !== undefined && value !== this.#value(field, before);
    });
  }

  item(image: RawImage | null): ItemImage {
    const into: { -readonly [Field in keyof ItemImage]: ItemImage[Field] } = {};
    if (image === null) return into;
    const status = this.#value('status', image);
    if (status !== undefined) into.status = this.#status(status);
    const currentPrice = this.#value('currentPrice', image);
    if (currentPrice !== undefined) into.currentPrice = this.#money('currentPrice', currentPrice);
    const endTime = this.#value('endTime', image);
    if (endTime !== undefined) into.endTimeMs = this.#time('endTime', endTime);
    const seller = this.#value('sellerId', image);
    if (seller !== undefined) into.sellerId = this.#id('sellerId', seller) as UserId | null;
    const leader = this.#value('highestBidderId', image);
    if (leader !== undefined) {
      into.highestBidderId = this.#id('highestBidderId', leader) as UserId | null;
    }
    const reserve = this.#value('reservePrice', image);
    if (reserve !== undefined) into.reservePrice = this.#money('reservePrice', reserve);
    const met = this.#value('reserveMet', image);
    if (met !== undefined) into.reserveMet = this.#flag('reserveMet', met);
    return into;
  }

  /** An inserted bid, each column from the first image that holds it: item, bidder and amount must be there. */
  wholeBid(images: readonly (RawImage | null)[]): BidImage {
    const parts = images.map((image) => this.partOfBid(image));
    const amount = parts.find((part) => part.amount !== undefined)?.amount;
    const placedAtMs = parts.find((part) => part.placedAtMs !== undefined)?.placedAtMs ?? null;
    const itemId = this.key('itemId', images) as ItemId;
    const bidderId = this.key('bidderId', images) as UserId;
    if (amount === undefined) throw this.#undecodable('amount', 'is not in the row image');
    return { itemId, bidderId, amount, placedAtMs };
  }

  partOfBid(image: RawImage | null): Partial<BidImage> {
    const into: { -readonly [Field in keyof BidImage]?: BidImage[Field] } = {};
    if (image === null) return into;
    const item = this.#value('itemId', image);
    if (item !== undefined && item !== null) into.itemId = this.key('itemId', [image]) as ItemId;
    const bidder = this.#value('bidderId', image);
    if (bidder !== undefined && bidder !== null) {
      into.bidderId = this.key('bidderId', [image]) as UserId;
    }
    const value = this.#value('amount', image);
    const amount = value === undefined ? null : this.#money('amount', value);
    if (value !== undefined && amount === null) throw this.#undecodable('amount', 'is NULL');
    if (amount !== null) into.amount = amount;
    const placedAt = this.#value('placedAt', image);
    if (placedAt !== undefined) into.placedAtMs = this.#time('placedAt', placedAt);
    return into;
  }

  user(image: RawImage | null): UserImage {
    const into: { -readonly [Field in keyof UserImage]: UserImage[Field] } = {};
    if (image === null) return into;
    const name = this.#value('name', image);
    if (name !== undefined) into.name = this.#text('name', name);
    const status = this.#value('status', image);
    if (status !== undefined) {
      into.mayConnect = !this.#options.bannedWords.has(this.#word('status', status).toLowerCase());
    }
    const until = this.#value('suspendedUntil', image);
    if (until !== undefined) into.suspendedUntilMs = this.#time('suspendedUntil', until);
    return into;
  }

  /** The column's value; undefined when it is not mapped or not in the image. */
  #value(field: string, image: RawImage): unknown {
    const column = this.#binding.columns.get(field);
    if (column === undefined || !isPresent(image.present, column.ordinal)) return undefined;
    // An ENUM's error value (index 0) reads undefined; absent and that must not look the same.
    const value = image.row[column.key];
    return value === undefined ? '' : value;
  }

  #status(value: unknown): AuctionStatus {
    const word = this.#word('status', value);
    const status = this.#options.statusWords.get(word.toLowerCase());
    if (status !== undefined) return status;
    throw this.#undecodable(
      'status',
      `holds the word ${JSON.stringify(word)}, which the mapping does not know`,
    );
  }

  #word(field: string, value: unknown): string {
    if (value === null) return '';
    if (typeof value === 'string') return value;
    if (typeof value === 'number') return value.toString();
    throw this.#undecodable(field, 'does not hold text');
  }

  #id(field: string, value: unknown): string | null {
    if (value === null) return null;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value.toString();
    if (typeof value === 'string') return value;
    throw this.#undecodable(field, 'holds neither an integer nor text');
  }

  #money(field: string, value: unknown): Money | null {
    if (value === null) return null;
    const text =
      typeof value === 'number' && Number.isSafeInteger(value) ? value.toString() : value;
    const money = typeof text === 'string' ? parseMoney(text) : null;
    if (money === null) throw this.#undecodable(field, 'does not hold an exact decimal number');
    return money;
  }

  #text(field: string, value: unknown): string | null {
    if (value === null || typeof value === 'string') return value;
    if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
    throw this.#undecodable(field, 'does not hold text');
  }

  #flag(field: string, value: unknown): boolean | null {
    if (value === null) return null;
    if (typeof value === 'number') return value !== 0;
    throw this.#undecodable(field, 'does not hold 0 or 1');
  }

  /** Null for NULL and for zero dates, which MySQL counts as "no date". */
  #time(field: string, value: unknown): number | null {
    if (value === null) return null;
    const column = this.#binding.columns.get(field);
    if (typeof value !== 'string' || column === undefined) {
      throw this.#undecodable(field, 'does not hold a date and time');
    }
    if (value.startsWith('0000') || value.includes('-00')) return null;
    const ms = column.isUtc ? utcMs(value) : this.#options.wallClockToEpochMs(value);
    if (ms === null || !Number.isFinite(ms))
      throw this.#undecodable(field, 'does not hold a date and time');
    return ms;
  }

  #undecodable(field: string, what: string): AppError {
    const column: BoundColumn | undefined = this.#binding.columns.get(field);
    const name = `${this.#binding.table}.${column?.name ?? field}`;
    return new AppError('ROW_UNDECODABLE', `column ${name} ${what}`);
  }
}

function isPresent(bitmap: Uint8Array, ordinal: number): boolean {
  return (((bitmap[ordinal >> 3] ?? 0) >> (ordinal & 7)) & 1) === 1;
}

const SECONDS_32_BITS_MS = 2 ** 32 * 1000;

/** TIMESTAMP text in UTC → epoch ms; microseconds are cut off. NaN where it is none. */
function utcMs(text: string): number {
  const part = (from: number, to: number): number => Number(text.slice(from, to));
  const fraction = text.length > 20 ? Number(text.slice(20, 23).padEnd(3, '0')) : 0;
  const ms = Date.UTC(
    part(0, 4),
    part(5, 7) - 1,
    part(8, 10),
    part(11, 13),
    part(14, 16),
    part(17, 19),
    fraction,
  );
  // TIMESTAMP holds no time before 1970; past January 2038 the 32 bits read as negative.
  return ms < 0 ? ms + SECONDS_32_BITS_MS : ms;
}
