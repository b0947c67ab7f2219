/**
 * Bytes of the binlog → events, as far as they concern us. Pure but for a memory of the last GTID's source.
 *
 * Layouts: MySQL `libs/mysql/binlog/event/*_events.h`, MariaDB `sql/log_event.h`. An event of a kind that is not known is
 * passed over only where the server says that it may be (`LOG_EVENT_IGNORABLE_F`): it might have held our rows.
 */
import { AppError } from '../../src/errors.ts';
import { ByteReader, Undecodable } from './byte-reader.ts';
import { inflateEnvelope } from './compressed-value.ts';
import { GtidReader } from './gtid-event.ts';
import { xidOf } from './logged-statement.ts';

/** Bytes of every event's common header. */
export const EVENT_HEADER_BYTES = 19;

/** Where things stand in the common header. */
export const TYPE_AT = 4;
export const LENGTH_AT = 9;
const SERVER_ID_AT = 5;
export const POSITION_AT = 13;
const FLAGS_AT = 17;
const FLAG_IGNORABLE = 0x80;

/** Types that the way to here must know too. */
export const EVENT_TYPES = { rotate: 4, format: 15, heartbeat: 27, payload: 40 } as const;

/** What an event's place and time are to whoever takes it for the end of a transaction. */
export interface EventPlace {
  /** Epoch ms (whole seconds) at which the source wrote it. */
  readonly timestampMs: number;
  /** End of the event in its file; 0 inside transactions of some servers. */
  readonly endOffset: number;
}

export type RowsKind = 'insert' | 'update' | 'delete';

/** Rows of one table. */
export interface RowsEvent {
  readonly kind: 'rows';
  readonly change: RowsKind;
  readonly tableId: number;
  readonly timestampMs: number;
  /** The number of columns, the presence bitmaps, the row images. Good until the next event. */
  readonly body: ByteReader;
  /** The row images are in MariaDB's envelope (`log_bin_compress`). */
  readonly isCompressed: boolean;
}

/** Names a table and tells what its columns are like, ahead of its rows. */
export interface TableMapEvent {
  readonly kind: 'tableMap';
  readonly tableId: number;
  /** All after the table id. Good until the next event. */
  readonly body: ByteReader;
}

export type BinlogEvent =
  | RowsEvent
  | TableMapEvent
  /** `opens`: rows may follow at once. `writer`: `server_id` of the server that committed it first. */
  | {
      readonly kind: 'gtid';
      readonly gtid: string | null;
      readonly opens: boolean;
      readonly writer: number;
    }
  | ({ readonly kind: 'query'; readonly sql: string; readonly database: string } & EventPlace)
  /** Text of a LOAD DATA in statement format. */
  | { readonly kind: 'load'; readonly sql: string; readonly database: string }
  | ({ readonly kind: 'xid' } & EventPlace)
  | ({ readonly kind: 'xaPrepare'; readonly xid: string; readonly onePhase: boolean } & EventPlace)
  | {
      readonly kind: 'rotate';
      readonly file: string;
      readonly offset: number;
      readonly timestampMs: number;
    }
  | { readonly kind: 'heartbeat'; readonly file: string; readonly offset: number };

/** Where an event's bytes are. */
export interface EventBytes {
  readonly bytes: Buffer;
  /** The first byte of the common header. */
  readonly at: number;
  /** The end, checksum excluded. */
  readonly end: number;
  /** End of the event in its file where its own header does not tell (inside a compressed transaction), else null. */
  readonly endOffset: number | null;
}

/**
 * Events that say nothing of rows or commits: Stop, IntVar, AppendBlock, DeleteFile, Rand, UserVar, Format, BeginLoadQuery,
 * Ignorable, RowsQuery, PreviousGtids, TransactionContext, ViewChange; MariaDB's Annotate, Checkpoint, GtidList,
 * StartEncryption.
 */
const ASIDE = new Set([3, 5, 9, 11, 13, 14, 15, 17, 28, 29, 35, 36, 37, 160, 161, 163, 164]);

/** Types of row events come in threes. */
const ROWS_V1_FIRST = 23;
const ROWS_V2_FIRST = 30;
const ROWS_COMPRESSED_V1_FIRST = 166;
const ROWS_COMPRESSED_FIRST = 169;
const ROWS_KINDS = ['insert', 'update', 'delete'] as const;

export class EventReader {
  readonly #body = new ByteReader();
  readonly #gtids = new GtidReader();

