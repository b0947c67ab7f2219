/**
 * One connection to the server's binlog through zongji: opened at a position, closed once. Around zongji it puts what a
 * long-lived tail needs: heartbeats, one outcome for all errors, pausing, table columns without a query, and an end
 * that is bounded even when the server is frozen.
 */
import ZongJi from '@vlasky/zongji';
import type { AnyBinlogEvent, TableMapEvent, ZongJiOptions } from '@vlasky/zongji';
import { AppError } from '../src/errors.ts';
import type { ConnectionSettings, Flavour } from './connection-settings.ts';
import { DumpPackets, destroySocket } from './dump-packets.ts';
import { claimServerId } from './server-id-claim.ts';
import type { ServerIdClaim } from './server-id-claim.ts';
import type { SourcePosition } from './source-position.ts';
import { columnSchemas, mappedTable, mappedTableNames } from './table-columns.ts';
import type { TableMapping } from './table-mapping.ts';
import { classifySourceError } from './vendor-errors.ts';

export interface BinlogConnectionOptions {
  readonly connection: ConnectionSettings;
  readonly flavour: Flavour;
  readonly serverId: number;
  readonly mapping: TableMapping;
  readonly heartbeatPeriodMs: number;
  /** Kept from one connection to the next. */
  readonly claim: ServerIdClaim;
}

export interface BinlogConnectionListener {
  /** A packet of the dump came; called before the event in it. */
  onPacket(): void;
  onEvent(event: AnyBinlogEvent): void;
  onLoadStatement(sql: string, database: string): void;
  /** Called once at most; nothing comes after it. */
  onFailure(error: AppError): void;
}

/** Everything else that zongji can name is of no use here, and parsing it costs. */
const INCLUDED_EVENTS = [
  'tablemap',
  'writerows',
  'updaterows',
  'deleterows',
  'query',
  'xid',
  'gtid',
  'anonymousgtid',
  'mariadbgtid',
  'xaprepare',
  'rotate',
  'heartbeat',
];

/** Seconds the server waits for a reader that paused; a frozen one is not for ever. */
const NET_WRITE_TIMEOUT_S = 3600;
/** Seconds the side connection may idle: the greatest value that every platform takes. */
const SIDE_WAIT_TIMEOUT_S = 2_147_483;
/** zongji waits one second for its KILL; this is for the day it does not come back. */
const CLOSE_TIMEOUT_MS = 2_000;

export class BinlogConnection {
  readonly #options: BinlogConnectionOptions;
  readonly #listener: BinlogConnectionListener;
  readonly #zongji: ZongJi;
  #packets: DumpPackets | null = null;
  #isStreaming = false;
  #hasFailed = false;
  #closing: Promise<void> | null = null;

  constructor(options: BinlogConnectionOptions, listener: BinlogConnectionListener) {
    this.#options = options;
    this.#listener = listener;
    this.#zongji = new ZongJi(driverOptions(options.connection));
  }

  /** Connects and starts the dump. Returns at once: what follows comes to the listener. */
  open(from: SourcePosition): void {
    const zongji = this.#zongji;
    zongji.on('error', (error: Error) => {
      const fallback = this.#packets === null ? 'SOURCE_UNREACHABLE' : 'SOURCE_DISCONNECTED';
      this.#fail(classifySourceError(error, fallback));
    });
    zongji.on('binlog', (event: AnyBinlogEvent) => {
      if (!this.#hasFailed)
        this.#guard(() => {
          this.#listener.onEvent(event);
        });
    });
    zongji.on('ready', () => {
      this.#guard(() => {
        this.#prepareDump();
      });
    });
    this.#guard(() => {
      provideColumns(zongji, this.#options.mapping);
      zongji.start(this.#startOptions(from));
    });
  }

  /** Bytes received, also of a great packet that is still coming; 0 until the dump's first packet. */
  get bytesRead(): number {
    return this.#isStreaming ? (this.#packets?.bytesRead ?? 0) : 0;
  }

  /** True while it is we who do not read, so that silence means nothing. */
  get isPaused(): boolean {
    return this.#packets?.isPaused ?? false;
  }

  pause(): void {
    this.#packets?.pause();
  }

  resume(): void {
    this.#packets?.resume();
  }

  /** Ends the dump on the server and destroys both sockets. Idempotent; resolves within some two seconds. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #close(): Promise<void> {
    this.#hasFailed = true;
    this.#packets?.close();
    const zongji = this.#zongji;
    const sockets = [zongji.connection, zongji.ctrlConnection];
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        for (const socket of sockets) if (socket !== null) destroySocket(socket);
        zongji.removeAllListeners();
        // An error that comes later concerns nobody, and must not end the process.
        zongji.on('error', () => undefined);
        resolve();
      };
      const timer = setTimeout(finish, CLOSE_TIMEOUT_MS);
      zongji.once('stopped', finish);
      zongji.stop();
    });
  }

  #startOptions(from: SourcePosition): ZongJiOptions {
    const { serverId, mapping, flavour } = this.#options;
    const shared = {
      serverId,
      includeEvents: INCLUDED_EVENTS,
      includeSchema: { [mapping.database]: mappedTableNames(mapping) },
    };
    const { gtidSet, binlog } = from;
    if (gtidSet === null) return { ...shared, filename: binlog.file, position: binlog.offset };
    if (gtidSet !== '' && gtidSet.includes(':') !== (flavour === 'mysql')) {
      throw new AppError('BINLOG_POSITION_LOST', 'the position is one of the other kind of server');
    }
    return { ...shared, gtidSet };
  }

  /** On `ready`: the connections stand, the dump command comes next on the binlog connection. */
  #prepareDump(): void {
    const zongji = this.#zongji;
    const { connection, ctrlConnection } = zongji;
    if (connection === null || ctrlConnection === null) return;
    if (zongji.isMariaDb !== (this.#options.flavour === 'mariadb')) {
      throw new AppError('BINLOG_POSITION_LOST', 'the server is of the other kind than before');
    }
    const periodNs = String(this.#options.heartbeatPeriodMs * 1_000_000);
    const uuid = uuidOf(this.#options.serverId);
    const onResult = (error: Error | null): void => {
      if (error !== null) this.#fail(classifySourceError(error, 'SOURCE_DISCONNECTED'));
    };
    // Both spellings of each: servers know one or the other, and take the unknown for a variable of our own.
    connection.query(
      `SET @master_heartbeat_period=${periodNs}, @source_heartbeat_period=${periodNs},` +
        ` @slave_uuid='${uuid}', @replica_uuid='${uuid}',` +
        // Files of both kinds come as they are; their format events say which kind.
        ` @master_binlog_checksum='CRC32', @source_binlog_checksum='CRC32',` +
        ` SESSION net_write_timeout=${NET_WRITE_TIMEOUT_S.toString()}`,
      onResult,
    );
    claimServerId(connection, this.#options, (error) => {
      this.#fail(error);
      // Now, before the driver turns to the dump command.
      destroySocket(connection);
    });
    ctrlConnection.query(`SET SESSION wait_timeout=${SIDE_WAIT_TIMEOUT_S.toString()}`, onResult);
    dropOwnAccount(zongji);
    const isDump = dumpCommandTest(zongji);
    this.#packets = new DumpPackets(
      { connection, isDump, useChecksum: zongji.useChecksum },
      {
        onPacket: () => {
          this.#isStreaming = true;
          this.#listener.onPacket();
        },
        onLoadStatement: (sql, database) => {
          this.#guard(() => {
            this.#listener.onLoadStatement(sql, database);
          });
        },
        onFailure: (error) => {
          this.#fail(error);
        },
      },
    );
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(classifySourceError(error, 'ROW_UNDECODABLE'));
    }
  }

  #fail(error: AppError): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    // Read no more, but leave the socket to `close()`: what was committed before is still to be taken.
    this.#packets?.pause();
    this.#packets?.close();
    this.#listener.onFailure(error);
  }
}

