/**
 * Writes events as the servers do, for tests that take bytes apart again: a TableMap and row events of the lab's tables.
 */
import type { RowsKind } from '../../../cdc/binlog/binlog-event.ts';

/** A column's type code, its metadata, and how a value of it is written. */
export interface WrittenColumn {
  readonly code: number;
  readonly metadata: readonly number[];
}

const HEADER_BYTES = 19;
const ROWS_V2 = { insert: 30, update: 31, delete: 32 } as const;
const TABLE_MAP = 19;

/** An event with its common header and no checksum. */
export function eventBytes(type: number, body: Buffer, timestampS = 1_800_000_000): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(timestampS, 0);
  header.writeUInt8(type, 4);
  header.writeUInt32LE(1, 5);
  header.writeUInt32LE(HEADER_BYTES + body.length, 9);
  header.writeUInt32LE(4711, 13);
  return Buffer.concat([header, body]);
}

export function tableMapBytes(
  tableId: number,
  where: { readonly database: string; readonly table: string },
  columns: readonly WrittenColumn[],
): Buffer {
  const metadata = columns.flatMap((column) => column.metadata);
  const body = [
    ...id(tableId),
    1,
    0,
    where.database.length,
    ...Buffer.from(`${where.database}\0`),
    where.table.length,
    ...Buffer.from(`${where.table}\0`),
    columns.length,
    ...columns.map(({ code }) => code),
    metadata.length,
    ...metadata,
    ...Array.from({ length: (columns.length + 7) >> 3 }, () => 0xff),
  ];
  return eventBytes(TABLE_MAP, Buffer.from(body));
}

/** The values of one image in the order of the columns: null for NULL, undefined for one that it does not hold. */
export type WrittenImage = readonly (Buffer | null | undefined)[];

/** @param rows the images of each row: before and after of an update, else one */
export function rowsBytes(
  tableId: number,
  change: RowsKind,
  rows: readonly (readonly WrittenImage[])[],
): Buffer {
  const [first = []] = rows;
  const count = first[0]?.length ?? 0;
  const bitmaps = first.flatMap((image) => bits(image.map((value) => value !== undefined)));
  const images = rows.flat().flatMap((image) => {
    const held = image.filter((value) => value !== undefined);
    return [
      Buffer.from(bits(held.map((value) => value === null))),
      ...held.filter((value) => value !== null),
    ];
  });
  const head = Buffer.from([...id(tableId), 1, 0, 2, 0, count, ...bitmaps]);
  return eventBytes(ROWS_V2[change], Buffer.concat([head, ...images]));
}

function id(tableId: number): number[] {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntLE(tableId, 0, 6);
  return [...bytes];
}

function bits(flags: readonly boolean[]): number[] {
  const bytes = Array.from({ length: (flags.length + 7) >> 3 }, () => 0);
  for (const [at, flag] of flags.entries()) {
    if (flag) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (1 << (at & 7));
  }
  return bytes;
}
