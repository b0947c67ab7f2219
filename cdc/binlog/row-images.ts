/**
 * Row events of one table → the values of its mapped columns. Made once a TableMap: what to do with each column is known
 * before the first row. A column that is not mapped is stepped over by its width and never looked at.
 *
 * Which columns an image holds is the event's own word (`binlog_row_image` MINIMAL and NOBLOB leave some out, and any session
 * may set them), so absent and NULL are told apart: undefined and null.
 */
import { AppError } from '../../src/errors.ts';
import type { RowsEvent } from './binlog-event.ts';
import { ByteReader, Undecodable } from './byte-reader.ts';
import type { Cell, ReadCell } from './column-value.ts';
import { inflateEnvelope } from './compressed-value.ts';

/** The mapped values of one side of a row change, by slot; undefined where the image does not hold the column. */
export type Cells = readonly (Cell | undefined)[];

/** A column of the table as its images hold it. */
export interface ImageColumn {
  /** For messages. */
  readonly name: string;
  /** As `widthOf`. */
  readonly width: number;
  /** What reads it, and where to; empty where it is not mapped. */
  readonly fields: readonly { readonly slot: number; readonly read: ReadCell }[];
}

/** Takes one row. The cells are good until it returns. */
export type TakeRow = (before: Cells | null, after: Cells | null) => void;

/** Which columns an image holds, and how many bytes tell which of them are NULL. */
interface Presence {
  readonly bitmap: Buffer;
  readonly ordinals: readonly number[];
  readonly nullBytes: number;
}

const NONE: Presence = { bitmap: Buffer.alloc(0), ordinals: [], nullBytes: 0 };

export class RowImages {
  readonly #table: string;
  readonly #columns: readonly ImageColumn[];
  readonly #before: (Cell | undefined)[];
  readonly #after: (Cell | undefined)[];
  /** Events of one table are most often alike in this. */
  #present = NONE;
  #presentAfter = NONE;
  /** The column being read, for messages. */
  #ordinal = 0;

  /** @param slots how many values an image is read into */
  constructor(table: string, columns: readonly ImageColumn[], slots: number) {
    this.#table = table;
    this.#columns = columns;
    this.#before = Array.from({ length: slots }, () => undefined);
    this.#after = Array.from({ length: slots }, () => undefined);
  }

  /**
   * Reads the rows of an event, in order.
   *
   * @returns how many there were
   * @throws AppError ROW_UNDECODABLE, naming the column where it is known; whatever `take` throws
   */
  read({ change, body, isCompressed }: RowsEvent, take: TakeRow): number {
    const count = body.lengthEncoded();
    if (count !== this.#columns.length) {
      const counts = `${count.toString()} columns where ${this.#columns.length.toString()} were announced`;
      throw new Undecodable(`has rows of ${this.#table} with ${counts}`);
    }
    const present = this.#presence(body, this.#present);
    this.#present = present;
    if (change === 'update') this.#presentAfter = this.#presence(body, this.#presentAfter);
    const rows = isCompressed ? inflated(body) : body;
    let read = 0;
    // A row of which nothing is logged takes no bytes.
    do {
      const { left } = rows;
      this.#readRow(change, rows, take);
      read += 1;
      if (rows.left === left && left > 0) throw new Undecodable('has rows that hold no columns');
    } while (rows.left > 0);
    return read;
  }

  #readRow(change: RowsEvent['change'], rows: ByteReader, take: TakeRow): void {
    switch (change) {
      case 'insert':
        take(null, this.#readImage(rows, this.#present, this.#after));
        return;
      case 'delete':
        take(this.#readImage(rows, this.#present, this.#before), null);
        return;
      case 'update': {
        const before = this.#readImage(rows, this.#present, this.#before);
        take(before, this.#readImage(rows, this.#presentAfter, this.#after));
      }
    }
  }

  #readImage(rows: ByteReader, presence: Presence, cells: (Cell | undefined)[]): Cells {
    cells.fill(undefined);
    try {
      this.#readColumns(rows, presence, cells);
    } catch (error) {
      const name = this.#columns[this.#ordinal]?.name ?? '';
      const what = error instanceof Undecodable ? error.what : 'cannot be read';
      const message = `column ${this.#table}.${name} ${what}`;
      throw new AppError('ROW_UNDECODABLE', message, { cause: error });
    }
    return cells;
  }

  #readColumns(rows: ByteReader, presence: Presence, cells: (Cell | undefined)[]): void {
    const { ordinals, nullBytes } = presence;
    const nullsAt = rows.place;
    rows.skip(nullBytes);
    let nulls = 0;
    let bit = 0;
    for (const ordinal of ordinals) {
      if ((bit & 7) === 0) nulls = rows.byteAt(nullsAt + (bit >> 3));
      const isNull = ((nulls >> (bit & 7)) & 1) === 1;
      bit += 1;
      this.#ordinal = ordinal;
      const column = this.#columns[ordinal];
      if (column !== undefined) readColumn(column, isNull ? null : rows, cells);
    }
  }

  /** Bits past the last column mean nothing. */
  #presence(body: ByteReader, known: Presence): Presence {
    const count = this.#columns.length;
    const size = (count + 7) >> 3;
    if (known.bitmap.length === size && body.isNext(known.bitmap)) {
      body.skip(size);
      return known;
    }
    const bitmap = Buffer.from(body.bytes(size));
    const ordinals: number[] = [];
    for (let ordinal = 0; ordinal < count; ordinal += 1) {
      if ((((bitmap[ordinal >> 3] ?? 0) >> (ordinal & 7)) & 1) === 1) ordinals.push(ordinal);
    }
    return { bitmap, ordinals, nullBytes: (ordinals.length + 7) >> 3 };
  }
}

/** @param rows null for SQL NULL, which takes no bytes */
function readColumn(
  { fields, width }: ImageColumn,
  rows: ByteReader | null,
  cells: (Cell | undefined)[],
): void {
  if (fields.length === 0) {
    if (rows !== null) rows.skip(width >= 0 ? width : rows.unsigned(-width));
    return;
  }
  const place = rows?.place ?? 0;
  for (const { slot, read } of fields) {
    rows?.returnTo(place);
    cells[slot] = rows === null ? null : read(rows);
  }
}

function inflated(body: ByteReader): ByteReader {
  const bytes = inflateEnvelope(body.rest());
  return new ByteReader().turnTo(bytes, 0, bytes.length);
}
