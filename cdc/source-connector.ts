/**
 * From settings to a source that is ready to be tailed: preflight before each connection, because the server behind an
 * address may be another one, or have other settings and tables, than it had before.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../src/errors.ts';
import type { Clock, Log } from '../src/ports.ts';
import { BinlogTail } from './binlog/binlog-tail.ts';
import type { TailCounters } from './binlog/binlog-tail.ts';
import { linesOf } from './checks/check.ts';
import type { ConnectionSettings } from './source/connection-settings.ts';
import type { DatabasePool } from './source/database-pool.ts';
import type { MappingOverride } from './mapping/mapping-file.ts';
import { preflight } from './checks/preflight.ts';
import { RowReader } from './tables/row-reader.ts';
import type { SourceInfo } from './source/source-info.ts';
import type { BinlogPosition, SourcePosition } from './source/source-position.ts';
import { positionFault } from './source/source-status.ts';
import { StreamGuard } from './binlog/stream-guard.ts';

export interface ConnectorOptions {
  readonly connection: ConnectionSettings;
  readonly database: string;
  readonly mappingFile: MappingOverride | null;
  readonly zone: string | null;
  readonly serverId: number | null;
  readonly heartbeatPeriodMs?: number;
  readonly queueBytesMax?: number;
}

/** What a connection works with. Rows and tail are those of the last one where mapping and zone did not change. */
export interface ConnectedSource {
  readonly source: SourceInfo;
  readonly rows: RowReader;
  readonly tail: BinlogTail;
  /** Looks after the tail's streams. */
  readonly guard: StreamGuard;
  /** What was connected before; null the first time. */
  readonly before: SourceInfo | null;
}

/** How often, and how far apart, a mapped table that is missing after a change is looked for again. */
const MISSING_ATTEMPTS_MAX = 10;
const MISSING_RETRY_MS = 500;
const HEARTBEAT_PERIOD_MS = 1_000;
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

export class SourceConnector {
  readonly #pool: DatabasePool;
  readonly #options: ConnectorOptions;
  readonly #deps: { readonly log: Log; readonly now: Clock };
  readonly #guard: StreamGuard;
  #source: SourceInfo | null = null;
  #rows: RowReader | null = null;
  /** Kept across connections: it remembers XA transactions that were prepared and not yet decided. */
  #tail: BinlogTail | null = null;
  #serverId: number | null = null;
  /** Of tails that were given up. */
  #counted: TailCounters = { statementWrites: 0, rowChanges: 0, packets: 0 };

  constructor(
    pool: DatabasePool,
    options: ConnectorOptions,
    deps: { readonly log: Log; readonly now: Clock },
  ) {
    this.#pool = pool;
    this.#guard = new StreamGuard(pool);
    this.#options = options;
    this.#deps = deps;
  }

  get heartbeatPeriodMs(): number {
    return this.#options.heartbeatPeriodMs ?? HEARTBEAT_PERIOD_MS;
  }

  /** Epoch ms of the stream's last packet; 0 before the first. */
  get packetAtMs(): number {
    return this.#tail?.packetAtMs ?? 0;
  }

  /** See `BinlogTail.seen`; null before the first connection. */
  get seen(): BinlogPosition | null {
    return this.#tail?.seen ?? null;
  }

  /** Of all tails so far. */
  get counters(): TailCounters {
    const tail = this.#tail?.counters;
    if (tail === undefined) return this.#counted;
    return {
      statementWrites: this.#counted.statementWrites + tail.statementWrites,
      rowChanges: this.#counted.rowChanges + tail.rowChanges,
      packets: this.#counted.packets + tail.packets,
    };
  }

  /** What was connected last; null before the first connection. */
  get source(): SourceInfo | null {
    return this.#source;
  }

  /** Estimated bytes of committed transactions that wait to be translated. */
  get queuedBytes(): number {
    return this.#tail?.queuedBytes ?? 0;
  }

