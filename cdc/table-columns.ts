/**
 * What a TableMap event says about a table, compared with what the mapping expects, and bound to it. Pure.
 *
 * With `binlog_row_metadata=FULL` the event names its columns: mapped columns are found by name, as they were when the
 * row was written. Without it an event carries only types, so a reordering or a retyping would swap values silently:
 * every column must then look exactly as the mapping's definition says, and the first that does not is named.
 */
import { AppError } from '../src/errors.ts';
import { enumLabels } from './column-kind.ts';
import type { ColumnDefinition, TableMapping } from './table-mapping.ts';

export type TableRole = 'items' | 'bids' | 'users' | 'watchlist';

export interface BoundColumn {
  readonly name: string;
  /** Name under which zongji's row objects hold the value. */
  readonly key: string;
  /** 0-based place in the row images' presence bitmaps. */
  readonly ordinal: number;
  /** True for TIMESTAMP, whose text is UTC; a DATETIME is wall-clock text. */
  readonly isUtc: boolean;
}

/** One table of the stream bound to its role: mapped columns by field name. */
export interface TableBinding {
  readonly role: TableRole;
  readonly table: string;
  readonly columns: ReadonlyMap<string, BoundColumn>;
}

/** The parts of zongji's TableMap event that are compared. */
export interface TableShape {
  readonly table: string;
  /** Type codes, with ENUM and SET resolved. */
  readonly types: readonly number[];
  readonly metadata: readonly (Readonly<Record<string, unknown>> | undefined)[];
  /** True = unsigned; undefined for columns that are not numeric, or where the server does not say. */
  readonly signedness: readonly (boolean | undefined)[] | null;
  /** Null without FULL metadata. */
  readonly names: readonly string[] | null;
  /** Names that zongji gives the columns in its row objects. */
  readonly keys: readonly string[];
}

const TIMESTAMP_TYPES = [7, 17];

/** Type codes by DATA_TYPE (MySQL `field_types.h`, MariaDB `my_time`-free subset of it). */
const TYPE_CODES: Readonly<Record<string, readonly number[]>> = {
  tinyint: [1],
  smallint: [2],
  mediumint: [9],
  int: [3],
  bigint: [8],
  float: [4],
  double: [5],
  decimal: [246],
  bit: [16],
  year: [13],
  date: [10],
  time: [11, 19],
  datetime: [12, 18],
  timestamp: TIMESTAMP_TYPES,
  char: [254],
  binary: [254],
  varchar: [15, 141],
  varbinary: [15, 141],
  enum: [247],
  set: [248],
  json: [245, 252],
};
const BLOB_SIZES: Readonly<Record<string, number>> = {
  tinyblob: 1,
  tinytext: 1,
  blob: 2,
  text: 2,
  mediumblob: 3,
  mediumtext: 3,
  longblob: 4,
  longtext: 4,
};
const BLOB_TYPES = [252, 140];

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

/**
 * Binds a TableMap to the mapping.
 *
 * @throws AppError SCHEMA_CHANGED naming the table and the first column that is not as expected
 */
export function bindTable(mapping: TableMapping, shape: TableShape): TableBinding {
  const mapped = mappedTable(mapping, shape.table);
  if (mapped === null) throw new AppError('SCHEMA_CHANGED', `table ${shape.table} is not mapped`);
  if (shape.names === null) requireSameShape(shape, mapped.definition);
  const columns = new Map<string, BoundColumn>();
  for (const [field, column] of Object.entries(mapped.columns)) {
    if (column === undefined) continue;
    const ordinal =
      shape.names === null ? column.ordinal : ordinalByName(shape, shape.names, column);
    const key = shape.keys[ordinal];
    if (key === undefined)
      throw changed(`${shape.table}.${column.name}`, 'is not in the row events');
    const isUtc = TIMESTAMP_TYPES.includes(shape.types[ordinal] ?? -1);
    columns.set(field, { name: column.name, key, ordinal, isUtc });
  }
  return { role: mapped.role, table: shape.table, columns };
}

/** What zongji wants to know of each column, made from the mapping instead of a query against a later schema. */
export function columnSchemas(definition: readonly ColumnDefinition[]): VendorColumnSchema[] {
  return definition.map((column) => {
    const isText = /^(?:char|varchar|(?:tiny|medium|long)?text|enum|set|json)$/.test(
      column.dataType,
    );
    const labels = enumLabels(column.columnType);
    return {
      COLUMN_NAME: column.name,
      COLLATION_NAME: null,
      CHARACTER_SET_NAME: isText ? (column.characterSet ?? 'utf8mb4') : null,
      COLUMN_COMMENT: '',
      COLUMN_TYPE: column.columnType,
      // zongji itself would split the definition at every comma, also at one inside a label.
      ...(labels === null ? {} : { ENUM_VALUES: labels }),
    };
  });
}

