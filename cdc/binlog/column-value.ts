/**
 * Reads the values of mapped columns, each as what its role is: an id, an amount, an instant, a word. A value is read
 * exactly or not at all.
 */
import type { Money } from '../../src/auction/ids.ts';
import { parseMoney } from '../../src/auction/money.ts';
import { calendarMs, localMsToEpochMs } from '../../src/auction/zone.ts';
import type { Zone } from '../../src/auction/zone.ts';
import type { ByteReader } from './byte-reader.ts';
import { Undecodable } from './byte-reader.ts';
import { BINARY, readLabel, textReader } from './column-charset.ts';
import type { ColumnKind } from '../mapping/column-kind.ts';
import { decimalLayout, fractionBytes, isOldTime, lengthBytes, TYPE } from './column-type.ts';
import type { ColumnType } from './column-type.ts';
import { inflateValue } from './compressed-value.ts';

/** A value of a mapped column: text for ids, amounts and words; epoch ms for times; null for NULL and zero dates. */
export type Cell = string | number | boolean | null;

/** Reads one value that is there. @throws AppError ROW_UNDECODABLE */
export type ReadCell = (bytes: ByteReader) => Cell;

/** All that decides how a column's values are read. */
export interface ValueColumn {
  readonly type: ColumnType;
  readonly isUnsigned: boolean;
  /** Null where the character set is not known. */
  readonly charset: string | null;
  /** Of an ENUM, in order. */
  readonly labels: readonly string[] | null;
  /** Digits of a second's fraction by the column's definition, for types whose code does not show them. */
  readonly fraction: number;
}

/** How to read a column in its role; null where its type cannot be read as that exactly. */
export function cellReader(kind: ColumnKind, column: ValueColumn, zone: Zone): ReadCell | null {
  switch (kind) {
    case 'id':
      return integerText(column) ?? textOf(column, { allowsBinary: false });
    case 'money':
      return column.type.code === TYPE.decimal ? decimal(column.type) : integerText(column);
    case 'time':
      return instant(column, zone);
    case 'words':
      return label(column) ?? textOf(column, { allowsBinary: false });
    case 'flag': {
      const read = integer(column);
      return read === null ? null : (bytes) => Number(read(bytes)) !== 0;
    }
    case 'text':
      return textOf(column, { allowsBinary: true });
  }
}

type ReadInteger = (bytes: ByteReader) => number | bigint;

function integer({ type, isUnsigned }: ValueColumn): ReadInteger | null {
  switch (type.code) {
    case TYPE.tiny:
      return isUnsigned ? (bytes) => bytes.u8() : (bytes) => (bytes.u8() << 24) >> 24;
    case TYPE.short:
      return isUnsigned ? (bytes) => bytes.u16() : (bytes) => (bytes.u16() << 16) >> 16;
    case TYPE.int24:
      return isUnsigned ? (bytes) => bytes.u24() : (bytes) => (bytes.u24() << 8) >> 8;
    case TYPE.long:
      return isUnsigned ? (bytes) => bytes.u32() : (bytes) => bytes.u32() | 0;
    case TYPE.longlong:
      return isUnsigned ? (bytes) => bytes.u64() : (bytes) => signed64(bytes.u64());
    default:
      return null;
  }
}

function signed64(number: number | bigint): number | bigint {
  return typeof number === 'number' ? number : BigInt.asIntN(64, number);
}

function integerText(column: ValueColumn): ReadCell | null {
  const read = integer(column);
  return read === null ? null : (bytes) => read(bytes).toString();
}

const GROUP_LIMIT = 1_000_000_000;

