/**
 * What a TableMap event says of a table: names, types, and with `binlog_row_metadata` signs, character sets, labels.
 *
 * Layout: MySQL `Table_map_event` (`libs/mysql/binlog/event/rows_event.h`), the same in MariaDB.
 */
import { ByteReader, Undecodable } from './byte-reader.ts';
import { isCharacter, isNumeric, readColumnType, TYPE } from './column-type.ts';
import type { ColumnType } from './column-type.ts';
import type { Flavour } from '../source/connection-settings.ts';

/** One column as the event describes it; what it leaves unsaid is undefined. */
export interface StreamColumn {
  readonly type: ColumnType;
  readonly isUnsigned: boolean | undefined;
  /** Id of its collation, which stands for its character set. */
  readonly collation: number | undefined;
  /** FULL metadata alone names columns and labels. */
  readonly name: string | undefined;
  /** Labels of an ENUM, in the column's character set. */
  readonly labels: readonly Buffer[] | undefined;
}

export interface TableShape {
  readonly database: string;
  readonly table: string;
  readonly columns: readonly StreamColumn[];
  /** Every column has its name (`binlog_row_metadata=FULL`). */
  readonly hasNames: boolean;
}

/** Kinds of optional metadata that are of use here. */
const SIGNEDNESS = 1;
const DEFAULT_CHARSET = 2;
const COLUMN_CHARSET = 3;
const COLUMN_NAME = 4;
const ENUM_LABELS = 6;
const ENUM_AND_SET_DEFAULT_CHARSET = 10;
const ENUM_AND_SET_COLUMN_CHARSET = 11;

/** More columns than a table can have. */
const COLUMNS_MAX = 4096 + 1024;

/** Reads whose table it is, from the body behind the table id; what follows is read by `readTableMap`. */
export function readTableName(body: ByteReader): { database: string; table: string } {
  body.skip(2);
  const database = body.text(body.u8());
  body.skip(1);
  const table = body.text(body.u8());
  body.skip(1);
  return { database, table };
}

/** Reads the body behind the table id. @throws AppError ROW_UNDECODABLE */
export function readTableMap(body: ByteReader, flavour: Flavour): TableShape {
  const { database, table } = readTableName(body);
  const count = body.lengthEncoded();
  if (count > COLUMNS_MAX) throw new Undecodable(`has a table of ${count.toString()} columns`);
  const codes = body.bytes(count);
  const metadata = new ByteReader();
  turnToNext(metadata, body, body.lengthEncoded());
  const types = Array.from(codes, (code) => readColumnType(code, metadata));
  if (metadata.left > 0) throw new Undecodable('has more metadata than columns');
  body.skip((count + 7) >> 3);
  const optional = new OptionalMetadata(types, flavour);
  const field = new ByteReader();
  while (body.left > 0) {
    const kind = body.u8();
    optional.read(kind, turnToNext(field, body, body.lengthEncoded()));
  }
  return { database, table, ...optional.columns() };
}

function turnToNext(reader: ByteReader, from: ByteReader, size: number): ByteReader {
  return reader.turnTo(from.bytes(size), 0, size);
}

/** The fields at the end of a TableMap. Each speaks of a kind of columns only, in their order. */
class OptionalMetadata {
  readonly #types: readonly ColumnType[];
  readonly #flavour: Flavour;
  readonly #isUnsigned = new Map<number, boolean>();
  readonly #collations = new Map<number, number>();
  readonly #labels = new Map<number, readonly Buffer[]>();
  #names: readonly string[] | null = null;

  constructor(types: readonly ColumnType[], flavour: Flavour) {
    this.#types = types;
    this.#flavour = flavour;
  }

  /** @throws AppError ROW_UNDECODABLE */
  read(kind: number, field: ByteReader): void {
    const hasCharset = (code: number): boolean => isCharacter(code, this.#flavour);
    switch (kind) {
      case SIGNEDNESS:
        this.#readSigns(field);
        break;
      case DEFAULT_CHARSET:
        this.#readDefaultCollation(this.#ordinals(hasCharset), field);
        break;
      case COLUMN_CHARSET:
        this.#readCollations(this.#ordinals(hasCharset), field);
        break;
      case ENUM_AND_SET_DEFAULT_CHARSET:
        this.#readDefaultCollation(this.#ordinals(isEnumOrSet), field);
        break;
      case ENUM_AND_SET_COLUMN_CHARSET:
        this.#readCollations(this.#ordinals(isEnumOrSet), field);
        break;
      case COLUMN_NAME:
        this.#names = names(field);
        break;
      case ENUM_LABELS:
        for (const ordinal of this.#ordinals(isEnum)) this.#labels.set(ordinal, labels(field));
        break;
      default:
        return;
    }
    if (field.left > 0) throw new Undecodable('has metadata of another length than it says');
  }

  columns(): Pick<TableShape, 'columns' | 'hasNames'> {
    const names = this.#names;
    const columns = this.#types.map((type, ordinal) => ({
      type,
      isUnsigned: this.#isUnsigned.get(ordinal),
      collation: this.#collations.get(ordinal),
      name: names?.[ordinal],
      labels: this.#labels.get(ordinal),
    }));
    return { columns, hasNames: names?.length === columns.length };
  }

  #ordinals(has: (code: number) => boolean): number[] {
    return this.#types.flatMap(({ code }, ordinal) => (has(code) ? [ordinal] : []));
  }

  /** A bit each, the highest first. */
  #readSigns(field: ByteReader): void {
    const ordinals = this.#ordinals(isNumeric);
    const bits = field.bytes((ordinals.length + 7) >> 3);
    for (const [at, ordinal] of ordinals.entries()) {
      this.#isUnsigned.set(ordinal, ((bits[at >> 3] ?? 0) & (0x80 >> (at & 7))) !== 0);
    }
  }

  /** One for all, then those that have another: their place among these columns, and which. */
  #readDefaultCollation(ordinals: readonly number[], field: ByteReader): void {
    const common = field.lengthEncoded();
    for (const ordinal of ordinals) this.#collations.set(ordinal, common);
    while (field.left > 0) {
      const ordinal = ordinals[field.lengthEncoded()];
      const collation = field.lengthEncoded();
      if (ordinal !== undefined) this.#collations.set(ordinal, collation);
    }
  }

  #readCollations(ordinals: readonly number[], field: ByteReader): void {
    for (const ordinal of ordinals) this.#collations.set(ordinal, field.lengthEncoded());
  }
}

function names(field: ByteReader): string[] {
  const found: string[] = [];
  while (field.left > 0) found.push(field.text(field.lengthEncoded()));
  return found;
}

/** Copied: they outlive the event. */
function labels(field: ByteReader): Buffer[] {
  const count = field.lengthEncoded();
  if (count > field.left) throw new Undecodable('has more labels than bytes');
  return Array.from({ length: count }, () => Buffer.from(field.bytes(field.lengthEncoded())));
}

function isEnum(code: number): boolean {
  return code === TYPE.enum;
}

function isEnumOrSet(code: number): boolean {
  return code === TYPE.enum || code === TYPE.set;
}
