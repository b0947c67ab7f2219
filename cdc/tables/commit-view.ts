/**
 * A view of the tables that surely holds a transaction which the binlog has brought.
 *
 * Problem: servers write a transaction to the binlog before the storage engine shows it, so a SELECT right behind the
 * event may still see the rows as they were; under semi-synchronous replication for seconds.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../src/errors.ts';
import type { DatabasePool, Queryable } from '../source/database-pool.ts';
import { compareBinlogPositions } from '../source/source-position.ts';
import type { BinlogPosition, SourcePosition } from '../source/source-position.ts';

/**
 * How long after its event a transaction may stay unseen, where the server cannot be asked (MySQL without GTIDs: it tells
 * where its binlog ends, and that is before the tables show it).
 */
export const COMMIT_LATENCY_MS = 1_000;

/** The end of a transaction that the stream has brought. */
export interface CommitPlace extends SourcePosition {
  /** Milliseconds since the commit, at least. */
  readonly ageMs: number;
}

const SEEN_WITHIN_MS = 2_000;
const LOOK_EVERY_MS = 10;

/**
 * Runs `work`, which only reads, in one consistent view that holds everything up to `place`.
 *
 * @throws AppError SOURCE_DISCONNECTED where the tables do not show it within two seconds: try again
 */
export function viewHolding<T>(
  pool: DatabasePool,
  place: CommitPlace,
  work: (view: Queryable) => Promise<T>,
): Promise<T> {
  return pool.use(async (session) => {
    await openView(session, place);
    const result = await work(session);
    await session.query('COMMIT');
    return result;
  });
}

/** MariaDB: how far the consistent snapshot that this session has just opened reaches. @throws AppError */
export async function placeOfView(session: Queryable): Promise<BinlogPosition> {
  const rows = await session.query(`SHOW STATUS LIKE 'binlog_snapshot_%'`);
  const status = new Map(rows.map((row) => [(row[0] ?? '').toLowerCase(), row[1] ?? '']));
  const file = status.get('binlog_snapshot_file') ?? '';
  const offset = Number(status.get('binlog_snapshot_position') ?? '0');
  if (file === '') throw new AppError('SOURCE_UNSUITABLE', 'the server writes no binlog (log_bin)');
  return { file, offset };
}

async function openView(session: Queryable, place: CommitPlace): Promise<void> {
  const { gtidSet, binlog, ageMs } = place;
  if (gtidSet === null) {
    if (ageMs < COMMIT_LATENCY_MS) await delay(COMMIT_LATENCY_MS - ageMs);
  } else if (!gtidSet.includes(':')) {
    // Only MySQL's ids have colons. On MariaDB `MASTER_GTID_WAIT` knows what a replica has applied, not what is committed.
    await openMariadbView(session, binlog);
    return;
  } else if (!(await isExecuted(session, gtidSet))) {
    throw unseen();
  }
  await session.query('START TRANSACTION READ ONLY');
}

/** MySQL adds a transaction to `gtid_executed` after the engine has committed it. */
async function isExecuted(session: Queryable, gtidSet: string): Promise<boolean> {
  const timeout = (SEEN_WITHIN_MS / 1000).toString();
  const [row] = await session.query(`SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ${timeout})`, [gtidSet]);
  return row?.[0] === '0';
}

async function openMariadbView(session: Queryable, binlog: BinlogPosition): Promise<void> {
  for (let waitedMs = 0; waitedMs <= SEEN_WITHIN_MS; waitedMs += LOOK_EVERY_MS) {
    await session.query('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    if (compareBinlogPositions(await placeOfView(session), binlog) >= 0) return;
    await session.query('ROLLBACK');
    await delay(LOOK_EVERY_MS);
  }
  throw unseen();
}

function unseen(): AppError {
  return new AppError('SOURCE_DISCONNECTED', 'the tables do not show yet what the binlog has');
}
