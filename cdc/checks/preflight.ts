/**
 * Whether a source can be tailed, asked before anything depends on it: every problem at once, each with the exact
 * statement or my.cnf line that mends it. `serve` refuses to start on problems and prints warnings; `doctor` prints all.
 */
import { randomUUID } from 'node:crypto';
import { AppError } from '../../src/errors.ts';
import type { ErrorCode } from '../../src/errors.ts';
import type { Clock } from '../../src/ports.ts';
import type { ConnectionSettings } from '../source/connection-settings.ts';
import type { Check } from './check.ts';
import type { DatabasePool } from '../source/database-pool.ts';
import { detectMapping } from '../mapping/detect-mapping.ts';
import type { MappingOverride } from '../mapping/mapping-file.ts';
import { checkEncryption, clock } from './preflight-connection.ts';
import { checkReplication } from './preflight-replication.ts';
import { checkGrants, grantee, missingReadGrants } from './preflight-grants.ts';
import { readServerFacts } from '../source/server-facts.ts';
import type { ServerFacts } from '../source/server-facts.ts';
import { checkServer } from './preflight-server.ts';
import { readSchema } from '../mapping/schema-reader.ts';
import { freeServerId, isTaken, replicaIds } from '../source/server-id.ts';
import { measureClockOffset } from '../source/source-clock.ts';
import type { SourceInfo } from '../source/source-info.ts';
import { resolveZone } from '../source/source-zone.ts';
import type { TableMapping } from '../mapping/table-mapping.ts';

export type PreflightResult =
  | { readonly ok: true; readonly source: SourceInfo; readonly checks: readonly Check[] }
  | {
      readonly ok: false;
      /** SOURCE_UNREACHABLE, SOURCE_ACCESS_DENIED, MAPPING_INVALID or SOURCE_UNSUITABLE: the gravest first. */
      readonly code: ErrorCode;
      readonly checks: readonly Check[];
    };

export interface PreflightOptions {
  readonly pool: DatabasePool;
  readonly connection: ConnectionSettings;
  readonly database: string;
  readonly mappingFile: MappingOverride | null;
  readonly zone: string | null;
  readonly serverId: number | null;
  /** The id in use already, which is not checked again: the server may still list our last connection. */
  readonly knownServerId?: number | null;
}

/** Runs every check that can be run. Never throws for what an operator or a network did. */
export async function preflight(
  options: PreflightOptions,
  deps: { readonly now: Clock },
): Promise<PreflightResult> {
  try {
    return await checkAll(options, deps);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { ok: false, code: error.code, checks: [failure(options, error)] };
  }
}

async function checkAll(
  options: PreflightOptions,
  { now }: { readonly now: Clock },
): Promise<PreflightResult> {
  const { pool, database } = options;
  const facts = await readServerFacts(pool);
  const checks: Check[] = [
    { id: 'connection', level: 'ok', what: `connected to ${facts.flavour} ${facts.version}` },
    await checkEncryption(pool, options.connection),
    ...checkServer(facts),
  ];
  const account = { facts, database, user: options.connection.user };
  const grants = await checkGrants(pool, account);
  checks.push(...grants.checks);

  const zone = resolveZone({ configured: options.zone, ...facts.zone });
  checks.push(zoneCheck(zone));

  const mapping = grants.isDatabaseVisible ? await checkMapping(options, facts, checks) : null;
  const serverId = await checkServerId(options, facts, checks);
  const clockOffsetMs = await measureClockOffset(pool, now);
  checks.push(clock(clockOffsetMs));
  const isSound = checks.every((check) => check.level !== 'problem');
  if (!isSound || mapping === null || !zone.ok) {
    return { ok: false, code: gravest(checks), checks };
  }
  const source: SourceInfo = {
    flavour: facts.flavour,
    version: facts.version,
    identity: facts.serverUuid ?? facts.serverId.toString(),
    ownServerId: facts.serverId,
    host: options.connection.host,
    port: options.connection.port,
    gtid: facts.gtid,
    rowMetadata: facts.rowMetadata === 'FULL' ? 'FULL' : 'MINIMAL',
    zone: zone.zone,
    zoneName: zone.zone.name,
    mapping,
    clockOffsetMs,
    serverId,
  };
  // After the verdict: a replica that has stopped is no reason not to start, and not to be there when it goes on.
  return { ok: true, source, checks: [...checks, await checkReplication(pool, account)] };
}

