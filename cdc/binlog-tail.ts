/**
 * One connection's life: from a position to the end of the connection, as committed transactions.
 */
import { AppError } from '../src/errors.ts';
import type { Zone } from '../src/auction/zone.ts';
import type { Clock, Log } from '../src/ports.ts';
import type { BinlogPosition, SourcePosition } from './source-position.ts';
import type { TableMapping } from './table-mapping.ts';
import type { TailedTransaction } from './tailed-transaction.ts';

export type Flavour = 'mysql' | 'mariadb';

/** How to reach the database. `socketPath` wins over host and port. */
export interface ConnectionSettings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly socketPath?: string;
  /** TLS; absent: none. `verifyIdentity` also checks the name in the certificate. */
  readonly ssl?: {
    readonly ca?: string;
    readonly rejectUnauthorized: boolean;
    readonly verifyIdentity: boolean;
  };
  /** Milliseconds to connect and to get the stream going. */
  readonly connectTimeoutMs: number;
}

export interface TailOptions {
  readonly connection: ConnectionSettings;
  readonly flavour: Flavour;
  /** Unique among the server's replicas; 1 to 4294967295. */
  readonly serverId: number;
  readonly mapping: TableMapping;
  /** Zone of the DATETIME columns. */
  readonly zone: Zone;
  /** Milliseconds between the server's heartbeats on an idle stream. Three silent periods end the connection. */
  readonly heartbeatPeriodMs: number;
  /** Reading pauses when committed transactions not yet taken hold more than this (estimated bytes). */
  readonly queueBytesMax: number;
}

/** Counters of one tail since it was made; for metrics. */
export interface TailCounters {
  /** Statements of STATEMENT format that name a mapped table: writes the stream cannot show. */
  readonly statementWrites: number;
  /** Row changes of mapped tables decoded, dropped ones included. */
  readonly rowChanges: number;
  /** Packets received, heartbeats included. */
  readonly packets: number;
}

export class BinlogTail {
  readonly #options: TailOptions;
  readonly #deps: { readonly log: Log; readonly now: Clock };
  #packetAtMs = 0;
  #seen: BinlogPosition | null = null;

  constructor(options: TailOptions, deps: { readonly log: Log; readonly now: Clock }) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Epoch ms of the last packet (heartbeats included); 0 before the first. */
  get packetAtMs(): number {
    return this.#packetAtMs;
  }

  /**
   * How far the server says the stream is: heartbeats, rotations, events of any table. Everything of ours up to here
   * is already handed on or waiting in the queue ahead of later calls of `next()`.
   */
  get seen(): BinlogPosition | null {
    return this.#seen;
  }

  get counters(): TailCounters {
    return { statementWrites: 0, rowChanges: 0, packets: 0 };
  }

  /**
   * One connection's life. Returns when `signal` aborts; else ends by throwing, after what was committed before the
   * failure has been yielded.
   *
   * @throws AppError SOURCE_UNREACHABLE, SOURCE_DISCONNECTED, SOURCE_SILENT, SOURCE_ACCESS_DENIED, SERVER_ID_CONFLICT,
   *   BINLOG_POSITION_LOST, ROW_UNDECODABLE, SCHEMA_CHANGED, SOURCE_UNSUITABLE
   */
  async *transactions(from: SourcePosition, signal: AbortSignal): AsyncGenerator<TailedTransaction> {
    await Promise.resolve();
    if (signal.aborted) return;
    throw new AppError('SOURCE_UNREACHABLE', `not connected to ${this.#options.connection.host} ${from.binlog.file} ${this.#deps.now()}`);
    yield await Promise.reject<TailedTransaction>(new Error('unreachable'));
  }
}
