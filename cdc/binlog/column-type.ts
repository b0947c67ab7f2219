/**
 * The column types of row events: their codes, what a TableMap says of each, and how many bytes their values take.
 *
 * Codes: MySQL `include/field_types.h`, MariaDB `include/mysql_com.h`. Widths: MySQL `libs/mysql/binlog/event/binary_log_funcs`
 * and the decoders of both servers.
 */
import type { ByteReader } from './byte-reader.ts';
import { Undecodable } from './byte-reader.ts';
import type { Flavour } from '../source/connection-settings.ts';

/** Type codes. ENUM and SET travel as STRING with their own code in the metadata. */
export const TYPE = {
  tiny: 1,
  short: 2,
  long: 3,
  float: 4,
  double: 5,
  timestamp: 7,
  longlong: 8,
  int24: 9,
  date: 10,
  time: 11,
  datetime: 12,
  year: 13,
  varchar: 15,
  bit: 16,
  timestamp2: 17,
  datetime2: 18,
  time2: 19,
  blobCompressed: 140,
  varcharCompressed: 141,
  vector: 242,
  json: 245,
  decimal: 246,
  enum: 247,
  set: 248,
  blob: 252,
  varString: 253,
  string: 254,
  geometry: 255,
} as const;

/** What a TableMap says of a column's type. */
export interface ColumnType {
  /** ENUM and SET resolved. */
  readonly code: number;
  /**
   * ENUM, SET, FLOAT, DOUBLE, BIT: bytes of a value; blobs: bytes of a value's length; CHAR, VARCHAR: the greatest length
   * in bytes; DECIMAL: all digits. 0 for other types.
   */
  readonly size: number;
  /** DECIMAL: digits after the point; times: digits of a second's fraction, where the type's code shows them. */
  readonly decimals: number;
}

/** Reads one column's metadata. @throws AppError ROW_UNDECODABLE */
export function readColumnType(code: number, metadata: ByteReader): ColumnType {
  switch (code) {
    case TYPE.float:
    case TYPE.double:
    case TYPE.blob:
    case TYPE.blobCompressed:
    case TYPE.geometry:
    case TYPE.json:
    case TYPE.vector:
      return { code, size: metadata.u8(), decimals: 0 };
    case TYPE.varchar:
    case TYPE.varcharCompressed:
      return { code, size: metadata.u16(), decimals: 0 };
    case TYPE.bit: {
      const bits = metadata.u8();
      return { code, size: metadata.u8() + (bits > 0 ? 1 : 0), decimals: 0 };
    }
    case TYPE.decimal: {
      const size = metadata.u8();
      return { code, size, decimals: metadata.u8() };
    }
    case TYPE.string:
    case TYPE.varString:
      return stringType(code, metadata.u8(), metadata.u8());
    case TYPE.timestamp2:
    case TYPE.datetime2:
    case TYPE.time2:
      return { code, size: 0, decimals: metadata.u8() };
    default:
      return { code, size: 0, decimals: 0 };
  }
}

/** Lengths past 255 have two of their bits, turned over, in the first byte. */
function stringType(code: number, first: number, second: number): ColumnType {
  if (first === TYPE.enum || first === TYPE.set) return { code: first, size: second, decimals: 0 };
  return { code, size: (((first << 4) & 0x300) ^ 0x300) + second, decimals: 0 };
}

const DIGITS_PER_GROUP = 9;
/** Bytes of a group of so many decimal digits. */
const GROUP_BYTES = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const;

/** How a DECIMAL's digits lie: a first group with what is over, whole groups of nine, and the same behind the point. */
export interface DecimalLayout {
  readonly firstDigits: number;
  readonly firstBytes: number;
  readonly wholeGroups: number;
  readonly fractionGroups: number;
  readonly lastDigits: number;
  readonly lastBytes: number;
}