export interface VendorColumnSchema {
  readonly COLUMN_NAME: string;
  readonly COLLATION_NAME: null;
  readonly CHARACTER_SET_NAME: string | null;
  readonly COLUMN_COMMENT: string;
  readonly COLUMN_TYPE: string;
  readonly ENUM_VALUES?: string[];
}

function ordinalByName(
  shape: TableShape,
  names: readonly string[],
  column: ColumnDefinition,
): number {
  const ordinal = names.indexOf(column.name);
  if (ordinal >= 0) return ordinal;
  const lower = column.name.toLowerCase();
  const loose = names.findIndex((name) => name.toLowerCase() === lower);
  const hint = loose < 0 ? '' : ` (it is now written ${names[loose] ?? ''})`;
  throw changed(`${shape.table}.${column.name}`, `is not in the row events${hint}`);
}

function requireSameShape(shape: TableShape, definition: readonly ColumnDefinition[]): void {
  for (const [ordinal, column] of definition.entries()) {
    const type = shape.types[ordinal];
    if (type === undefined) break;
    const problem = difference(column, {
      type,
      metadata: shape.metadata[ordinal] ?? {},
      isUnsigned: shape.signedness?.[ordinal],
    });
    if (problem !== null) throw changed(`${shape.table}.${column.name}`, problem);
  }
  if (shape.types.length !== definition.length) {
    const counts = `${shape.types.length.toString()} columns where ${definition.length.toString()} are expected`;
    throw changed(shape.table, `has ${counts}`);
  }
}

/** Why a column of the stream cannot be the one expected; null when it can. */
function difference(
  column: ColumnDefinition,
  found: {
    readonly type: number;
    readonly metadata: Readonly<Record<string, unknown>>;
    readonly isUnsigned: boolean | undefined;
  },
): string | null {
  const { type, metadata, isUnsigned } = found;
  const blobSize = BLOB_SIZES[column.dataType];
  if (blobSize !== undefined) {
    const same = BLOB_TYPES.includes(type) && metadata['length_size'] === blobSize;
    return same ? null : `is not ${column.columnType} in the row events`;
  }
  const codes = TYPE_CODES[column.dataType];
  // Types we never map (geometry, vector, uuid …) are told apart from all that we know, not among themselves.
  const known = codes ?? [];
  const isPlausible =
    codes === undefined
      ? !isOfKnownType(type) || type === 254 || type === 15
      : known.includes(type);
  if (!isPlausible) return `is not ${column.columnType} in the row events`;
  const decimal = /^decimal\((\d+),(\d+)\)/.exec(column.columnType);
  if (decimal !== null) {
    const precision = Number(decimal[1]);
    const scale = Number(decimal[2]);
    if (metadata['precision'] !== precision || metadata['decimals'] !== scale) {
      return `is not ${column.columnType} in the row events`;
    }
  }
  const fraction = /^(?:datetime|timestamp|time)(?:\((\d)\))?/.exec(column.columnType);
  if (fraction !== null && type >= 17 && metadata['decimals'] !== Number(fraction[1] ?? 0)) {
    return `is not ${column.columnType} in the row events`;
  }
  const labels = enumLabels(column.columnType);
  if (labels !== null && metadata['size'] !== (labels.length > 255 ? 2 : 1)) {
    return `is not ${column.columnType} in the row events`;
  }
  // YEAR is written as unsigned though its definition does not say so.
  const saysUnsigned = column.dataType === 'year' || column.columnType.includes('unsigned');
  if (isUnsigned !== undefined && isUnsigned !== saysUnsigned) {
    return `is ${isUnsigned ? 'unsigned' : 'signed'} in the row events`;
  }
  return null;
}

function isOfKnownType(type: number): boolean {
  return (
    BLOB_TYPES.includes(type) || Object.values(TYPE_CODES).some((codes) => codes.includes(type))
  );
}

function changed(what: string, how: string): AppError {
  const cure =
    'the table was altered after these rows were written; set binlog_row_metadata=FULL to survive this, or resync';
  return new AppError('SCHEMA_CHANGED', `${what} ${how}: ${cure}`);
}