  /**
   * @returns null for an event that does not concern us
   * @throws AppError ROW_UNDECODABLE, BINLOG_POSITION_LOST (an incident)
   */
  read(event: EventBytes): BinlogEvent | null {
    const { bytes, at, end } = event;
    if (end - at < EVENT_HEADER_BYTES || end > bytes.length) throw new Undecodable('is cut off');
    const type = bytes[at + TYPE_AT] ?? 0;
    const body = this.#body.turnTo(bytes, at + EVENT_HEADER_BYTES, end);
    // By how often they come.
    switch (type) {
      case 19:
        return { kind: 'tableMap', tableId: body.u48(), body };
      case 30:
      case 31:
      case 32:
        return rowsEvent(event, { change: ROWS_KINDS[type - ROWS_V2_FIRST], version: 2, body });
      case 23:
      case 24:
      case 25:
        return rowsEvent(event, { change: ROWS_KINDS[type - ROWS_V1_FIRST], version: 1, body });
      case 16:
        return { kind: 'xid', ...placeOf(event) };
      case 162: {
        const writer = writerOf(event);
        return { kind: 'gtid', ...this.#gtids.mariadb(body, writer), writer };
      }
      case 33:
        return {
          kind: 'gtid',
          gtid: this.#gtids.mysql(body),
          opens: false,
          writer: writerOf(event),
        };
      case 2:
        return { kind: 'query', ...queryText(body, false), ...placeOf(event) };
      default:
        return this.#readRare(type, event);
    }
  }

  #readRare(type: number, event: EventBytes): BinlogEvent | null {
    const body = this.#body;
    switch (type) {
      case 34:
        return { kind: 'gtid', gtid: null, opens: false, writer: writerOf(event) };
      case 42:
        return {
          kind: 'gtid',
          gtid: this.#gtids.tagged(body),
          opens: false,
          writer: writerOf(event),
        };
      case 165:
        return { kind: 'query', ...queryText(body, true), ...placeOf(event) };
      case 166:
      case 167:
      case 168: {
        const change = ROWS_KINDS[type - ROWS_COMPRESSED_V1_FIRST];
        return rowsEvent(event, { change, version: 1, body, isCompressed: true });
      }
      case 169:
      case 170:
      case 171: {
        const change = ROWS_KINDS[type - ROWS_COMPRESSED_FIRST];
        return rowsEvent(event, { change, version: 2, body, isCompressed: true });
      }
      case 38:
        return { kind: 'xaPrepare', ...xaPrepare(body), ...placeOf(event) };
      case EVENT_TYPES.rotate: {
        const { timestampMs } = placeOf(event);
        return {
          kind: 'rotate',
          offset: Number(body.u64()),
          file: body.text(body.left),
          timestampMs,
        };
      }
      case EVENT_TYPES.heartbeat:
        return heartbeat(body, placeOf(event).endOffset);
      case 18:
        return { kind: 'load', ...loadText(body) };
      default:
        return readUnconcerning(type, event);
    }
  }
}

function readUnconcerning(type: number, { bytes, at }: EventBytes): null {
  if (ASIDE.has(type)) return null;
  if (type === 26) {
    throw new AppError(
      'BINLOG_POSITION_LOST',
      'the server reports that its binlog misses events here (an incident event)',
    );
  }
  if (type === 39) {
    throw new AppError(
      'ROW_UNDECODABLE',
      'the server writes partial updates of JSON columns: set binlog_row_value_options to an empty value',
    );
  }
  if ((bytes.readUInt16LE(at + FLAGS_AT) & FLAG_IGNORABLE) !== 0) return null;
  throw new Undecodable(`is of a type that is not known (${type.toString()})`);
}

/** A replica that logs what it applies leaves it in the header as it was. */
function writerOf({ bytes, at }: EventBytes): number {
  return bytes.readUInt32LE(at + SERVER_ID_AT);
}

function placeOf({ bytes, at, endOffset }: EventBytes): EventPlace {
  return {
    timestampMs: bytes.readUInt32LE(at) * 1000,
    endOffset: endOffset ?? bytes.readUInt32LE(at + POSITION_AT),
  };
}

function rowsEvent(
  { bytes, at }: EventBytes,
  {
    change = 'insert',
    version,
    body,
    isCompressed = false,
  }: {
    readonly change: RowsKind | undefined;
    readonly version: 1 | 2;
    readonly body: ByteReader;
    readonly isCompressed?: boolean;
  },
): RowsEvent {
  const tableId = body.u48();
  body.skip(2);
  if (version === 2) {
    // Its length counts itself.
    const extra = body.u16();
    if (extra < 2) throw new Undecodable('has a bad length of its extra data');
    body.skip(extra - 2);
  }
  const timestampMs = bytes.readUInt32LE(at) * 1000;
  return { kind: 'rows', change, tableId, timestampMs, body, isCompressed };
}

function queryText(body: ByteReader, isCompressed: boolean): { sql: string; database: string } {
  body.skip(8);
  const databaseLength = body.u8();
  body.skip(2);
  body.skip(body.u16());
  const database = body.text(databaseLength);
  body.skip(1);
  const sql = isCompressed ? inflateEnvelope(body.rest()).toString('utf8') : body.text(body.left);
  return { sql, database };
}

function loadText(body: ByteReader): { sql: string; database: string } {
  body.skip(8);
  const databaseLength = body.u8();
  body.skip(2);
  const statusLength = body.u16();
  body.skip(13 + statusLength);
  const database = body.text(databaseLength);
  body.skip(1);
  return { sql: body.text(body.left), database };
}

function xaPrepare(body: ByteReader): { xid: string; onePhase: boolean } {
  const onePhase = body.u8() !== 0;
  const formatId = body.u32();
  const gtridLength = body.u32();
  const bqualLength = body.u32();
  const gtrid = body.bytes(gtridLength);
  const bqual = body.bytes(bqualLength);
  return { xid: xidOf({ gtrid, bqual, formatId }), onePhase };
}

/** MariaDB puts a position past 4 GiB before the name of the file, and 0 into the header. */
function heartbeat(body: ByteReader, endOffset: number): BinlogEvent {
  // A name of a file has no zero byte; eight bytes of position do.
  const isLong = endOffset === 0 && body.left > 8 && body.peek(7) === 0;
  const offset = isLong ? Number(body.u64()) : endOffset;
  return { kind: 'heartbeat', offset, file: body.text(body.left) };
}