/** mysql2's options. Dates as text and in UTC: see the decoder. */
function driverOptions(settings: ConnectionSettings): ConstructorParameters<typeof ZongJi>[0] {
  const { host, port, user, password, socketPath, ssl, connectTimeoutMs } = settings;
  return {
    user,
    password,
    ...(socketPath === undefined ? { host, port } : { socketPath }),
    ...(ssl === undefined ? {} : { ssl: { ...ssl } }),
    connectTimeout: connectTimeoutMs,
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    charset: 'utf8mb4',
  };
}

/**
 * A uuid made of our server id: replication tools on the server show it, and a second reader with the same server id is
 * refused by it as it would be without.
 */
function uuidOf(serverId: number): string {
  return `67617665-6c63-4173-8000-0000${serverId.toString(16).padStart(8, '0')}`;
}

/**
 * Lets zongji take a table's columns from the mapping instead of asking INFORMATION_SCHEMA, whose answer is of now and
 * not of when the row was written. Every TableMap is compared with the same definition (`bindTable`). Replaces one
 * method of zongji that its types do not name: hence the cast.
 */
function provideColumns(zongji: ZongJi, mapping: TableMapping): void {
  const inside = zongji as unknown as {
    _fetchTableInfo?: (event: TableMapEvent, next: () => void) => void;
  };
  if (typeof inside._fetchTableInfo !== 'function') {
    throw new Error('this version of zongji is not supported: it fetches columns in another way');
  }
  inside._fetchTableInfo = (event, next) => {
    const mapped = mappedTable(mapping, event.tableName);
    const schemas = mapped === null ? [] : columnSchemas(mapped.definition);
    // Shorter than the event would stop zongji before the comparison can name the column.
    while (schemas.length < event.columnCount) schemas.push(unknownColumn(schemas.length));
    zongji.tableMap[event.tableId] = {
      columnSchemas: schemas,
      parentSchema: event.schemaName,
      tableName: event.tableName,
      columns: [],
    };
    next();
  };
}

function unknownColumn(ordinal: number): ReturnType<typeof columnSchemas>[number] {
  return {
    COLUMN_NAME: `\u0000${ordinal.toString()}`,
    COLLATION_NAME: null,
    CHARACTER_SET_NAME: null,
    COLUMN_COMMENT: '',
    COLUMN_TYPE: '',
  };
}

/** Stops zongji's account of executed GTIDs, which nobody reads: ours is `gtidAccount`. The dump has its start by then. */
function dropOwnAccount(zongji: ZongJi): void {
  const inside = zongji as unknown as { _executedGtids?: unknown };
  if ('_executedGtids' in inside) inside._executedGtids = null;
}

/** Tells the dump command by the class that zongji makes for it; its types do not name that either. */
function dumpCommandTest(zongji: ZongJi): (command: unknown) => boolean {
  const { BinlogClass } = zongji as unknown as { readonly BinlogClass?: unknown };
  if (typeof BinlogClass !== 'function') {
    throw new Error('this version of zongji is not supported: its dump command has changed');
  }
  let dump: unknown = null;
  return (command) => {
    // Asked for every packet: the class is looked at once.
    if (command !== dump && command instanceof BinlogClass) dump = command;
    return command === dump && dump !== null;
  };
}
