/**
 * Whether a server can prove that it goes on from a checkpoint: asked before anything is streamed, because a server that
 * was reset, restored or is another one would not always refuse by itself.
 */
import type { Checkpoint } from './checkpoint.ts';
import { errnoOf } from '../source/database-pool.ts';
import type { Queryable } from '../source/database-pool.ts';
import type { SourceInfo } from '../source/source-info.ts';
import { compareBinlogPositions } from '../source/source-position.ts';
import type { BinlogPosition, SourcePosition } from '../source/source-position.ts';
import { positionFault } from '../source/source-status.ts';

/** ER_ERROR_WHEN_EXECUTING_COMMAND: no event begins at that offset. */
const WRONG_OFFSET = 1220;

/**
 * @returns null when the server's binlog has everything after the checkpoint, and what is before it is what we have
 *   seen; else the reason why not, for people
 * @throws AppError when the server cannot be asked
 */
export async function checkpointFault(
  database: Queryable,
  source: Pick<SourceInfo, 'flavour' | 'gtid' | 'identity'>,
  checkpoint: Checkpoint,
): Promise<string | null> {
  if (checkpoint.flavour !== source.flavour) return `the server is ${source.flavour} now`;
  const { position } = checkpoint;
  const isSameServer = checkpoint.identity === source.identity;
  if (!isSameServer && (!source.gtid || position.gtidSet === null)) {
    return 'another server answers, and file positions are each server’s own';
  }
  const { flavour, gtid } = source;
  const known = { flavour, gtid, isSame: isSameServer };
  const fault = await readingFault(database, known, position);
  if (fault !== null) return fault;
  if (source.flavour === 'mariadb') {
    return isSameServer ? mariadbHistoryFault(database, position) : null;
  }
  return source.gtid && position.gtidSet !== null ? null : offsetFault(database, position.binlog);
}

/** As `positionFault`, and what MariaDB has purged, which it would only tell by refusing the stream. */
export async function readingFault(
  database: Queryable,
  source: Pick<SourceInfo, 'flavour' | 'gtid'> & { readonly isSame?: boolean },
  position: SourcePosition,
): Promise<string | null> {
  const fault = await positionFault(database, source, position);
  if (fault !== null || source.flavour !== 'mariadb' || position.gtidSet === null) return fault;
  const [oldest] = await database.query('SHOW BINARY LOGS');
  const [row] = await database.query('SELECT BINLOG_GTID_POS(?, 4)', [oldest?.[0] ?? '']);
  const saved = numbersOf(position.gtidSet);
  for (const [domain, number] of numbersOf(row?.[0] ?? '')) {
    if ((saved.get(domain) ?? 0n) < number) {
      return `the server has purged binlogs of GTID domain ${domain} that we have not read yet`;
    }
  }
  return null;
}

/**
 * MariaDB numbers anew after a reset, and may have come past our number again; so file and offset, which are its own,
 * must still mean the same GTIDs.
 */
async function mariadbHistoryFault(
  database: Queryable,
  { gtidSet, binlog }: SourcePosition,
): Promise<string | null> {
  const logs = await database.query('SHOW BINARY LOGS');
  if (!logs.some((log) => log[0] === binlog.file)) {
    const newest = { file: logs.at(-1)?.[0] ?? binlog.file, offset: 4 };
    return compareBinlogPositions(binlog, newest) > 0
      ? `the server has no binlog ${binlog.file}: it was reset or restored`
      : null;
  }
  const { file, offset } = binlog;
  const [row] = await database.query('SELECT BINLOG_GTID_POS(?, ?)', [file, offset]);
  return canonical(row?.[0] ?? null) === canonical(gtidSet)
    ? null
    : `at ${file}:${offset.toString()} the server has other transactions than we have seen: it was reset or restored`;
}

/** Without GTIDs only this is known of a position: that an event ends there. */
async function offsetFault(database: Queryable, binlog: BinlogPosition): Promise<string | null> {
  try {
    await database.query('SHOW BINLOG EVENTS IN ? FROM ? LIMIT 1', [binlog.file, binlog.offset]);
    return null;
  } catch (error) {
    if (errnoOf(error) !== WRONG_OFFSET) throw error;
    return `no event begins at ${binlog.file}:${binlog.offset.toString()}: the server was reset or restored`;
  }
}

/** The last number of each domain in a GTID position. */
function numbersOf(gtidPosition: string): Map<string, bigint> {
  const entries = gtidPosition.split(',').filter((entry) => entry.trim() !== '');
  return new Map(
    entries.map((entry) => {
      const [domain = '', , number = '0'] = entry.trim().split('-');
      return [domain, BigInt(number)];
    }),
  );
}

function canonical(gtidPosition: string | null): string | null {
  if (gtidPosition === null) return null;
  const entries = gtidPosition.split(',').map((entry) => entry.trim());
  return entries.filter(Boolean).sort().join(',');
}
