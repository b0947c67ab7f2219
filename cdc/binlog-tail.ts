/**
 * One connection's life: from a position to the end of the connection, as committed transactions.
 *
 * Events come pushed and transactions are pulled. In between stands a queue bounded in bytes: past the bound the
 * connection stops reading, below half of it reading goes on. A transaction still open cannot be paused away, because
 * nobody can take it before its commit: its kept changes are buffered whatever their number (DESIGN.md's test: 100,000
 * rows), and only changes that may publish something are kept.
 */
import type { AnyBinlogEvent } from '@vlasky/zongji';
import { wallClockToEpochMs } from '../src/auction/zone.ts';
import type { Zone } from '../src/auction/zone.ts';
import type { RowChange } from '../src/auction/row-change.ts';
import { AppError } from '../src/errors.ts';
import type { Clock, Log } from '../src/ports.ts';
import { BinlogConnection } from './binlog-connection.ts';
import type { ConnectionSettings, Flavour } from './connection-settings.ts';
import { gtidAccount } from './gtid-set.ts';
import type { GtidAccount } from './gtid-set.ts';
import { StatementReader, xidOf } from './logged-statement.ts';
import type { LoggedStatement } from './logged-statement.ts';
import { decodeRow } from './row-decoder.ts';
import type { DecodeOptions } from './row-decoder.ts';
import type { ServerIdClaim } from './server-id-claim.ts';
import { SilenceWatch } from './silence-watch.ts';
import { compareBinlogPositions } from './source-position.ts';
import type { BinlogPosition, SourcePosition } from './source-position.ts';
import { StreamTables, rowsOf } from './stream-tables.ts';
import type { RowsOfEvent } from './stream-tables.ts';
import type { TableMapping } from './table-mapping.ts';
import type { TailedTransaction } from './tailed-transaction.ts';
import { HeldTransactions, TransactionGrouper } from './transaction-grouper.ts';
import type { CommittedGroup } from './transaction-grouper.ts';
import { TransactionQueue } from './transaction-queue.ts';
import { isEvent } from './zongji-event.ts';

export type { ConnectionSettings, Flavour } from './connection-settings.ts';

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

