/**
 * Whether a source that is a replica itself still follows its own source. One that has stopped sends us heartbeats as if
 * nothing had happened, so only its own word tells that what we publish grows old.
 *
 * Of an error its number is taken, never its text: that quotes the row which could not be applied.
 */
import { AppError } from '../../src/errors.ts';
import type { Flavour } from './connection-settings.ts';
import { errnoOf } from './database-pool.ts';
import type { DatabasePool, NamedRow, Queryable } from './database-pool.ts';

/** What a replica does in threads of their own: fetching its source's log, and writing what is in it to the tables. */
export type ReplicationThread = 'receiving' | 'applying';

/** One source of a replica. */
export interface Channel {
  /** MySQL's channel, MariaDB's connection; empty: the one without a name. */
  readonly name: string;
  /** Where it replicates from. */
  readonly host: string;
}

export interface StoppedChannel extends Channel {
  /** The one that stands still; of two the one that ended by an error. A receiver that cannot connect stands still. */
  readonly thread: ReplicationThread;
  /** What that thread ended by or fails of; 0: nothing, somebody stopped it or never started it. */
  readonly errno: number;
}

export type Replication =
  | { readonly state: 'none' }
  /** Our account may not look. `isLikely`: the server runs replication threads, or is set up to. */
  | { readonly state: 'hidden'; readonly isLikely: boolean }
  | { readonly state: 'runs'; readonly channels: readonly Channel[] }
  /** At least one channel stands still. */
  | { readonly state: 'stopped'; readonly stopped: readonly StoppedChannel[] };

const SYNTAX_ERROR = 1064;

/** By flavour, the older name last. MariaDB's shorter statement leaves out connections that have a name. */
const STATEMENTS: Readonly<Record<Flavour, readonly string[]>> = {
  mysql: ['SHOW REPLICA STATUS', 'SHOW SLAVE STATUS'],
  mariadb: ['SHOW ALL SLAVES STATUS'],
};

/** The names that a column has: of MySQL since 8.0.22, and of MariaDB and older MySQL. */
const COLUMNS = {
  name: ['Channel_Name', 'Connection_name'],
  host: ['Source_Host', 'Master_Host'],
  receives: ['Replica_IO_Running', 'Slave_IO_Running'],
  applies: ['Replica_SQL_Running', 'Slave_SQL_Running'],
  receivingErrno: ['Last_IO_Errno'],
  applyingErrno: ['Last_SQL_Errno'],
} as const;
const NAMES: ReadonlySet<string> = new Set(Object.values(COLUMNS).flat());

/**
 * Channels of MySQL's Group Replication: its own, and started and stopped as members come and go.
 */
const GROUP_CHANNEL = /^group_replication_/;

/** Needs REPLICATION CLIENT (MySQL) or REPLICA MONITOR (MariaDB), else `hidden`. @throws AppError when it cannot be asked */
export async function readReplication(pool: DatabasePool, flavour: Flavour): Promise<Replication> {
  try {
    return replicationOf(await pool.use((session) => statusRows(session, flavour)));
  } catch (error) {
    // The pool has given up the session, as it must: a right that is granted counts for new connections only.
    if (!(error instanceof AppError) || error.code !== 'SOURCE_ACCESS_DENIED') throw error;
    return { state: 'hidden', isLikely: await looksLikeReplica(pool) };
  }
}

/** On one session, which outlives the statement that its server does not know. */
async function statusRows(session: Queryable, flavour: Flavour): Promise<readonly NamedRow[]> {
  for (const sql of STATEMENTS[flavour]) {
    try {
      return await session.queryColumns(sql, NAMES);
    } catch (error) {
      if (errnoOf(error) !== SYNTAX_ERROR) throw error;
    }
  }
  return [];
}

/** Pure part of `readReplication`: a row is a channel. */
export function replicationOf(rows: readonly NamedRow[]): Replication {
  const channels = rows.map(channelOf).filter(({ name }) => !GROUP_CHANNEL.test(name));
  if (channels.length === 0) return { state: 'none' };
  const stopped = channels.flatMap(({ name, host, fault }) =>
    fault === null ? [] : [{ name, host, ...fault }],
  );
  if (stopped.length > 0) return { state: 'stopped', stopped };
  return { state: 'runs', channels: channels.map(({ name, host }) => ({ name, host })) };
}

/** One stopped channel in words, without its verb's end: "receives nothing from 10.0.0.1 (error 2003)". */
export function wordsOf({ name, host, thread, errno }: StoppedChannel): string {
  const verb = thread === 'receiving' ? 'receives nothing from' : 'applies nothing of';
  const channel = name === '' ? '' : `, channel ${name}`;
  return `${verb} ${host}${channel} (${errno === 0 ? 'no error' : `error ${errno.toString()}`})`;
}

/**
 * Without the right to see its channels, MariaDB (measured on 10.11) tells everybody how many threads apply something,
 * and the heartbeat of the connection without a name, which is 0 where there is none.
 */
async function looksLikeReplica(database: Queryable): Promise<boolean> {
  const rows = await database.query(
    `SHOW GLOBAL STATUS WHERE Variable_name IN ('Slaves_running', 'Slave_heartbeat_period')`,
  );
  return rows.some((row) => Number(row[1]) > 0);
}

function channelOf(row: NamedRow): Channel & { readonly fault: Fault | null } {
  const cell = (column: keyof typeof COLUMNS, otherwise: string): string =>
    COLUMNS[column].map((name) => row.get(name)).find((value) => value !== undefined) ?? otherwise;
  return {
    name: cell('name', ''),
    host: cell('host', ''),
    fault: faultOf({
      // `Connecting` is standing still, too. A server without such a column has not said that it stopped.
      receiver: cell('receives', 'Yes'),
      applies: cell('applies', 'Yes') === 'Yes',
      receivingErrno: Number(cell('receivingErrno', '0')),
      applyingErrno: Number(cell('applyingErrno', '0')),
    }),
  };
}

type Fault = Pick<StoppedChannel, 'thread' | 'errno'>;

/** Of two that stand still the applier, unless both were plainly stopped: what it has not applied waits there. */
function faultOf(found: {
  readonly receiver: string;
  readonly applies: boolean;
  readonly receivingErrno: number;
  readonly applyingErrno: number;
}): Fault | null {
  const { receiver, applies, receivingErrno, applyingErrno } = found;
  if (receiver === 'Yes' && applies) return null;
  const isApplier = !applies && (receiver !== 'No' || applyingErrno !== 0);
  return isApplier
    ? { thread: 'applying', errno: applyingErrno }
    : { thread: 'receiving', errno: receivingErrno };
}

/** What a receiver fails of that cannot reach its source: errors of the client library, and of a server that turns it away. */
const UNREACHED: ReadonlySet<number> = new Set([
  1040, 1045, 1053, 1129, 1130, 1158, 1159, 1160, 1161,
]);

/** Whether a channel only gets nothing from its source, which has refused it nothing: it was stopped, or cannot reach it. */
export function isUnfed({ thread, errno }: StoppedChannel): boolean {
  const isOfClient = errno >= 2000 && errno < 3000;
  return thread === 'receiving' && (errno === 0 || isOfClient || UNREACHED.has(errno));
}
