/**
 * What a TableMap event says about a table, compared with what the mapping expects, and bound to it. Pure.
 *
 * With `binlog_row_metadata=FULL` the event names its columns: mapped columns are found by name, as they were when the
 * row was written. Without it an event carries only types, so a reordering or a retyping would swap values silently:
 * every column must then look exactly as the mapping's definition says, and the first that does not is named.
 */
import type { AuctionStatus } from '../../src/auction/row-change.ts';
import type { Zone } from '../../src/auction/zone.ts';
import { AppError } from '../../src/errors.ts';
import { Undecodable } from './byte-reader.ts';
import { charsetOfCollation } from './column-charset.ts';
import { enumLabels } from '../mapping/column-kind.ts';
import { isOldTime, TYPE, widthOf } from './column-type.ts';
import { cellReader, labelTexts } from './column-value.ts';
import type { Cell, ReadCell, ValueColumn } from './column-value.ts';
import type { Flavour } from '../source/connection-settings.ts';
import type { DecodedTable } from './row-decoder.ts';
import { ROW_FIELDS } from './row-fields.ts';
import { RowImages } from './row-images.ts';
import type { ImageColumn } from './row-images.ts';
import type { StreamColumn, TableShape } from './table-map.ts';
import { mappedTable } from '../mapping/table-mapping.ts';
import type { ColumnDefinition, TableMapping, TableRole } from '../mapping/table-mapping.ts';

export interface DecodeOptions {
  readonly flavour: Flavour;
  /** Zone of the DATETIME columns. */
  readonly zone: Zone;
  readonly statusWords: ReadonlyMap<string, AuctionStatus>;
  readonly bannedWords: ReadonlySet<string>;
}

/** One table of the stream bound to its role. */
export interface TableBinding extends DecodedTable {
  /** Reads its rows. */
  readonly images: RowImages;
}

