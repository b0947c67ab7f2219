/**
 * Which rights our account lacks, found out by trying, and the statements that grant them.
 */
import { AppError } from '../../src/errors.ts';
import { errnoOf, quoted } from '../source/database-pool.ts';
import type { Queryable } from '../source/database-pool.ts';
import type { Check } from './check.ts';
import type { ServerFacts } from '../source/server-facts.ts';
import { binlogStatus } from '../source/source-status.ts';

const UNKNOWN_DATABASE = 1049;
const SYNTAX_ERROR = 1064;

export interface Account {
  readonly facts: ServerFacts;
  readonly database: string;
  readonly user: string;
}

/** Rights to the binlog, and whether the database is there. @throws AppError when the connection itself fails */
export async function checkGrants(
  database: Queryable,
  account: Account,
): Promise<{ readonly checks: Check[]; readonly isDatabaseVisible: boolean }> {
  const checks = [
    await statusCheck(database, account),
    await replicationCheck(database, account),
    await databaseCheck(database, account),
  ];
  const isDatabaseVisible = checks.every(
    (check) => check.id !== 'database' || check.level === 'ok',
  );
  return { checks: checks.filter((check) => check.what !== ''), isDatabaseVisible };
}

/** A problem for each table that the account cannot read in whole. */
export async function missingReadGrants(
  database: Queryable,
  account: Account & { readonly tables: readonly string[] },
): Promise<Check[]> {
  const checks: Check[] = [];
  for (const table of account.tables) {
    const full = `${quoted(account.database)}.${quoted(table)}`;
    // All columns: a grant on some of them hides the others from the schema, and the binlog numbers them all.
    const denied = await deniedOf(database, `SELECT * FROM ${full} LIMIT 0`);
    if (denied === null) continue;
    checks.push({
      id: 'grant-select',
      level: 'problem',
      what: `Our account may not read table ${account.database}.${table}.`,
      fix: `GRANT SELECT ON ${full} TO ${grantee(account.user)};`,
    });
  }
  return checks;
}

async function statusCheck(database: Queryable, account: Account): Promise<Check> {
  const right = account.facts.flavour === 'mariadb' ? 'BINLOG MONITOR' : 'REPLICATION CLIENT';
  const id = 'grant-binlog-status';
  try {
    const { doDb, ignoreDb } = await binlogStatus(database);
    const isLogged =
      (doDb.length === 0 || doDb.includes(account.database)) &&
      !ignoreDb.includes(account.database);
    if (isLogged) return { id, level: 'ok', what: `${right} is granted` };
    return {
      id: 'binlog-filter',
      level: 'problem',
      what: `The server keeps database ${account.database} out of its binlog.`,
      fix: 'my.cnf, [mysqld]: correct binlog_do_db and binlog_ignore_db; then restart the server.',
    };
  } catch (error) {
    if (!isDenied(error)) throw error;
    return missingGlobal(id, right, account);
  }
}

/**
 * REPLICATION SLAVE. MySQL lists its replicas to holders of it, which is a trial; MariaDB asks another right for that, so
 * there the grants are read, and an account with roles gets the benefit of the doubt: the tail will tell.
 */
async function replicationCheck(database: Queryable, account: Account): Promise<Check> {
  const right = 'REPLICATION SLAVE';
  const id = 'grant-replication';
  const granted: Check = { id, level: 'ok', what: `${right} is granted` };
  if (account.facts.flavour === 'mysql') {
    const denied = await deniedOf(database, 'SHOW REPLICAS');
    return denied === null ? granted : missingGlobal(id, right, account);
  }
  const grants = (await database.query('SHOW GRANTS')).map((row) => row[0] ?? '');
  const isGranted = grants.some((grant) => {
    const [rights = '', target = ''] = grant.split(/ ON /i);
    return target.startsWith('*.*') && /REPLICATION SLAVE(?! ADMIN)|ALL PRIVILEGES/i.test(rights);
  });
  const hasRoles = grants.some((grant) => !/ ON /i.test(grant));
  return isGranted || hasRoles ? granted : missingGlobal(id, right, account);
}

async function databaseCheck(database: Queryable, account: Account): Promise<Check> {
  const id = 'database';
  const name = account.database;
  try {
    const [row] = await database.query(
      'SELECT SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME = ?',
      [name],
    );
    if (row !== undefined) return { id, level: 'ok', what: `database ${name} is there` };
    // Tells "denied" from "not there"; the session's default database matters to no statement of ours.
    await database.query(`USE ${quoted(name)}`);
  } catch (error) {
    if (errnoOf(error) !== UNKNOWN_DATABASE && !isDenied(error)) throw error;
    if (isDenied(error)) {
      return {
        id,
        level: 'problem',
        what: `Our account sees no database ${name}: it is not there, or nothing in it is granted.`,
        fix: `Correct DB_NAME, or: GRANT SELECT ON ${quoted(name)}.* TO ${grantee(account.user)};`,
      };
    }
  }
  return { id, level: 'problem', what: `There is no database ${name}.`, fix: 'Correct DB_NAME.' };
}

function missingGlobal(id: string, right: string, account: Account): Check {
  return {
    id,
    level: 'problem',
    what: `Our account lacks ${right}.`,
    fix: `GRANT ${right} ON *.* TO ${grantee(account.user)};`,
  };
}

/** The refusal, or null when the statement ran or failed for another reason than missing rights. */
async function deniedOf(database: Queryable, sql: string): Promise<AppError | null> {
  try {
    await database.query(sql);
    return null;
  } catch (error) {
    if (error instanceof AppError && isDenied(error)) return error;
    const errno = errnoOf(error);
    // A table that is not there is the mapping's business; an older server does not know SHOW REPLICAS.
    if (errno === 1146 || errno === SYNTAX_ERROR) return null;
    throw error;
  }
}

function isDenied(error: unknown): boolean {
  return error instanceof AppError && error.code === 'SOURCE_ACCESS_DENIED';
}

/** An account in a GRANT, open to any host, because only the server knows which one we come from. */
export function grantee(user: string): string {
  return `'${user.replaceAll("'", "''")}'@'%'`;
}
