/**
 * Where the source's binlog stands, and whether a saved position can be continued from.
 */
import { AppError } from '../../src/errors.ts';
import type { Flavour } from './connection-settings.ts';
import { errnoOf } from './database-pool.ts';
import type { Queryable } from './database-pool.ts';
import { compareBinlogPositions } from './source-position.ts';
import type { BinlogPosition, SourcePosition } from './source-position.ts';

const SYNTAX_ERROR = 1064;
/** No event begins at the offset asked for. */
const ER_ERROR_WHEN_EXECUTING_COMMAND = 1220;

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
 * @param source `isSame`: it has the identity of the server that the position is from, so that its files must be those we
 *   read. GTIDs alone do not show a reset or a restore once the server has counted past our number again.
 * @returns null when it can, else the reason why not
 * @throws AppError when it cannot be asked
 */
export async function positionFault(
  database: Queryable,
  source: { readonly flavour: Flavour; readonly gtid: boolean; readonly isSame?: boolean },
  position: SourcePosition,
): Promise<string | null> {
  const { gtidSet, binlog } = position;
  if (gtidSet === null || !source.gtid) return fileFault(database, binlog);
  const fault =
    source.flavour === 'mysql'
      ? await mysqlFault(database, gtidSet)
      : mariadbFault(await mariadbState(database), gtidSet);
  if (fault !== null || source.isSame !== true) return fault;
  return historyFault(database, { flavour: source.flavour, gtidSet, binlog });
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
 * MariaDB: of each domain the server must have the very transaction we have seen last, from the same server id, or a later
 * one of it. (What it purged it refuses by itself.)
 *
 * @param state `gtid_binlog_state`: the last number of each server id in each domain
 */
export function mariadbFault(state: string, saved: string): string | null {
  const newest = new Map(gtids(state).map(({ source, number }) => [source, number]));
  for (const { domain, source, number } of gtids(saved)) {
    const known = newest.get(source);
    if (known === undefined || known < number) {
      const has = known === undefined ? 'nothing' : `only ${known.toString()}`;
      return `in GTID domain ${domain} we have seen ${number.toString()}, of which the server has ${has}`;
    }
  }
  return null;
}

interface MariadbGtid {
  readonly domain: string;
  /** `domain-server`. */
  readonly source: string;
  readonly number: bigint;
}

function gtids(text: string): MariadbGtid[] {
  const entries = text.split(',').map((entry) => entry.trim());
  return entries
    .filter((entry) => entry !== '')
    .map((entry) => {
      const [domain = '', server = '', number = '0'] = entry.split('-');
      return { domain, source: `${domain}-${server}`, number: BigInt(number) };
    });
}

const REWRITTEN = 'the server’s binlog is not the one we read: it was reset or restored';
/** Events looked at from our position on; the next GTID follows a file's head of at most four events. */
const NEXT_EVENTS = 6;

/**
 * Looks at what stands at our file position now. Where it is not the end of what we read last, followed by a transaction
 * that we have not seen, the log was written anew.
 */
async function historyFault(
  database: Queryable,
  at: { readonly flavour: Flavour; readonly gtidSet: string; readonly binlog: BinlogPosition },
): Promise<string | null> {
  const { file, offset } = at.binlog;
  const logs = await database.query('SHOW BINARY LOGS');
  const oldest = logs[0]?.[0] ?? null;
  if (!logs.some((row) => row[0] === file)) {
    // A file before the oldest was purged, and all that we have seen with it; any other was never this server's.
    const isBefore =
      oldest !== null && compareBinlogPositions(at.binlog, { file: oldest, offset: 0 }) < 0;
    return isBefore && (await isAllPurged(database, at, oldest)) ? null : REWRITTEN;
  }
  const pastEnd = await fileFault(database, at.binlog);
  if (pastEnd !== null) return pastEnd;
  let events: readonly (readonly (string | null)[])[];
  try {
    events = await database.query(
      `SHOW BINLOG EVENTS IN ? FROM ${offset.toString()} LIMIT ${NEXT_EVENTS.toString()}`,
      [file],
    );
  } catch (error) {
    if (errnoOf(error) !== ER_ERROR_WHEN_EXECUTING_COMMAND) throw error;
    return REWRITTEN;
  }
  const next = events.find((row) => row[2] === 'Gtid' || row[2] === 'Gtid_tagged')?.[5] ?? null;
  if (next === null) return null;
  const isSeen =
    at.flavour === 'mysql'
      ? await wasSeenByMysql(database, next, at.gtidSet)
      : wasSeenByMariadb(next, at.gtidSet);
  return isSeen ? REWRITTEN : null;
}

/**
 * Whether everything we have seen lies before the server's oldest file. Where it does not, numbers are given out anew: a
 * reset may go on with any file number (`RESET MASTER TO`).
 */
async function isAllPurged(
  database: Queryable,
  { flavour, gtidSet }: { readonly flavour: Flavour; readonly gtidSet: string },
  oldest: string,
): Promise<boolean> {
  if (flavour === 'mysql') {
    const [row] = await database.query('SELECT GTID_SUBSET(?, @@GLOBAL.gtid_purged)', [gtidSet]);
    return row?.[0] === '1';
  }
  const [row] = await database.query('SELECT BINLOG_GTID_POS(?, 4)', [oldest]);
  const before = gtids(row?.[0] ?? '');
  return gtids(gtidSet).every((seen) =>
    before.some(({ domain, number }) => domain === seen.domain && number >= seen.number),
  );
}

/** @param info `SET @@SESSION.GTID_NEXT= 'uuid:number'` */
async function wasSeenByMysql(database: Queryable, info: string, saved: string): Promise<boolean> {
  const gtid = /'([^']+)'/.exec(info)?.[1];
  if (gtid === undefined || gtid === 'ANONYMOUS') return false;
  const [row] = await database.query('SELECT GTID_SUBSET(?, ?)', [gtid, saved]);
  return row?.[0] === '1';
}

/** @param info `BEGIN GTID 0-1-7`, or `GTID 0-1-7` before a statement that stands alone */
function wasSeenByMariadb(info: string, saved: string): boolean {
  const [next] = gtids(/GTID (\d+-\d+-\d+)/.exec(info)?.[1] ?? '');
  if (next === undefined) return false;
  return gtids(saved).some(({ source, number }) => source === next.source && next.number <= number);
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
