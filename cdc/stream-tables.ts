/**
 * The mapped tables as the stream names them: table ids of TableMap events bound to their roles.
 */
import type { AnyBinlogEvent, TableMapEntry, TableMapEvent } from '@vlasky/zongji';
import { AppError } from '../src/errors.ts';
import type { RawChange, RawRow } from './row-decoder.ts';
import { bindTable } from './table-columns.ts';
import type { TableBinding } from './table-columns.ts';
import type { TableMapping } from './table-mapping.ts';

interface Bound {
  readonly event: TableMapEvent;
  readonly keys: readonly string[];
  readonly binding: TableBinding;
}

/** Table ids live as long as the server caches a table; this many are remembered before starting over. */
const TABLES_MAX = 1000;

export class StreamTables {
  readonly #mapping: TableMapping;
  readonly #boundById = new Map<number, Bound>();

  constructor(mapping: TableMapping) {
    this.#mapping = mapping;
  }

  /** Takes a TableMap. @throws AppError SCHEMA_CHANGED when the table is not as the mapping expects */
  learn(event: TableMapEvent, entry: TableMapEntry | undefined): void {
    const known = this.#boundById.get(event.tableId);
    // A TableMap precedes every statement: most often it is the one before over again.
    if (known !== undefined && hasKeys(entry, known.keys) && isSame(known.event, event)) return;
    const keys = (entry?.columns ?? []).map((column) => column.name);
    if (this.#boundById.size >= TABLES_MAX) this.#boundById.clear();
    this.#boundById.set(event.tableId, {
      event,
      keys,
      binding: bindTable(this.#mapping, {
        table: event.tableName,
        types: event.columnTypes.map((type, at) => resolvedType(type, event.columnsMetadata[at])),
        metadata: event.columnsMetadata,
        signedness: event.signedness ?? null,
        names: event.hasSelfDescribingMetadata() ? (event.columnNames ?? null) : null,
        keys,
      }),
    });
  }

  /** @throws AppError ROW_UNDECODABLE for rows whose table was never announced */
  bindingOf(tableId: number): TableBinding {
    const bound = this.#boundById.get(tableId);
    if (bound !== undefined) return bound.binding;
    throw new AppError('ROW_UNDECODABLE', 'row events of a table that the binlog did not announce');
  }
}

/** A rows event as the decoder wants it; `null` for any other event. */
export interface RowsOfEvent {
  readonly tableId: number;
  readonly timestampMs: number;
  readonly count: number;
  change(at: number, index: number): RawChange;
}

/** Reads a rows event, presence bitmaps included, which zongji sets but does not type. */
export function rowsOf(event: AnyBinlogEvent): RowsOfEvent | null {
  if (!('rows' in event)) return null;
  const { tableId, timestamp: timestampMs, rows } = event;
  const present = bitmapOf(event, 'columns_present_bitmap');
  const name = event.getTypeName();
  const presentAfter = name === 'UpdateRows' ? bitmapOf(event, 'columns_present_bitmap2') : present;
  return {
    tableId,
    timestampMs,
    count: rows.length,
    change: (at, index) => {
      const row = recordOf(rows[at]);
      if (name === 'WriteRows')
        return { before: null, after: { row, present }, index, timestampMs };
      if (name === 'DeleteRows')
        return { before: { row, present }, after: null, index, timestampMs };
      return {
        before: { row: recordOf(row['before']), present },
        after: { row: recordOf(row['after']), present: presentAfter },
        index,
        timestampMs,
      };
    },
  };
}

/** A row by column name, or an update's pair of rows: zongji makes plain objects of both. */
function recordOf(value: unknown): RawRow {
  return typeof value === 'object' && value !== null ? (value as RawRow) : {};
}

function bitmapOf(
  event: object,
  field: 'columns_present_bitmap' | 'columns_present_bitmap2',
): Uint8Array {
  const bitmap: unknown = Reflect.get(event, field);
  if (bitmap instanceof Uint8Array) return bitmap;
  throw new Error(
    'this version of zongji is not supported: it does not tell which columns a row image holds',
  );
}

/** ENUM and SET travel as STRING with their real type in the metadata, until zongji resolves it. */
function resolvedType(type: number, metadata: Record<string, unknown> | undefined): number {
  const real = metadata?.['type'];
  return typeof real === 'number' ? real : type;
}

function hasKeys(entry: TableMapEntry | undefined, keys: readonly string[]): boolean {
  const columns = entry?.columns ?? [];
  return columns.length === keys.length && columns.every(({ name }, at) => name === keys[at]);
}

function isSame(a: TableMapEvent, b: TableMapEvent): boolean {
  if (a.tableName !== b.tableName || a.columnCount !== b.columnCount) return false;
  for (let at = 0; at < a.columnCount; at += 1) {
    const metadataA = a.columnsMetadata[at];
    const metadataB = b.columnsMetadata[at];
    const isSameColumn =
      resolvedType(a.columnTypes[at] ?? -1, metadataA) ===
        resolvedType(b.columnTypes[at] ?? -1, metadataB) &&
      a.columnNames?.[at] === b.columnNames?.[at] &&
      a.signedness?.[at] === b.signedness?.[at] &&
      isSameMetadata(metadataA, metadataB);
    if (!isSameColumn) return false;
  }
  return true;
}

const METADATA_FIELDS = ['precision', 'decimals', 'length_size', 'max_length', 'size', 'bits'];

function isSameMetadata(
  a: Record<string, unknown> | undefined,
  b: Record<string, unknown> | undefined,
): boolean {
  if (a === undefined || b === undefined) return a === b;
  return METADATA_FIELDS.every((field) => a[field] === b[field]);
}