/** Negative numbers have all their bits turned over, and the highest bit of all is turned over once more. */
function decimal(type: ColumnType): ReadCell {
  const layout = decimalLayout(type);
  const { firstDigits, firstBytes, wholeGroups, fractionGroups, lastDigits, lastBytes } = layout;
  const signBytes = firstBytes > 0 ? firstBytes : wholeGroups + fractionGroups > 0 ? 4 : lastBytes;
  const signBit = 2 ** (8 * signBytes - 1);
  const group = (
    bytes: ByteReader,
    size: number,
    state: { isNegative: boolean | null },
  ): number => {
    let value = bytes.unsignedBe(size);
    if (state.isNegative === null) {
      state.isNegative = value < signBit;
      value = state.isNegative ? value + signBit : value - signBit;
    }
    return state.isNegative ? 2 ** (8 * size) - 1 - value : value;
  };
  const firstLimit = 10 ** firstDigits;
  const lastLimit = 10 ** lastDigits;
  const below = (value: number, limit: number): number => {
    if (value < limit) return value;
    throw new Undecodable('holds a DECIMAL with a digit too many');
  };
  return (bytes) => {
    const state: { isNegative: boolean | null } = { isNegative: null };
    let text =
      firstBytes === 0 ? '' : below(group(bytes, firstBytes, state), firstLimit).toString();
    for (let at = 0; at < wholeGroups; at += 1) {
      const digits = below(group(bytes, 4, state), GROUP_LIMIT).toString();
      text = text === '' || text === '0' ? digits : text + digits.padStart(9, '0');
    }
    if (text === '') text = '0';
    if (fractionGroups > 0 || lastBytes > 0) text += '.';
    for (let at = 0; at < fractionGroups; at += 1) {
      text += below(group(bytes, 4, state), GROUP_LIMIT)
        .toString()
        .padStart(9, '0');
    }
    if (lastBytes > 0) {
      const last = below(group(bytes, lastBytes, state), lastLimit).toString();
      text += last.padStart(lastDigits, '0');
    }
    return state.isNegative === true ? money(`-${text}`) : text;
  };
}

function money(text: string): Money {
  const found = parseMoney(text);
  if (found === null) throw new Undecodable('holds a DECIMAL that is none');
  return found;
}

function label({ type, labels }: ValueColumn): ReadCell | null {
  if (type.code !== TYPE.enum || labels === null) return null;
  const { size } = type;
  return (bytes) => {
    const index = bytes.unsigned(size);
    // The error value: what the server stores for a word that is no label where it is not strict.
    if (index === 0) return '';
    const found = labels[index - 1];
    if (found === undefined) throw new Undecodable('holds an ENUM past its labels');
    return found;
  };
}

function textOf(
  { type, charset }: ValueColumn,
  { allowsBinary }: { readonly allowsBinary: boolean },
): ReadCell | null {
  if (charset === null || (charset === BINARY && !allowsBinary)) return null;
  const read = textReader(charset);
  if (read === null) return null;
  const sizeBytes = textSizeBytes(type);
  if (sizeBytes === null) return null;
  if (type.code === TYPE.varcharCompressed || type.code === TYPE.blobCompressed) {
    return (bytes) => read(inflateValue(bytes.bytes(bytes.unsigned(sizeBytes))));
  }
  return (bytes) => read(bytes.bytes(bytes.unsigned(sizeBytes)));
}

/** Bytes of the length before a text; null for types that hold none. */
function textSizeBytes(type: ColumnType): number | null {
  switch (type.code) {
    case TYPE.varchar:
    case TYPE.varcharCompressed:
    case TYPE.string:
    case TYPE.varString:
      return lengthBytes(type);
    case TYPE.blob:
    case TYPE.blobCompressed:
      return type.size;
    default:
      return null;
  }
}

function instant(column: ValueColumn, zone: Zone): ReadCell | null {
  const { code, decimals } = column.type;
  const digits = isOldTime(code) ? column.fraction : decimals;
  switch (code) {
    case TYPE.timestamp2:
      return (bytes) => utc(bytes.unsignedBe(4), fractionMs(bytes, digits));
    case TYPE.timestamp:
      if (digits === 0) return (bytes) => utc(bytes.u32(), 0);
      return (bytes) => utc(bytes.unsignedBe(4), plainFractionMs(bytes, digits));
    case TYPE.datetime2:
      return (bytes) => packedDateTime(bytes, digits, zone);
    case TYPE.datetime:
      if (digits === 0) return (bytes) => decimalDateTime(bytes, zone);
      return (bytes) => hiresDateTime(bytes, digits, zone);
    default:
      return null;
  }
}

