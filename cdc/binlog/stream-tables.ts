/**
 * The tables as the stream names them: table ids of TableMap events bound to what reads their rows.
 */
import type { TableMapEvent } from './binlog-event.ts';
import { ByteReader, Undecodable } from './byte-reader.ts';
import { bindTable } from './table-columns.ts';
import type { DecodeOptions, TableBinding } from './table-columns.ts';
import { readTableMap, readTableName } from './table-map.ts';
import { mappedTable } from '../mapping/table-mapping.ts';
import type { TableMapping } from '../mapping/table-mapping.ts';

interface Announced {
  /** The event's body: a TableMap precedes every statement, and most often it is the one before over again. */
  readonly body: Buffer;
  /** Null for tables that are not mapped. */
  readonly binding: TableBinding | null;
}

/**
 * Table ids live as long as the server caches a table. So many are remembered, and as many before them: no statement
 * touches that many tables.
 */
const TABLES_MAX = 1000;

/** Table ids of row events without a table: they only end a statement. */
const NO_TABLE: readonly number[] = [0xff_ffff, 0xffff_ffff, 0xffff_ffff_ffff];

export class StreamTables {
  readonly #mapping: TableMapping;
  readonly #options: DecodeOptions;
  #announced = new Map<number, Announced>();
  #before = new Map<number, Announced>();

  constructor(mapping: TableMapping, options: DecodeOptions) {
    this.#mapping = mapping;
    this.#options = options;
  }

  /**
   * Takes a TableMap.
   *
   * @throws AppError SCHEMA_CHANGED when the table is not as the mapping expects, ROW_UNDECODABLE
   */
  learn({ tableId, body }: TableMapEvent): void {
    const known = this.#announced.get(tableId);
    if (known?.body.length === body.left && body.isNext(known.body)) return;
    const bytes = Buffer.from(body.rest());
    if (this.#announced.size >= TABLES_MAX) {
      this.#before = this.#announced;
      this.#announced = new Map();
    }
    this.#announced.set(tableId, { body: bytes, binding: this.#bind(bytes) });
  }

  /** Null for the rows of tables that are not mapped. @throws AppError ROW_UNDECODABLE for a table never announced */
  bindingOf(tableId: number): TableBinding | null {
    const announced = this.#announced.get(tableId) ?? this.#before.get(tableId);
    if (announced !== undefined) return announced.binding;
    if (NO_TABLE.includes(tableId)) return null;
    throw new Undecodable('has rows of a table that the binlog did not announce');
  }

  #bind(body: Buffer): TableBinding | null {
    const reader = new ByteReader();
    const { database, table } = readTableName(reader.turnTo(body, 0, body.length));
    const isMapped =
      database === this.#mapping.database && mappedTable(this.#mapping, table) !== null;
    if (!isMapped) return null;
    const shape = readTableMap(reader.turnTo(body, 0, body.length), this.#options.flavour);
    return bindTable(this.#mapping, shape, this.#options);
  }
}
