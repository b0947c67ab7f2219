/**
 * One connection to the server's binlog through zongji: opened at a position, closed once. zongji logs in, agrees with the
 * server on what to send and asks for the dump. Around it is put what a long-lived tail needs: heartbeats, events of our own
 * making, one outcome for all errors, pausing, and an end that is bounded even when the server is frozen.
 */
import ZongJi from '@vlasky/zongji';
import type { ZongJiOptions } from '@vlasky/zongji';
import { AppError } from '../../src/errors.ts';
import type { BinlogEvent } from './binlog-event.ts';
import type { ConnectionSettings, Flavour } from '../source/connection-settings.ts';
import { destroySocket } from '../source/vendor-connection.ts';
import { DumpPackets } from './dump-packets.ts';
import { claimServerId } from '../source/server-id-claim.ts';
import type { ServerIdClaim } from '../source/server-id-claim.ts';
import type { SourcePosition } from '../source/source-position.ts';
import { classifySourceError } from '../source/vendor-errors.ts';

export interface BinlogConnectionOptions {
  readonly connection: ConnectionSettings;
  readonly flavour: Flavour;
  readonly serverId: number;
  readonly heartbeatPeriodMs: number;
  /** Kept from one connection to the next. */
  readonly claim: ServerIdClaim;
}

export interface BinlogConnectionListener {
  /** A packet of the dump came; called before the event in it. */
  onPacket(): void;
  /** An event that concerns us. It is good until this returns. */
  onEvent(event: BinlogEvent): void;
  /** Called once at most; nothing comes after it. */
  onFailure(error: AppError): void;
}

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
    zongji.on('ready', () => {
      this.#guard(() => {
        this.#prepareDump();
      });
    });
    this.#guard(() => {
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
    const { serverId, flavour } = this.#options;
    const { gtidSet, binlog } = from;
    if (gtidSet === null) return { serverId, filename: binlog.file, position: binlog.offset };
    if (gtidSet !== '' && gtidSet.includes(':') !== (flavour === 'mysql')) {
      throw new AppError('BINLOG_POSITION_LOST', 'the position is one of the other kind of server');
    }
    return { serverId, gtidSet };
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
    this.#packets = new DumpPackets(
      { connection, isDump: dumpCommandTest(zongji) },
      {
        onPacket: () => {
          this.#isStreaming = true;
          this.#listener.onPacket();
        },
        onEvent: (event) => {
          if (!this.#hasFailed) this.#listener.onEvent(event);
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

/** mysql2's options. */
function driverOptions(settings: ConnectionSettings): ConstructorParameters<typeof ZongJi>[0] {
  const { host, port, user, password, socketPath, ssl, connectTimeoutMs } = settings;
  return {
    user,
    password,
    ...(socketPath === undefined ? { host, port } : { socketPath }),
    ...(ssl === undefined ? {} : { ssl: { ...ssl } }),
    connectTimeout: connectTimeoutMs,
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
