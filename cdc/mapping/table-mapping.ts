/**
 * Which tables and columns of the portal's schema mean what. Detected from the schema (`detect-mapping.ts`), overridden
 * by the mapping file. Only mapped columns are ever read.
 */
import type { AuctionStatus } from '../../src/auction/row-change.ts';

export type TableRole = 'items' | 'bids' | 'users' | 'watchlist';

/** One column as INFORMATION_SCHEMA.COLUMNS describes it. */
export interface ColumnDefinition {
  readonly name: string;
  /** DATA_TYPE, lower case: `int`, `decimal`, `datetime`, `timestamp`, `enum`, … */
  readonly dataType: string;
  /** COLUMN_TYPE, for example `decimal(10,2) unsigned`. */
  readonly columnType: string;
  /** 0-based place in the table. */
  readonly ordinal: number;
  readonly isNullable: boolean;
  readonly isPrimaryKey: boolean;
  /** CHARACTER_SET_NAME; null or absent for columns that hold no text. Needed where row events carry no metadata. */
  readonly characterSet?: string | null;
}

export interface MappedTable<Required extends string, Optional extends string = never> {
  readonly table: string;
  /** Every column of the table, in order: what a TableMap event is compared with. */
  readonly definition: readonly ColumnDefinition[];
  readonly columns: Readonly<Record<Required, ColumnDefinition>> &
    Readonly<Partial<Record<Optional, ColumnDefinition>>>;
}

export interface TableMapping {
  readonly database: string;
  readonly items: MappedTable<
    'itemId' | 'status' | 'currentPrice' | 'endTime',
    'sellerId' | 'highestBidderId' | 'reservePrice' | 'reserveMet'
  >;
  readonly bids: MappedTable<'bidId' | 'itemId' | 'bidderId' | 'amount', 'placedAt'>;
  readonly users: MappedTable<'userId', 'name' | 'status' | 'suspendedUntil'> | null;
  readonly watchlist: MappedTable<'userId' | 'itemId'> | null;
  /** A schema's own status words (lower case) → ours. A word that is not here stops the feed by name. */
  readonly statusWords: ReadonlyMap<string, AuctionStatus>;
  /** Words of `users.status` (lower case) that may not connect. */
  readonly bannedWords: ReadonlySet<string>;
}

/** The mapped table of that name with its role, or null. Names compare as the server writes them. */
export function mappedTable(
  mapping: TableMapping,
  table: string,
): {
  readonly role: TableRole;
  readonly definition: readonly ColumnDefinition[];
  readonly columns: Readonly<Record<string, ColumnDefinition | undefined>>;
} | null {
  for (const role of ['items', 'bids', 'users', 'watchlist'] as const) {
    const mapped = mapping[role];
    if (mapped?.table === table) {
      return { role, definition: mapped.definition, columns: mapped.columns };
    }
  }
  return null;
}

/** Names of all mapped tables. */
export function mappedTableNames(mapping: TableMapping): string[] {
  const roles = [mapping.items, mapping.bids, mapping.users, mapping.watchlist];
  return [...new Set(roles.flatMap((mapped) => (mapped === null ? [] : [mapped.table])))];
}
