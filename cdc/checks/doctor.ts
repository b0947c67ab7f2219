/**
 * A thorough look at a source: all of preflight, and what takes a few seconds more. Nothing is changed, and nothing but
 * the documented rights is needed.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { epochMsToWallClock, UTC } from '../../src/auction/zone.ts';
import { AppError } from '../../src/errors.ts';
import type { Clock, Log } from '../../src/ports.ts';
import { BinlogTail } from '../binlog/binlog-tail.ts';
import type { Check } from './check.ts';
import { DatabasePool, quoted } from '../source/database-pool.ts';
import { checkCheckpoint } from './doctor-checkpoint.ts';
import type { FeedOptions } from '../feed.ts';
import { preflight } from './preflight.ts';
import { grantee } from './preflight-grants.ts';
import { RowReader } from '../tables/row-reader.ts';
import { derivedServerId } from '../source/server-id.ts';
import type { SourceInfo } from '../source/source-info.ts';
import { compareBinlogPositions } from '../source/source-position.ts';
import type { BinlogPosition } from '../source/source-position.ts';
import { binlogEnd } from '../source/source-status.ts';

export interface Diagnosis {
  readonly checks: readonly Check[];
  /** Null where preflight found problems. */
  readonly source: SourceInfo | null;
}

export interface DoctorDeps {
  readonly log: Log;
  readonly now: Clock;
}

/** A server that says nothing for three of these is silent; a busy machine may keep it so for less. */
const HEARTBEAT_PERIOD_MS = 1_000;
/** How long the newest binlog file is read for, at most: longer than it takes to find that nothing comes. */
const READ_MS = 8 * HEARTBEAT_PERIOD_MS;
const OVERDUE_AFTER_MS = 180_000;
/** Overdue auctions are counted up to here. */
const OVERDUE_MAX = 1_000;
const QUEUE_BYTES_MAX = 16 * 1024 * 1024;

/** Runs every check that can be run. Never throws for what an operator or a network did. */
export async function diagnose(options: FeedOptions, deps: DoctorDeps): Promise<Diagnosis> {
  const pool = new DatabasePool(options.connection);
  try {
    const found = await preflight({ ...options, pool }, deps);
    if (!found.ok) return { checks: found.checks, source: null };
    const { source } = found;
    const checkpointFile = options.checkpointFile ?? null;
    const further = [
      ...(await attempt('checkpoint', async () => [
        await checkCheckpoint(pool, source, checkpointFile),
      ])),
      ...(await attempt('binlog-read', () => checkLog(pool, options, source, deps))),
      ...(await attempt('overdue', () => checkOverdue(pool, options, source, deps))),
    ];
    return { checks: [...found.checks, ...further], source };
  } finally {
    pool.close();
  }
}

/** A check that the database failed in the middle of is a problem with its name. */
async function attempt(id: string, check: () => Promise<Check[]>): Promise<Check[]> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const fix = 'Mend what the message says, then run the doctor again.';
    return [{ id, level: 'problem', what: `${error.message}.`, fix }];
  }
}

/** Reads the newest file as the tail does: proves that the stream can be had, and finds writes it cannot show. */
async function checkLog(
  pool: DatabasePool,
  options: FeedOptions,
  source: SourceInfo,
  deps: DoctorDeps,
): Promise<Check[]> {
  const end = await binlogEnd(pool);
  const tail = new BinlogTail(
    {
      connection: options.connection,
      flavour: source.flavour,
      // Never the configured one: the server that has it may be running.
      serverId: derivedServerId(randomUUID()),
      mapping: source.mapping,
      zone: source.zone,
      heartbeatPeriodMs: HEARTBEAT_PERIOD_MS,
      queueBytesMax: QUEUE_BYTES_MAX,
    },
    deps,
  );
  const failure = await readUntil(tail, end);
  const { packets, statementWrites } = tail.counters;
  return [
    readable(failure, { end, packets, user: options.connection.user }),
    statements(statementWrites, end.file),
  ];
}