/** Type codes by DATA_TYPE. */
const TYPE_CODES: Readonly<Record<string, readonly number[]>> = {
  tinyint: [TYPE.tiny],
  smallint: [TYPE.short],
  mediumint: [TYPE.int24],
  int: [TYPE.long],
  bigint: [TYPE.longlong],
  float: [TYPE.float],
  double: [TYPE.double],
  decimal: [TYPE.decimal],
  bit: [TYPE.bit],
  year: [TYPE.year],
  date: [TYPE.date],
  time: [TYPE.time, TYPE.time2],
  datetime: [TYPE.datetime, TYPE.datetime2],
  timestamp: [TYPE.timestamp, TYPE.timestamp2],
  char: [TYPE.string],
  binary: [TYPE.string],
  varchar: [TYPE.varchar, TYPE.varcharCompressed],
  varbinary: [TYPE.varchar, TYPE.varcharCompressed],
  enum: [TYPE.enum],
  set: [TYPE.set],
  json: [TYPE.json, TYPE.blob],
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
const BLOB_TYPES: readonly number[] = [TYPE.blob, TYPE.blobCompressed];

/** Words of a status column whose meaning is remembered. */
const WORDS_MAX = 256;

/**
 * Binds a TableMap to the mapping.
 *
 * @throws AppError SCHEMA_CHANGED naming the table and the first column that is not as expected; ROW_UNDECODABLE for a
 *   column whose values cannot be read exactly, or not be stepped over
 */
export function bindTable(
  mapping: TableMapping,
  shape: TableShape,
  options: DecodeOptions,
): TableBinding {
  const mapped = mappedTable(mapping, shape.table);
  if (mapped === null) throw new AppError('SCHEMA_CHANGED', `table ${shape.table} is not mapped`);
  const { role, definition } = mapped;
  if (!shape.hasNames) requireSameShape(shape, definition);
  const columns = shape.columns.map((column, ordinal) => {
    const defined = definitionOf(column, ordinal, definition);
    return { column, defined, name: column.name ?? defined?.name ?? ordinal.toString() };
  });
  const fields: { readonly slot: number; readonly read: ReadCell }[][] = columns.map(() => []);
  const names = new Map<string, string>();
  for (const [slot, [field, kind]] of Object.entries(ROW_FIELDS[role]).entries()) {
    const wanted = mapped.columns[field];
    if (wanted === undefined) continue;
    const ordinal = shape.hasNames ? ordinalByName(shape, wanted) : wanted.ordinal;
    const found = columns[ordinal];
    if (found === undefined) {
      throw changed(`${shape.table}.${wanted.name}`, 'is not in the row events');
    }
    const read = cellReader(kind, valueColumn(found), options.zone);
    if (read === null) throw unreadable(`${shape.table}.${wanted.name}`, found.column);
    fields[ordinal]?.push({ slot, read: asMeant(role, field, read, options) });
    names.set(field, wanted.name);
  }
  const images = columns.map(({ column, defined, name }, ordinal): ImageColumn => {
    const width = widthOf(column.type, defined === null ? 0 : fractionDigits(defined));
    // Whether an old time has a fraction only its definition tells.
    const isUnclear = isOldTime(column.type.code) && defined === null;
    if (width === null || isUnclear) throw unreadable(`${shape.table}.${name}`, column);
    return { name, width, fields: fields[ordinal] ?? [] };
  });
  const slots = Object.keys(ROW_FIELDS[role]).length;
  return { role, table: shape.table, names, images: new RowImages(shape.table, images, slots) };
}

/** Turns the words of a status into what they mean here. */
function asMeant(
  role: TableRole,
  field: string,
  read: ReadCell,
  { statusWords, bannedWords }: DecodeOptions,
): ReadCell {
  if (field !== 'status') return read;
  const meaning = role === 'users' ? standing(bannedWords) : auctionStatus(statusWords);
  const known = new Map<Cell, Cell>();
  return (bytes) => {
    const word = read(bytes);
    let meant = known.get(word);
    if (meant === undefined) {
      meant = meaning(String(word));
      if (known.size < WORDS_MAX) known.set(word, meant);
    }
    return meant;
  };
}

function standing(bannedWords: ReadonlySet<string>): (word: string) => boolean {
  return (word) => !bannedWords.has(word.toLowerCase());
}

function auctionStatus(
  statusWords: ReadonlyMap<string, AuctionStatus>,
): (word: string) => AuctionStatus {
  return (word) => {
    const status = statusWords.get(word.toLowerCase());
    if (status !== undefined) return status;
    throw new Undecodable(
      `holds the word ${JSON.stringify(word)}, which the mapping does not know`,
    );
  };
}

interface FoundColumn {
  readonly column: StreamColumn;
  /** As the mapping has it; null for one that it does not know. */
  readonly defined: ColumnDefinition | null;
}

/** What the event says of signs, character sets and labels goes before the definition, which may be of a later day. */
function valueColumn({ column, defined }: FoundColumn): ValueColumn {
  const { type, isUnsigned, collation, labels } = column;
  const charset =
    collation === undefined ? (defined?.characterSet ?? 'utf8mb4') : charsetOfCollation(collation);
  return {
    type,
    isUnsigned: isUnsigned ?? defined?.columnType.includes('unsigned') ?? false,
    charset,
    labels:
      labels === undefined
        ? defined === null
          ? null
          : enumLabels(defined.columnType)
        : labelTexts(labels, charset),
    fraction: defined === null ? 0 : fractionDigits(defined),
  };
}

function definitionOf(
  { name }: StreamColumn,
  ordinal: number,
  definition: readonly ColumnDefinition[],
): ColumnDefinition | null {
  if (name === undefined) return definition[ordinal] ?? null;
  return definition.find((column) => column.name === name) ?? null;
}

/** Digits of a second's fraction: `datetime(3)`. */
function fractionDigits({ columnType }: ColumnDefinition): number {
  return Number(/^(?:datetime|timestamp|time)\((\d)\)/.exec(columnType)?.[1] ?? 0);
}

function ordinalByName(shape: TableShape, column: ColumnDefinition): number {
  const names = shape.columns.map(({ name = '' }) => name);
  const ordinal = names.indexOf(column.name);
  if (ordinal >= 0) return ordinal;
  const lower = column.name.toLowerCase();
  const loose = names.findIndex((name) => name.toLowerCase() === lower);
  const hint = loose < 0 ? '' : ` (it is now written ${names[loose] ?? ''})`;
  throw changed(`${shape.table}.${column.name}`, `is not in the row events${hint}`);
}

function requireSameShape(shape: TableShape, definition: readonly ColumnDefinition[]): void {
  for (const [ordinal, column] of definition.entries()) {
    const found = shape.columns[ordinal];
    if (found === undefined) break;
    const problem = difference(column, found);
    if (problem !== null) throw changed(`${shape.table}.${column.name}`, problem);
  }
  if (shape.columns.length !== definition.length) {
    const counts = `${shape.columns.length.toString()} columns where ${definition.length.toString()} are expected`;
    throw changed(shape.table, `has ${counts}`);
  }
}

/** Why a column of the stream cannot be the one expected; null when it can. */
function difference(column: ColumnDefinition, found: StreamColumn): string | null {
  const { isUnsigned } = found;
  if (!hasTypeOf(column, found)) return `is not ${column.columnType} in the row events`;
  // YEAR is written as unsigned though its definition does not say so.
  const saysUnsigned = column.dataType === 'year' || column.columnType.includes('unsigned');
  if (isUnsigned !== undefined && isUnsigned !== saysUnsigned) {
    return `is ${isUnsigned ? 'unsigned' : 'signed'} in the row events`;
  }
  return null;
}

function hasTypeOf(column: ColumnDefinition, { type }: StreamColumn): boolean {
  const { dataType, columnType } = column;
  const { code, size, decimals } = type;
  const blobSize = BLOB_SIZES[dataType];
  if (blobSize !== undefined) return BLOB_TYPES.includes(code) && size === blobSize;
  const codes = TYPE_CODES[dataType];
  // Types we never map (geometry, vector, uuid …) are told apart from all that we know, not among themselves.
  if (codes === undefined) {
    return !isOfKnownType(code) || code === TYPE.string || code === TYPE.varchar;
  }
  if (!codes.includes(code)) return false;
  const decimal = /^decimal\((\d+),(\d+)\)/.exec(columnType);
  if (decimal !== null) return size === Number(decimal[1]) && decimals === Number(decimal[2]);
  if (code === TYPE.timestamp2 || code === TYPE.datetime2 || code === TYPE.time2) {
    return decimals === fractionDigits(column);
  }
  const labels = enumLabels(columnType);
  return labels === null || size === (labels.length > 255 ? 2 : 1);
}

function isOfKnownType(type: number): boolean {
  return (
    BLOB_TYPES.includes(type) || Object.values(TYPE_CODES).some((codes) => codes.includes(type))
  );
}

function unreadable(name: string, { type }: StreamColumn): AppError {
  const what = `is of a type that cannot be read here (code ${type.code.toString()})`;
  return new AppError('ROW_UNDECODABLE', `column ${name} ${what}`);
}

function changed(what: string, how: string): AppError {
  const cure =
    'the table was altered after these rows were written; set binlog_row_metadata=FULL to survive this, or resync';
  return new AppError('SCHEMA_CHANGED', `${what} ${how}: ${cure}`);
}
