/**
 * Rows of the mapped tables as SELECT gives them (all text, session in UTC) → typed values, equal to what the decoder
 * makes of the same rows in the binlog.
 */
import { blankAuction } from '../../src/auction/book.ts';
import type { Auction, BookSchema } from '../../src/auction/book.ts';
import { bidIdOf, itemIdOf, userIdOf } from '../../src/auction/ids.ts';
import type { BidId, ItemId, Money, UserId } from '../../src/auction/ids.ts';
import { parseMoney } from '../../src/auction/money.ts';
import type { AuctionStatus } from '../../src/auction/row-change.ts';
import { UTC, wallClockToEpochMs } from '../../src/auction/zone.ts';
import type { Zone } from '../../src/auction/zone.ts';
import { AppError } from '../../src/errors.ts';
import { enumLabels } from '../mapping/column-kind.ts';
import { quoted } from '../source/database-pool.ts';
import type { Cell, Row } from '../source/database-pool.ts';
import type { ColumnDefinition, TableMapping } from '../mapping/table-mapping.ts';

type ItemField = keyof TableMapping['items']['columns'];

/** Order in which `itemColumns` selects and `auction` reads. */
const ITEM_FIELDS: readonly ItemField[] = [
  'itemId',
  'status',
  'currentPrice',
  'endTime',
  'sellerId',
  'highestBidderId',
  'reservePrice',
  'reserveMet',
];

export class RowReader {
  readonly mapping: TableMapping;
  readonly schema: BookSchema;
  readonly #zone: Zone;
  readonly #fields: readonly ItemField[];

  constructor(mapping: TableMapping, zone: Zone) {
    const { columns } = mapping.items;
    this.mapping = mapping;
    this.#zone = zone;
    this.#fields = ITEM_FIELDS.filter((field) => columns[field] !== undefined);
    this.schema = {
      leaderColumn: columns.highestBidderId !== undefined,
      sellerColumn: columns.sellerId !== undefined,
      reserveColumn: columns.reservePrice !== undefined,
      reserveMetColumn: columns.reserveMet !== undefined,
    };
  }

  /** Bid keys are integers: a newer bid has a greater one. */
  get hasOrderedBids(): boolean {
    return isInteger(this.mapping.bids.columns.bidId);
  }

  /** The table's full, quoted name. */
  tableName({ table }: { readonly table: string }): string {
    return `${quoted(this.mapping.database)}.${quoted(table)}`;
  }

  /** Select list of the items table, to be read by `auction`. */
  itemColumns(): string {
    const { columns } = this.mapping.items;
    return this.#fields.map((field) => quoted(columns[field]?.name ?? '')).join(', ');
  }

  /** An entry for the book without its bids: count 0, and no leader where the schema has no leader column. */
  auction(row: Row): Auction {
    const cell = (field: ItemField): Cell => row[this.#fields.indexOf(field)] ?? null;
    const { columns } = this.mapping.items;
    const auction = blankAuction(
      this.schema,
      this.itemId(cell('itemId')),
      this.#status(cell('status')),
    );
    auction.currentPrice = this.money(columns.currentPrice, cell('currentPrice'));
    auction.endTimeMs = this.timeMs(columns.endTime, cell('endTime'));
    auction.sellerId = this.#user(cell('sellerId'), columns.sellerId);
    auction.leaderId = this.#user(cell('highestBidderId'), columns.highestBidderId);
    if (columns.reservePrice !== undefined) {
      auction.reservePrice = this.money(columns.reservePrice, cell('reservePrice'));
    }
    if (columns.reserveMet !== undefined) {
      const flag = cell('reserveMet');
      auction.reserveMet = flag === null ? null : Number(flag) !== 0;
    }
    return auction;
  }

  itemId(cell: Cell | undefined): ItemId {
    return itemIdOf(keyText(this.mapping.items.columns.itemId, cell));
  }

  bidId(cell: Cell | undefined): BidId {
    return bidIdOf(keyText(this.mapping.bids.columns.bidId, cell));
  }

  /** A user's key, from whichever table names him. */
  userId(cell: Cell | undefined): UserId {
    return userIdOf(keyText(this.mapping.bids.columns.bidderId, cell));
  }

  /** Ids as parameters for `IN (?)`: for integer keys those that could be one, for others all. */
  keys(column: ColumnDefinition, ids: readonly string[]): string[] {
    return isInteger(column) ? ids.filter((id) => /^-?\d{1,20}$/.test(id)) : [...ids];
  }

  /** Epoch ms; null for NULL and zero dates. @throws AppError ROW_UNDECODABLE */
  timeMs(column: ColumnDefinition, cell: Cell | undefined): number | null {
    if (cell === null || cell === undefined) return null;
    const zone = column.dataType === 'timestamp' ? UTC : this.#zone;
    const ms = wallClockToEpochMs(cell, zone);
    if (ms !== null || cell.startsWith('0000') || cell.includes('-00')) return ms;
    throw undecodable(column, 'does not hold a date and time');
  }

  /** @throws AppError ROW_UNDECODABLE */
  money(column: ColumnDefinition, cell: Cell | undefined): Money | null {
    if (cell === null || cell === undefined) return null;
    const money = parseMoney(cell);
    if (money === null) throw undecodable(column, 'does not hold an exact decimal number');
    return money;
  }

  /** The schema's own words for an active auction, in the spellings a table may hold them. */
  activeWords(): string[] {
    const isActive = (word: string): boolean =>
      this.mapping.statusWords.get(word.toLowerCase()) === 'active';
    const labels = enumLabels(this.mapping.items.columns.status.columnType);
    if (labels !== null) return labels.filter(isActive);
    // Text under a case-sensitive collation: the usual spellings, so that an index on the column can still be used.
    return [...this.mapping.statusWords.keys()].filter(isActive).flatMap(spellings);
  }

  #status(cell: Cell): AuctionStatus {
    const word = cell ?? '';
    const status = this.mapping.statusWords.get(word.toLowerCase());
    if (status !== undefined) return status;
    const what = `holds the word ${JSON.stringify(word)}, which the mapping does not know`;
    throw undecodable(this.mapping.items.columns.status, what);
  }

  #user(cell: Cell, column: ColumnDefinition | undefined): UserId | null {
    return cell === null || column === undefined ? null : userIdOf(keyText(column, cell));
  }
}

function spellings(word: string): string[] {
  return [word, word.charAt(0).toUpperCase() + word.slice(1), word.toUpperCase()];
}

function isInteger(column: ColumnDefinition): boolean {
  return column.dataType.endsWith('int');
}

/** Canonical decimal text for integer keys (ZEROFILL pads them), the text itself for others. */
function keyText(column: ColumnDefinition, cell: Cell | undefined): string {
  const text = cell ?? '';
  return isInteger(column) && text.startsWith('0') ? text.replace(/^0+(?=\d)/, '') : text;
}

function undecodable(column: ColumnDefinition, what: string): AppError {
  return new AppError('ROW_UNDECODABLE', `column ${column.name} ${what}`);
}
