/**
 * One connection's stream: events in, committed transactions out, until it ends or fails.
 *
 * Events come pushed and transactions are pulled. In between stands a queue bounded in bytes: past the bound the
 * connection stops reading, below half of it reading goes on. A transaction still open cannot be paused away, because
 * nobody can take it before its commit: its kept changes are buffered whatever their number (DESIGN.md's test: 100,000
 * rows), and only changes that may publish something are kept.
 */
import type { Zone } from '../../src/auction/zone.ts';
import { AppError } from '../../src/errors.ts';
import type { Clock, Log } from '../../src/ports.ts';
import { BinlogConnection } from './binlog-connection.ts';
import type { BinlogEvent, EventPlace, RowsEvent } from './binlog-event.ts';
import type { ConnectionSettings, Flavour } from '../source/connection-settings.ts';
import { gtidAccount } from '../source/gtid-set.ts';
import type { GtidAccount } from '../source/gtid-set.ts';
import { StatementReader } from './logged-statement.ts';
import type { LoggedStatement } from './logged-statement.ts';
import { decodeRow } from './row-decoder.ts';
import type { ServerIdClaim } from '../source/server-id-claim.ts';
import { SilenceWatch } from './silence-watch.ts';
import { compareBinlogPositions } from '../source/source-position.ts';
import type { BinlogPosition, SourcePosition } from '../source/source-position.ts';
import { StreamTables } from './stream-tables.ts';
import type { TableMapping } from '../mapping/table-mapping.ts';
import type { TailedTransaction } from './tailed-transaction.ts';
import { TransactionGrouper } from './transaction-grouper.ts';
import type { CommittedGroup, HeldTransactions } from './transaction-grouper.ts';
import { TransactionQueue } from './transaction-queue.ts';

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

const STATEMENT_ALARM_EVERY_MS = 60_000;

export interface StreamOptions extends TailOptions {
  readonly log: Log;
  readonly now: Clock;
  readonly held: HeldTransactions;
  readonly counters: { statementWrites: number; rowChanges: number; packets: number };
  readonly alarm: { statementAtMs: number };
  readonly claim: ServerIdClaim;
  onPacket(): void;
}

export class BinlogStream {
  readonly #options: StreamOptions;
  readonly #from: SourcePosition;
  readonly #connection: BinlogConnection;
  readonly #watch: SilenceWatch;
  readonly #queue: TransactionQueue;
  readonly #grouper: TransactionGrouper;
  readonly #tables: StreamTables;
  readonly #statements: StatementReader;
  readonly #account: GtidAccount | null;
  #file: string;
  #streamAt: BinlogPosition | null = null;
  #yieldedAt: BinlogPosition | null = null;
  #committedAtMs: number;
  /** Of the transaction under way. */
  #writer = 0;
  #failure: AppError | null = null;
  #isAborted = false;

  constructor(from: SourcePosition, options: StreamOptions) {
    this.#options = options;
    this.#from = from;
    this.#file = from.binlog.file;
    this.#committedAtMs = options.now();
    const { mapping, zone, flavour } = options;
    this.#account = from.gtidSet === null ? null : gtidAccount(flavour, from.gtidSet);
    this.#grouper = new TransactionGrouper(options.held);
    const { statusWords, bannedWords } = mapping;
    this.#tables = new StreamTables(mapping, { flavour, zone, statusWords, bannedWords });
    this.#statements = new StatementReader(mapping);
    this.#connection = new BinlogConnection(options, {
      onPacket: () => {
        options.counters.packets += 1;
        options.onPacket();
      },
      onEvent: (event) => {
        this.#onEvent(event);
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

  /** The end of the last transaction that was taken; null before the first. */
  get yieldedAt(): BinlogPosition | null {
    return this.#yieldedAt;
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

  /** The next transaction if one is waiting, without a promise: a backlog has them by the thousand. */
  take(): TailedTransaction | null {
    const transaction = this.#isAborted ? null : this.#queue.shift();
    if (transaction !== null) this.#yieldedAt = transaction.binlog;
    return transaction;
  }

  /** The next transaction; null once aborted. @throws AppError the failure, when nothing committed is left */
  async next(): Promise<TailedTransaction | null> {
    for (;;) {
      if (this.#isAborted) return null;
      const transaction = this.take();
      if (transaction !== null) return transaction;
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

  #onEvent(event: BinlogEvent): void {
    switch (event.kind) {
      case 'rows':
        this.#onRows(event);
        return;
      case 'tableMap':
        this.#tables.learn(event);
        return;
      case 'xid':
        this.#onCommit(this.#grouper.xid(), event);
        return;
      case 'gtid':
        this.#writer = event.writer;
        this.#begin(event.gtid, event);
        return;
      case 'query':
        this.#onStatement(this.#statements.read(event.sql, event.database), event);
        return;
      case 'load':
        this.#onStatement(this.#statements.read(event.sql, event.database), null);
        return;
      case 'xaPrepare':
        this.#onCommit(this.#grouper.xaPrepare(event.xid, event), event);
        return;
      case 'rotate':
        this.#onRotate({ file: event.file, offset: event.offset }, event.timestampMs);
        return;
      case 'heartbeat':
        if (event.offset > 0) this.#advance({ file: event.file, offset: event.offset });
    }
  }

  #begin(gtid: string | null, { opens }: { readonly opens: boolean }): void {
    if (!this.#grouper.begin(gtid, { opens })) return;
    this.#options.log.warn({ file: this.#file }, 'unfinished transaction dropped');
  }

  #onRows(event: RowsEvent): void {
    const binding = this.#tables.bindingOf(event.tableId);
    if (binding === null) return;
    const { timestampMs } = event;
    this.#grouper.rows((into, first) => {
      let index = first;
      const count = binding.images.read(event, (before, after) => {
        index += decodeRow(binding, { before, after, index, timestampMs }, into);
      });
      this.#options.counters.rowChanges += count;
      return index;
    });
  }

  /** @param at null where the statement cannot end a transaction */
  #onStatement(statement: LoggedStatement, at: EventPlace | null): void {
    this.#report(statement);
    const group = this.#grouper.statement(statement);
    if (group !== null && at !== null) this.#onCommit(group, at);
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

  #onCommit(group: CommittedGroup, { timestampMs, endOffset }: EventPlace): void {
    const binlog = { file: this.#file, offset: endOffset };
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
      writer: this.#writer,
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