/** How a stream is getting on. */
export interface StreamState {
  /** How far the server says that we have been sent its log; null before it said anything. */
  readonly received: BinlogPosition | null;
  readonly bytesRead: number;
  /** True while it is we who do not read. */
  readonly isPaused: boolean;
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

/** XA transactions prepared and not yet decided. */
const HELD_TRANSACTIONS_MAX = 1000;
const HELD_CHANGES_MAX = 200_000;
const STATEMENT_ALARM_EVERY_MS = 60_000;

type Deps = { readonly log: Log; readonly now: Clock };

export class BinlogTail {
  readonly #options: TailOptions;
  readonly #deps: Deps;
  readonly #held = new HeldTransactions({
    transactionsMax: HELD_TRANSACTIONS_MAX,
    changesMax: HELD_CHANGES_MAX,
  });
  readonly #counters = { statementWrites: 0, rowChanges: 0, packets: 0 };
  readonly #alarm: { statementAtMs: number } = { statementAtMs: -Infinity };
  readonly #claim: ServerIdClaim = { connectionId: null };
  #packetAtMs = 0;
  #stream: Stream | null = null;

  constructor(options: TailOptions, deps: Deps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Epoch ms of the last packet (heartbeats included); 0 before the first. */
  get packetAtMs(): number {
    return this.#packetAtMs;
  }

  /**
   * The position up to which everything has been yielded: of the last transaction while some wait, else how far the
   * server says the stream is (heartbeats, rotations, commits of any table). Null before the server said anything.
   */
  get seen(): BinlogPosition | null {
    return this.#stream?.seen ?? null;
  }

  /** Null before the first stream. */
  get stream(): StreamState | null {
    return this.#stream?.state ?? null;
  }

  get counters(): TailCounters {
    return { ...this.#counters };
  }

  /** Estimated bytes of committed transactions that nobody has taken yet. */
  get queuedBytes(): number {
    return this.#stream?.queuedBytes ?? 0;
  }

  /**
   * One connection's life, from `from`. Returns when `signal` aborts; else ends by throwing, after everything that was
   * committed before the failure has been yielded. Sockets, timers and listeners are gone when it has ended, at most
   * some two seconds later even from a frozen server. One call at a time.
   *
   * @throws AppError SOURCE_UNREACHABLE, SOURCE_DISCONNECTED, SOURCE_SILENT, SOURCE_ACCESS_DENIED, SERVER_ID_CONFLICT,
   *   BINLOG_POSITION_LOST, ROW_UNDECODABLE, SCHEMA_CHANGED, SOURCE_UNSUITABLE
   */
  async *transactions(
    from: SourcePosition,
    signal: AbortSignal,
  ): AsyncGenerator<TailedTransaction> {
    if (signal.aborted) return;
    const stream = new Stream(from, {
      ...this.#options,
      ...this.#deps,
      held: this.#held,
      counters: this.#counters,
      alarm: this.#alarm,
      claim: this.#claim,
      onPacket: () => {
        this.#packetAtMs = this.#deps.now();
      },
    });
    this.#stream = stream;
    const onAbort = (): void => {
      stream.abort();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      stream.open();
      for (;;) {
        const next = await stream.next();
        if (next === null) return;
        yield next;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      await stream.close();
    }
  }
}

interface StreamOptions extends TailOptions, Deps {
  readonly held: HeldTransactions;
  readonly counters: { statementWrites: number; rowChanges: number; packets: number };
  readonly alarm: { statementAtMs: number };
  readonly claim: ServerIdClaim;
  onPacket(): void;
}

/** What one call of `transactions` holds. */
class Stream {
  readonly #options: StreamOptions;
  readonly #from: SourcePosition;
  readonly #connection: BinlogConnection;
  readonly #watch: SilenceWatch;
  readonly #queue: TransactionQueue;
  readonly #grouper: TransactionGrouper;
  readonly #tables: StreamTables;
  readonly #statements: StatementReader;
  readonly #decoding: DecodeOptions;
  readonly #account: GtidAccount | null;
  #file: string;
  #streamAt: BinlogPosition | null = null;
  #yieldedAt: BinlogPosition | null = null;
  #committedAtMs: number;
  #failure: AppError | null = null;
  #isAborted = false;

  constructor(from: SourcePosition, options: StreamOptions) {
    this.#options = options;
    this.#from = from;
    this.#file = from.binlog.file;
    this.#committedAtMs = options.now();
    const { mapping, zone } = options;
    this.#account = from.gtidSet === null ? null : gtidAccount(options.flavour, from.gtidSet);
    this.#grouper = new TransactionGrouper(options.held);
    this.#tables = new StreamTables(mapping);
    this.#statements = new StatementReader(mapping);
    this.#decoding = {
      wallClockToEpochMs: (text) => wallClockToEpochMs(text, zone),
      statusWords: mapping.statusWords,
      bannedWords: mapping.bannedWords,
    };
    this.#connection = new BinlogConnection(options, {
      onPacket: () => {
        options.counters.packets += 1;
        options.onPacket();
      },
      onEvent: (event) => {
        this.#onEvent(event);
      },
      onLoadStatement: (sql, database) => {
        this.#onStatement(this.#statements.read(sql, database), this.#committedAtMs, null);
      },
      onFailure: (error) => {
        this.#fail(error);
      },
    });
    this.#queue = new TransactionQueue(options.queueBytesMax, {
      onFull: () => {
        this.#connection.pause();
      },
      onDrained: () => {
        this.#connection.resume();
      },
    });
    this.#watch = new SilenceWatch({
      periodMs: options.heartbeatPeriodMs,
      openingMs: options.connection.connectTimeoutMs,
      bytesRead: () => this.#connection.bytesRead,
      isPaused: () => this.#connection.isPaused,
      onSilence: (reason) => {
        this.#fail(new AppError('SOURCE_SILENT', reason));
      },
    });
  }

  get seen(): BinlogPosition | null {
    return this.#queue.isEmpty ? this.#streamAt : this.#yieldedAt;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  get state(): StreamState {
    const { bytesRead, isPaused } = this.#connection;
    return { received: this.#streamAt, bytesRead, isPaused };
  }

  open(): void {
    this.#watch.start();
    this.#connection.open(this.#from);
  }

  /** The next transaction; null once aborted. @throws AppError the failure, when nothing committed is left */
  async next(): Promise<TailedTransaction | null> {
    for (;;) {
      if (this.#isAborted) return null;
      const transaction = this.#queue.shift();
      if (transaction !== null) {
        this.#yieldedAt = transaction.binlog;
        return transaction;
      }
      if (this.#failure !== null) throw this.#failure;
      await this.#queue.changed();
    }
  }

  abort(): void {
    this.#isAborted = true;
    this.#queue.wake();
  }

  close(): Promise<void> {
    this.#watch.stop();
    return this.#connection.close();
  }

  #fail(error: AppError): void {
    this.#failure ??= error;
    this.#watch.stop();
    this.#queue.wake();
  }

  #onEvent(event: AnyBinlogEvent): void {
    const grouper = this.#grouper;
    const rows = rowsOf(event);
    if (rows !== null) {
      this.#onRows(rows);
      // By how often they come: each test costs.
    } else if (isEvent(event, 'TableMap')) {
      this.#tables.learn(event, event.tableMap[event.tableId]);
    } else if (isEvent(event, 'Xid')) {
      this.#onCommit(grouper.xid(), event.timestamp, event.nextPosition);
    } else if (isEvent(event, 'MariadbGtid')) {
      this.#begin(event.gtid, { opens: !event.standalone });
    } else if (isEvent(event, 'Gtid')) {
      this.#begin(event.gtid, { opens: false });
    } else if (isEvent(event, 'Query')) {
      const statement = this.#statements.read(event.query, event.schema);
      this.#onStatement(statement, event.timestamp, event.nextPosition);
    } else if (isEvent(event, 'AnonymousGtid')) {
      this.#begin(null, { opens: false });
    } else if (isEvent(event, 'XaPrepare')) {
      const { xidGtrid: gtrid, xidBqual: bqual, xidFormatId: formatId, onePhase } = event;
      const group = grouper.xaPrepare(xidOf({ gtrid, bqual, formatId }), { onePhase });
      this.#onCommit(group, event.timestamp, event.nextPosition);
    } else if (isEvent(event, 'Rotate')) {
      this.#onRotate({ file: event.binlogName, offset: event.position }, event.timestamp);
    } else if (isEvent(event, 'Heartbeat')) {
      const offset = event.nextPosition > 0 ? event.nextPosition : Number(event.position ?? 0);
      if (offset > 0) this.#advance({ file: event.binlogName, offset });
    }
  }

  #begin(gtid: string | null, { opens }: { readonly opens: boolean }): void {
    if (!this.#grouper.begin(gtid, { opens })) return;
    this.#options.log.warn({ file: this.#file }, 'unfinished transaction dropped');
  }

  #onRows(rows: RowsOfEvent): void {
    const binding = this.#tables.bindingOf(rows.tableId);
    const target = { options: this.#decoding, into: [] as RowChange[] };
    this.#grouper.rows((into, first) => {
      let index = first;
      target.into = into;
      for (let at = 0; at < rows.count; at += 1) {
        index += decodeRow(binding, rows.change(at, index), target);
      }
      return index;
    });
    this.#options.counters.rowChanges += rows.count;
  }

  /** @param offset end of the event in its file; null where the statement cannot end a transaction */
  #onStatement(statement: LoggedStatement, timestampMs: number, offset: number | null): void {
    this.#report(statement);
    const group = this.#grouper.statement(statement);
    if (group !== null && offset !== null) this.#onCommit(group, timestampMs, offset);
  }

  /** Never the text of a statement: it may hold anything. */
  #report(statement: LoggedStatement): void {
    if (statement.kind !== 'ddl' && statement.kind !== 'dml') return;
    if (!statement.touchesMapped) return;
    const { log, now, counters, alarm } = this.#options;
    if (statement.kind === 'ddl') {
      log.info({ statement: statement.verb, file: this.#file }, 'mapped table ddl');
      return;
    }
    counters.statementWrites += 1;
    if (now() - alarm.statementAtMs < STATEMENT_ALARM_EVERY_MS) return;
    alarm.statementAtMs = now();
    const total = counters.statementWrites;
    log.error({ statement: statement.verb, file: this.#file, total }, 'statement format write');
  }

  #onCommit(group: CommittedGroup, timestampMs: number, offset: number): void {
    const binlog = { file: this.#file, offset };
    this.#committedAtMs = timestampMs;
    this.#enqueue(group, binlog);
    this.#advance(binlog);
  }

  /** A new file: positions must follow it, or a source that only rotates would purge the file of our checkpoint. */
  #onRotate(binlog: BinlogPosition, timestampMs: number): void {
    const isNew = this.#streamAt !== null && binlog.file !== this.#file;
    this.#file = binlog.file;
    if (isNew && !this.#grouper.isInside) {
      if (timestampMs > 0) this.#committedAtMs = timestampMs;
      this.#enqueue({ gtid: null, changes: [], schemaChanged: false }, binlog);
    }
    this.#advance(binlog);
  }

  #enqueue(group: CommittedGroup, binlog: BinlogPosition): void {
    const { gtid, changes, schemaChanged, emptiesBids } = group;
    const account = this.#account;
    const mark = account === null ? null : gtid === null ? account.mark() : account.add(gtid);
    this.#queue.push({
      transaction: {
        id: gtid ?? `${binlog.file}:${binlog.offset.toString()}`,
        committedAtMs: this.#committedAtMs,
        changes,
      },
      schemaChanged,
      ...(emptiesBids === true && { emptiesBids }),
      binlog,
      end: () => ({ gtidSet: mark === null ? null : mark.text(), binlog }),
    });
  }

  /** Heartbeats may name a position that was passed already: only forward. */
  #advance(binlog: BinlogPosition): void {
    const at = this.#streamAt;
    if (at === null || compareBinlogPositions(binlog, at) > 0) this.#streamAt = binlog;
  }
}