  /** How to read the tables. @throws AppError SOURCE_UNREACHABLE before the first connection */
  get rows(): RowReader {
    if (this.#rows !== null) return this.#rows;
    throw new AppError('SOURCE_UNREACHABLE', 'the source was not reached yet');
  }

  /** Takes another derived server id next time. */
  forgetServerId(): void {
    this.#serverId = null;
  }

  /** What the tail holds belongs to a history that is given up. */
  forgetTail(): void {
    this.#counted = this.counters;
    this.#tail = null;
  }

  /**
   * Preflight, and what follows from it.
   *
   * @param options.goesOn the stream continues from a position: rows there were written to the tables as they were then,
   *   so the mapping stays what it was until the stream itself brings the statement that altered them
   * @throws AppError with every problem in its message, a line each: the first time SOURCE_UNREACHABLE,
   *   SOURCE_UNSUITABLE or MAPPING_INVALID; later also SOURCE_ACCESS_DENIED and SCHEMA_CHANGED
   */
  async connect({ goesOn }: { readonly goesOn: boolean }): Promise<ConnectedSource> {
    const found = await this.#inspect();
    const before = this.#source;
    const source = goesOn && before !== null ? this.#asItWas(found, before) : found;
    const isSame =
      before !== null && before.zoneName === source.zoneName && isSameMapping(before, source);
    if (!isSame || this.#rows === null) this.#rows = new RowReader(source.mapping, source.zone);
    if (!isSame || before.flavour !== source.flavour || before.serverId !== source.serverId) {
      this.forgetTail();
    }
    this.#tail ??= this.#makeTail(source);
    this.#source = source;
    this.#serverId = source.serverId;
    return { source, rows: this.#rows, tail: this.#tail, guard: this.#guard, before };
  }

  /** @throws AppError BINLOG_POSITION_LOST when the server cannot go on from there */
  async checkPosition(connected: ConnectedSource, position: SourcePosition): Promise<void> {
    const { source, before } = connected;
    if (before !== null && before.flavour !== source.flavour) {
      throw new AppError('BINLOG_POSITION_LOST', `the server is ${source.flavour} now`);
    }
    if (!source.gtid && before !== null && before.identity !== source.identity) {
      const text = 'another server answers, and file positions are each server’s own';
      throw new AppError('BINLOG_POSITION_LOST', text);
    }
    const { flavour, gtid } = source;
    const isSame = before === null || before.identity === source.identity;
    const fault = await positionFault(this.#pool, { flavour, gtid, isSame }, position);
    if (fault !== null) throw new AppError('BINLOG_POSITION_LOST', fault);
  }

  /** The source as found now, with the mapping of before where a table was altered ahead of the stream. */
  #asItWas(found: SourceInfo, before: SourceInfo): SourceInfo {
    if (found.flavour !== before.flavour || isSameMapping(before, found)) return found;
    const text =
      'a mapped table was altered ahead of our position: its definition holds until the stream gets there';
    this.#deps.log.warn({ text }, 'schema changes ahead');
    return { ...found, mapping: before.mapping };
  }

  async #inspect(): Promise<SourceInfo> {
    const result = await this.#preflightInTime();
    const isFirst = this.#source === null;
    if (result.ok) {
      const warnings = isFirst ? linesOf(result.checks, 'warning') : [];
      for (const text of warnings) this.#deps.log.warn({ text }, 'preflight warning');
      return result.source;
    }
    const text = linesOf(result.checks, 'problem').join('\n');
    // What an account lacks at the very start somebody must grant; what it is denied later is waited for.
    if (isFirst && result.code === 'SOURCE_ACCESS_DENIED')
      throw new AppError('SOURCE_UNSUITABLE', text);
    if (!isFirst && result.code === 'MAPPING_INVALID') throw new AppError('SCHEMA_CHANGED', text);
    throw new AppError(result.code, text);
  }

  /** Preflight; a table or column that is missing later on gets a moment to come back, as between DROP and CREATE. */
  async #preflightInTime(): ReturnType<typeof preflight> {
    const { connection, database, mappingFile, zone, serverId } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const result = await preflight(
        {
          pool: this.#pool,
          connection,
          database,
          mappingFile,
          zone,
          serverId,
          knownServerId: this.#serverId,
        },
        this.#deps,
      );
      const mayComeBack = this.#source !== null && !result.ok && result.code === 'MAPPING_INVALID';
      if (!mayComeBack || attempt === MISSING_ATTEMPTS_MAX) return result;
      await delay(MISSING_RETRY_MS);
    }
  }

  #makeTail(source: SourceInfo): BinlogTail {
    const { connection, queueBytesMax = QUEUE_BYTES_MAX } = this.#options;
    const { flavour, serverId, mapping, zone } = source;
    const { heartbeatPeriodMs } = this;
    return new BinlogTail(
      { connection, flavour, serverId, mapping, zone, heartbeatPeriodMs, queueBytesMax },
      this.#deps,
    );
  }
}

function isSameMapping(a: SourceInfo, b: SourceInfo): boolean {
  const text = (source: SourceInfo): string =>
    JSON.stringify(source.mapping, (_, value: unknown) =>
      value instanceof Map || value instanceof Set ? [...value] : value,
    );
  return text(a) === text(b);
}