/** A TIMESTAMP of zero is the zero date: no instant. */
function utc(seconds: number, ms: number): number | null {
  return seconds === 0 && ms === 0 ? null : seconds * 1000 + ms;
}

/** A fraction in one byte for each two digits; an odd last digit is followed by a zero. */
function fractionMs(bytes: ByteReader, digits: number): number {
  if (digits === 0) return 0;
  const size = fractionBytes(digits);
  const value = bytes.unsignedBe(size);
  if (value >= 100 ** size) throw new Undecodable('holds a fraction of more than a second');
  return size === 1 ? value * 10 : Math.floor(value / 10 ** (2 * size - 3));
}

/** MariaDB's old fraction: just its digits as a number. */
function plainFractionMs(bytes: ByteReader, digits: number): number {
  const value = bytes.unsignedBe(fractionBytes(digits));
  if (value >= 10 ** digits) throw new Undecodable('holds a fraction of more than a second');
  return Math.floor(value / 10 ** (digits - 3));
}

const DATETIME2_SIGN = 2 ** 39;
const DAY_AND_TIME = 2 ** 22;

/** 1 bit sign, 17 bits year × 13 + month, then day, hour, minute, second in 5, 5, 6 and 6 bits. */
function packedDateTime(bytes: ByteReader, digits: number, zone: Zone): number | null {
  const packed = bytes.unsignedBe(5) - DATETIME2_SIGN;
  if (packed < 0) throw new Undecodable('does not hold a date and time');
  const months = Math.floor(packed / DAY_AND_TIME);
  const rest = packed % DAY_AND_TIME;
  return wallClock(
    {
      year: Math.floor(months / 13),
      month: months % 13,
      day: rest >> 17,
      hour: (rest >> 12) & 31,
      minute: (rest >> 6) & 63,
      second: rest & 63,
      ms: fractionMs(bytes, digits),
    },
    zone,
  );
}

/** Before MySQL 5.6: the digits YYYYMMDDHHMMSS as one number. */
function decimalDateTime(bytes: ByteReader, zone: Zone): number | null {
  const digits = Number(bytes.u64());
  const part = (scale: number, size: number): number => Math.floor(digits / scale) % size;
  return wallClock(
    {
      year: Math.floor(digits / 1e10),
      month: part(1e8, 100),
      day: part(1e6, 100),
      hour: part(1e4, 100),
      minute: part(100, 100),
      second: digits % 100,
      ms: 0,
    },
    zone,
  );
}

const HIRES_DATETIME_BYTES = [8, 6, 6, 7, 7, 7, 8];

/** MariaDB's old DATETIME with a fraction: all its parts in one number, each times the range of those behind it. */
function hiresDateTime(bytes: ByteReader, digits: number, zone: Zone): number | null {
  const size = HIRES_DATETIME_BYTES[digits] ?? 8;
  let packed = 0n;
  for (let at = 0; at < size; at += 1) packed = packed * 256n + BigInt(bytes.u8());
  const next = (range: bigint): number => {
    const part = packed % range;
    packed /= range;
    return Number(part);
  };
  const fraction = next(10n ** BigInt(digits));
  const [second, minute, hour, day] = [next(60n), next(60n), next(24n), next(32n)];
  const month = next(13n);
  const ms = Math.floor(fraction / 10 ** (digits - 3));
  return wallClock({ year: Number(packed), month, day, hour, minute, second, ms }, zone);
}

/** Null for dates with a part of zero, which MySQL counts as "no date". */
function wallClock(parts: Parameters<typeof calendarMs>[0], zone: Zone): number | null {
  if (parts.year === 0 || parts.month === 0 || parts.day === 0) return null;
  const localMs = calendarMs(parts);
  if (localMs === null) throw new Undecodable('does not hold a date and time');
  return localMsToEpochMs(localMs, zone);
}

/** The labels of an ENUM as text. @throws AppError ROW_UNDECODABLE */
export function labelTexts(labels: readonly Buffer[], charset: string | null): string[] {
  if (charset === null) throw new Undecodable('has labels in an unknown character set');
  return labels.map((each) => readLabel(each, charset));
}