async function readUntil(tail: BinlogTail, end: BinlogPosition): Promise<AppError | null> {
  const stop = new AbortController();
  const deadline = delay(READ_MS, undefined, { signal: stop.signal }).catch(() => undefined);
  const watch = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const { seen } = tail;
      if (seen !== null && compareBinlogPositions(seen, end) >= 0) return;
      await delay(20);
    }
  };
  void Promise.race([deadline, watch()]).then(() => {
    stop.abort();
  });
  try {
    const from = { gtidSet: null, binlog: { file: end.file, offset: 4 } };
    const transactions = tail.transactions(from, stop.signal);
    while ((await transactions.next()).done !== true);
    return null;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  } finally {
    stop.abort();
  }
}

function readable(
  failure: AppError | null,
  { end, packets, user }: { end: BinlogPosition; packets: number; user: string },
): Check {
  const id = 'binlog-read';
  const read = `${packets.toString()} events of ${end.file} were read`;
  if (failure === null) return { id, level: 'ok', what: `the binlog can be tailed: ${read}` };
  const { code, message } = failure;
  if (code === 'SOURCE_ACCESS_DENIED') {
    return {
      id: 'grant-replication',
      level: 'problem',
      what: `The server does not let our account read its binlog: ${message}.`,
      fix: `GRANT REPLICATION SLAVE ON *.* TO ${grantee(user)};`,
    };
  }
  if (code === 'SCHEMA_CHANGED' || code === 'BINLOG_POSITION_LOST') {
    // Of the past only: the tables were altered since, or an XA transaction began in the file before.
    return { id, level: 'ok', what: `the binlog can be tailed: ${read}, up to an older state` };
  }
  if (code === 'ROW_UNDECODABLE') {
    return {
      id,
      level: 'warning',
      what: `${end.file} holds a row that would stop the feed: ${message}.`,
      fix: 'Map the word in MAPPING_FILE, or correct the row; FLUSH BINARY LOGS; then begins a file without it.',
    };
  }
  return {
    id,
    level: 'problem',
    what: `The binlog cannot be tailed: ${message}.`,
    fix: `docs/errors.md says what to do about ${code}.`,
  };
}

function statements(writes: number, file: string): Check {
  const id = 'statement-writes';
  if (writes === 0) {
    return { id, level: 'ok', what: `no write in statement format to our tables in ${file}` };
  }
  return {
    id,
    level: 'problem',
    what: `${file} holds ${writes.toString()} writes to our tables in statement format: their rows are not in it, and no client was told.`,
    fix:
      `SET GLOBAL binlog_format = 'ROW'; and restart what sets binlog_format in its session ` +
      `(SHOW BINLOG EVENTS IN '${file}'; shows what it wrote); FLUSH BINARY LOGS; then begins a clean file.`,
  };
}

/** Active auctions long past their end: somebody should have completed them. */
async function checkOverdue(
  pool: DatabasePool,
  options: FeedOptions,
  source: SourceInfo,
  { now }: DoctorDeps,
): Promise<Check[]> {
  const afterMs = options.overdueAfterMs ?? OVERDUE_AFTER_MS;
  const rows = new RowReader(source.mapping, source.zone);
  const { status, endTime } = source.mapping.items.columns;
  const zone = endTime.dataType === 'timestamp' ? UTC : source.zone;
  const before = epochMsToWallClock(now() + source.clockOffsetMs - afterMs, zone);
  const [row] = await pool.query(
    `SELECT COUNT(*) FROM (SELECT 1 FROM ${rows.tableName(source.mapping.items)}` +
      ` WHERE ${quoted(status.name)} IN (?) AND ${quoted(endTime.name)} < ?` +
      ` AND ${quoted(endTime.name)} > '1970-01-02' LIMIT ${OVERDUE_MAX.toString()}) late`,
    [rows.activeWords(), before],
  );
  const late = Number(row?.[0] ?? 0);
  const seconds = (afterMs / 1000).toString();
  const id = 'overdue';
  if (late === 0) {
    return [{ id, level: 'ok', what: `no auction is active more than ${seconds} s past its end` }];
  }
  const count = late === OVERDUE_MAX ? `${late.toString()} auctions or more` : late.toString();
  return [
    {
      id,
      level: 'warning',
      what: `${count} active ${late === 1 ? 'auction is' : 'auctions are'} more than ${seconds} s past the end: the completion cron is not running.`,
      fix: "Start the portal's completion cron (every minute): Gavelcast only reads, and tells of an end when the status changes.",
    },
  ];
}
