/**
 * The database side as one service: preflight, snapshot, stream, and the reconnecting between them.
 */
import type { AuctionReads, Clock, FeedState, Log, Publisher } from '../src/ports.ts';
import type { ConnectionSettings } from './binlog-tail.ts';
import type { MappingOverride } from './mapping-file.ts';
import type { SourceInfo } from './source-info.ts';

export interface FeedOptions {
  readonly connection: ConnectionSettings;
  readonly database: string;
  /** The parsed mapping file; null: everything is detected. */
  readonly mappingFile: MappingOverride | null;
  /** IANA name or offset of the DATETIME columns; null: the server's own. */
  readonly zone: string | null;
  /** 1 to 4294967295; null: derived, and checked to be free. */
  readonly serverId: number | null;
  /** Milliseconds between the server's heartbeats; default 1000. */
  readonly heartbeatPeriodMs?: number;
  /** Bytes of committed transactions that may wait undecoded work; default 64 MiB. */
  readonly queueBytesMax?: number;
  /** Display names kept; default 100,000. */
  readonly nameCacheMax?: number;
  readonly onPositionLost: 'resync' | 'halt';
}

export interface Feed extends AuctionReads {
  /**
   * Preflight, snapshot, stream. Resolves when the first stream is live. An unreachable source is tried for ever.
   *
   * @throws AppError when an operator must mend something first: SOURCE_UNSUITABLE, MAPPING_INVALID
   */
  start(publisher: Publisher): Promise<SourceInfo>;
  /** Idempotent; resolves within some seconds, with every connection and timer gone. */
  stop(): Promise<void>;
  /** Called on each change of state, the first one included. */
  onState(listener: (state: FeedState) => void): void;
  /** Database clock minus ours, in milliseconds; refreshed every 10 minutes. */
  clockOffsetMs(): number;
}

export interface FeedDeps {
  readonly log: Log;
  readonly now: Clock;
}
