/**
 * Where the source's binlog stands, and whether a saved position can be continued from.
 */
import { AppError } from '../src/errors.ts';
import type { Flavour } from './binlog-tail.ts';
import { errnoOf } from './database-pool.ts';
import type { Queryable } from './database-pool.ts';
import { compareBinlogPositions } from './source-position.ts';
import type { BinlogPosition, SourcePosition } from './source-position.ts';

const SYNTAX_ERROR = 1064;

export interface BinlogStatus {
  /** Where the next transaction will be written; null where the binlog is off. */
  readonly end: BinlogPosition | null;
  /** Databases that alone are logged, or that are not (`binlog_do_db`, `binlog_ignore_db`); empty: no such filter. */
  readonly doDb: readonly string[];
  readonly ignoreDb: readonly string[];
}

/** Needs BINLOG MONITOR (MariaDB) or REPLICATION CLIENT (MySQL). @throws AppError */
export async function binlogStatus(database: Queryable): Promise<BinlogStatus> {
  const [row] = await eitherQuery(database, 'SHOW BINARY LOG STATUS', 'SHOW MASTER STATUS');
  const list = (text: string | null | undefined): string[] =>
    (text ?? '').split(',').filter(Boolean);
  const file = row?.[0] ?? null;
  return {
    end: file === null ? null : { file, offset: Number(row?.[1]) },
    doDb: list(row?.[2]),
    ignoreDb: list(row?.[3]),
  };
}

/** The end of the binlog. @throws AppError SOURCE_UNSUITABLE where it is off */
export async function binlogEnd(database: Queryable): Promise<BinlogPosition> {
  const { end } = await binlogStatus(database);
  if (end === null)
    throw new AppError('SOURCE_UNSUITABLE', 'the server writes no binlog (log_bin)');
  return end;
}

/** `first` where the server knows that statement, else `second`, its older name. */
async function eitherQuery(
  database: Queryable,
  first: string,
  second: string,
): Promise<readonly (readonly (string | null)[])[]> {
  try {
    return await database.query(first);
  } catch (error) {
    if (errnoOf(error) !== SYNTAX_ERROR) throw error;
    return database.query(second);
  }
}

/**
 * Asks the server whether it can go on from `position`: a server that was reset, restored or is another one would take a
 * foreign GTID set without a word and send all its history as new.
 *
 * @returns null when it can, else the reason why not
 * @throws AppError when it cannot be asked
 */
export async function positionFault(
  database: Queryable,
  source: { readonly flavour: Flavour; readonly gtid: boolean },
  position: SourcePosition,
): Promise<string | null> {
  const { gtidSet } = position;
  if (gtidSet === null || !source.gtid) return fileFault(database, position.binlog);
  return source.flavour === 'mysql'
    ? mysqlFault(database, gtidSet)
    : mariadbFault(await mariadbState(database), gtidSet);
}

async function mysqlFault(database: Queryable, saved: string): Promise<string | null> {
  const [row] = await database.query(
    'SELECT GTID_SUBSET(?, @@GLOBAL.gtid_executed), GTID_SUBSET(@@GLOBAL.gtid_purged, ?)',
    [saved, saved],
  );
  if (row?.[0] !== '1')
    return 'the server has not executed all that we have seen: it was reset, restored or is another one';
  if (row[1] !== '1') return 'the server has purged binlogs that we have not read yet';
  return null;
}

async function mariadbState(database: Queryable): Promise<string> {
  const [row] = await database.query('SELECT @@GLOBAL.gtid_binlog_state');
  return row?.[0] ?? '';
}

/**
 * MariaDB: each domain of ours must be known to the server, at our number or beyond it. (What it purged it refuses by
 * itself.)
 *
 * @param state `gtid_binlog_state`: the last number of each server id in each domain
 */
export function mariadbFault(state: string, saved: string): string | null {
  const newest = new Map<string, bigint>();
  for (const [domain, number] of gtids(state)) {
    const known = newest.get(domain);
    if (known === undefined || number > known) newest.set(domain, number);
  }
  for (const [domain, number] of gtids(saved)) {
    const known = newest.get(domain);
    if (known === undefined || known < number) {
      return `in GTID domain ${domain} we have seen ${number.toString()}, the server only ${(known ?? 0n).toString()}`;
    }
  }
  return null;
}

function gtids(text: string): [domain: string, number: bigint][] {
  const entries = text.split(',').map((entry) => entry.trim());
  return entries
    .filter((entry) => entry !== '')
    .map((entry) => {
      const [domain = '', , number = '0'] = entry.split('-');
      return [domain, BigInt(number)];
    });
}

async function fileFault(database: Queryable, saved: BinlogPosition): Promise<string | null> {
  const logs = await database.query('SHOW BINARY LOGS');
  const log = logs.find((row) => row[0] === saved.file);
  if (log === undefined) return `the server has no binlog ${saved.file} any more`;
  const end = { file: saved.file, offset: Number(log[1]) };
  return compareBinlogPositions(saved, end) > 0
    ? `our position ${saved.file}:${saved.offset.toString()} lies past that file's end: the server was reset or restored`
    : null;
}