/** @throws AppError ROW_UNDECODABLE where digits and decimals do not go together */
export function decimalLayout({ size, decimals }: ColumnType): DecimalLayout {
  const whole = size - decimals;
  if (whole < 0 || size > 65) throw new Undecodable('has a DECIMAL of impossible digits');
  const firstDigits = whole % DIGITS_PER_GROUP;
  const lastDigits = decimals % DIGITS_PER_GROUP;
  return {
    firstDigits,
    firstBytes: GROUP_BYTES[firstDigits] ?? 0,
    wholeGroups: Math.floor(whole / DIGITS_PER_GROUP),
    fractionGroups: Math.floor(decimals / DIGITS_PER_GROUP),
    lastDigits,
    lastBytes: GROUP_BYTES[lastDigits] ?? 0,
  };
}

function decimalBytes(type: ColumnType): number {
  const { firstBytes, wholeGroups, fractionGroups, lastBytes } = decimalLayout(type);
  return firstBytes + 4 * (wholeGroups + fractionGroups) + lastBytes;
}

/** Bytes of the fraction of a second in the types that have it in their metadata. */
export function fractionBytes(decimals: number): number {
  return (decimals + 1) >> 1;
}

/** MariaDB's own fractions (before 10.1, or `mysql56_temporal_format=OFF`), by their digits. */
const HIRES_TIME_BYTES = [3, 4, 4, 5, 5, 5, 6] as const;
const HIRES_DATETIME_BYTES = [8, 6, 6, 7, 7, 7, 8] as const;

/** Bytes of the number before a text: its length. */
export function lengthBytes({ size }: ColumnType): number {
  return size > 255 ? 2 : 1;
}

/**
 * How far a value reaches: so many bytes where positive; where negative, a length of so many bytes and then as many as that
 * says. Null for a type that is not known.
 *
 * @param fraction digits of a second's fraction by the column's definition: MariaDB's old times do not show them
 */
export function widthOf(type: ColumnType, fraction: number): number | null {
  const { code, size, decimals } = type;
  switch (code) {
    case TYPE.tiny:
    case TYPE.year:
      return 1;
    case TYPE.short:
      return 2;
    case TYPE.int24:
    case TYPE.date:
      return 3;
    case TYPE.long:
      return 4;
    case TYPE.longlong:
      return 8;
    case TYPE.float:
    case TYPE.double:
    case TYPE.enum:
    case TYPE.set:
    case TYPE.bit:
      return size;
    case TYPE.decimal:
      return decimalBytes(type);
    case TYPE.timestamp:
      return 4 + fractionBytes(fraction);
    case TYPE.time:
      return HIRES_TIME_BYTES[fraction] ?? null;
    case TYPE.datetime:
      return HIRES_DATETIME_BYTES[fraction] ?? null;
    case TYPE.timestamp2:
      return 4 + fractionBytes(decimals);
    case TYPE.datetime2:
      return 5 + fractionBytes(decimals);
    case TYPE.time2:
      return 3 + fractionBytes(decimals);
    case TYPE.varchar:
    case TYPE.varcharCompressed:
    case TYPE.string:
    case TYPE.varString:
      return -lengthBytes(type);
    case TYPE.blob:
    case TYPE.blobCompressed:
    case TYPE.json:
    case TYPE.geometry:
    case TYPE.vector:
      return size >= 1 && size <= 4 ? -size : null;
    default:
      return null;
  }
}

const NUMERIC: readonly number[] = [
  TYPE.tiny,
  TYPE.short,
  TYPE.int24,
  TYPE.long,
  TYPE.longlong,
  TYPE.decimal,
  TYPE.float,
  TYPE.double,
  TYPE.year,
];
const CHARACTER: readonly number[] = [
  TYPE.varchar,
  TYPE.varString,
  TYPE.string,
  TYPE.blob,
  TYPE.blobCompressed,
  TYPE.varcharCompressed,
];

/** Has a sign, in the TableMap's list of signs. */
export function isNumeric(code: number): boolean {
  return NUMERIC.includes(code);
}

/** Has a character set, in the TableMap's lists of them; `binary` is one. MariaDB's geometries have that. */
export function isCharacter(code: number, flavour: Flavour): boolean {
  return CHARACTER.includes(code) || (code === TYPE.geometry && flavour === 'mariadb');
}

const OLD_TIMES: readonly number[] = [TYPE.timestamp, TYPE.time, TYPE.datetime];

/** The code does not show whether a fraction follows. */
export function isOldTime(code: number): boolean {
  return OLD_TIMES.includes(code);
}
