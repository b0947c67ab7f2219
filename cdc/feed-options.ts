/**
 * What a feed is made with, and what it offers.
 */
import type { AuctionReads, Clock, FeedState, Log, Publisher } from '../src/ports.ts';
import type { ConnectionSettings } from './source/connection-settings.ts';
import type { FeedCounters } from './feed-counters.ts';
import type { MappingOverride } from './mapping/mapping-file.ts';
import type { SourceInfo } from './source/source-info.ts';

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
  /** Bytes of committed transactions that may wait to be translated; default 64 MiB. */
  readonly queueBytesMax?: number;
  /** Display names kept; default 100,000. */
  readonly nameCacheMax?: number;
  readonly onPositionLost: 'resync' | 'halt';
  /** Where the checkpoint is kept; null or absent: nowhere, and every start is a cold one. */
  readonly checkpointFile?: string | null;
  /** Milliseconds of history that a start fills again before it opens; 0 or absent: none. */
  readonly historyMs?: number;
  /** Row changes that are held for it at most; default 200,000. */
  readonly historyRefillChangesMax?: number;
  /** Milliseconds between comparisons of the book with the tables; 0: never. Default 15 minutes. */
  readonly driftEveryMs?: number;
  /** Milliseconds between the two looks at a difference; default 12,000. */
  readonly driftConfirmAfterMs?: number;
  /** Milliseconds past its end after which an active auction is reported; default 180,000. */
  readonly overdueAfterMs?: number;
  /** Milliseconds between questions whether the source's own replication runs; 0: never. Default 5,000. */
  readonly replicationEveryMs?: number;
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
  counters(): FeedCounters;
}

export interface FeedDeps {
  readonly log: Log;
  readonly now: Clock;
  /** From 0 inclusive to 1 exclusive; default `Math.random`. Spreads reconnects. */
  readonly random?: () => number;
}