async function checkMapping(
  options: PreflightOptions,
  facts: ServerFacts,
  checks: Check[],
): Promise<TableMapping | null> {
  const { pool, database } = options;
  const columns = await readSchema(pool, database);
  const result = detectMapping({ database, columns, override: options.mappingFile });
  const names = result.ok
    ? [result.mapping.items, result.mapping.bids, result.mapping.users, result.mapping.watchlist]
        .filter((table) => table !== null)
        .map((table) => table.table)
    : [options.mappingFile?.items?.table ?? 'items', options.mappingFile?.bids?.table ?? 'bids'];
  const unread = await missingReadGrants(pool, {
    facts,
    database,
    user: options.connection.user,
    tables: names,
  });
  checks.push(...unread);
  if (result.ok) {
    checks.push({ id: 'mapping', level: 'ok', what: `tables mapped: ${names.join(', ')}` });
    if (result.mapping.users === null) checks.push(NO_USERS);
    return result.mapping;
  }
  // A table that may not be read looks as if it were missing: naming the grant is enough then.
  if (unread.length > 0) return null;
  for (const problem of result.problems)
    checks.push({ id: 'mapping', level: 'problem', ...problem });
  return null;
}

const NO_USERS: Check = {
  id: 'users',
  level: 'warning',
  what: 'No users table is mapped: names stay null, and nobody can be closed for a suspension.',
  fix: 'Name it in the mapping file: {"users": {"table": "…"}}; or, if it is there, let our account read it (GRANT SELECT).',
};

async function checkServerId(
  options: PreflightOptions,
  facts: ServerFacts,
  checks: Check[],
): Promise<number> {
  const { knownServerId = null } = options;
  if (knownServerId !== null) return knownServerId;
  const known = { own: facts.serverId, replicas: await replicaIds(options.pool) };
  if (options.serverId === null) {
    const id = freeServerId(known, randomUUID());
    const what = `our server id is derived at each start (${id.toString()} this time)`;
    checks.push({ id: 'server-id', level: 'ok', what });
    return id;
  }
  const id = options.serverId.toString();
  const fix = 'Set SERVER_ID to another number, or leave it out: then a free one is derived.';
  if (isTaken(known, options.serverId)) {
    const what = `Server id ${id} is taken by the server itself or by one of its replicas.`;
    checks.push({ id: 'server-id', level: 'problem', what, fix });
  } else if (known.replicas === null) {
    const what = `Server id ${id} is set, and the server does not tell our account its replicas: one of them may have it.`;
    const grant =
      `${fix} Or let us look: GRANT REPLICATION MASTER ADMIN ON *.* TO ` +
      `${grantee(options.connection.user)};`;
    checks.push({ id: 'server-id', level: 'warning', what, fix: grant });
  } else {
    checks.push({ id: 'server-id', level: 'ok', what: `our server id ${id} is free` });
  }
  return options.serverId;
}

function zoneCheck(zone: ReturnType<typeof resolveZone>): Check {
  const fix = 'Set DB_TIMEZONE to the zone of the DATETIME columns, for example Europe/Berlin.';
  if (!zone.ok) return { id: 'zone', level: 'problem', what: `Time zone: ${zone.what}.`, fix };
  if (zone.warning === null) {
    return { id: 'zone', level: 'ok', what: `DATETIME columns are in ${zone.zone.name}` };
  }
  return { id: 'zone', level: 'warning', what: `Time zone: ${zone.warning}.`, fix };
}

function gravest(checks: readonly Check[]): ErrorCode {
  const problems = checks.filter((check) => check.level === 'problem');
  if (problems.every((check) => check.id.startsWith('grant-') || check.id === 'database')) {
    return 'SOURCE_ACCESS_DENIED';
  }
  return problems.every((check) => check.id === 'mapping')
    ? 'MAPPING_INVALID'
    : 'SOURCE_UNSUITABLE';
}

function failure(options: PreflightOptions, error: AppError): Check {
  const { host, port, user } = options.connection;
  const where = options.connection.socketPath ?? `${host}:${port.toString()}`;
  const fix =
    error.code === 'SOURCE_ACCESS_DENIED'
      ? `Check user ${user} and its password, and that it may connect from this host.`
      : 'Start the server, or correct its address; we keep trying.';
  return { id: 'connection', level: 'problem', what: `${where}: ${error.message}.`, fix };
}
