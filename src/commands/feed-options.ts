/**
 * Configuration to feed options: reads the files that the configuration names.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';

import type { ConnectionSettings } from '../../cdc/source/connection-settings.ts';
import type { FeedOptions } from '../../cdc/feed.ts';
import { parseMappingFile, type MappingOverride } from '../../cdc/mapping/mapping-file.ts';
import type { SourceConfig } from '../config.ts';
import type { ConfigProblem, Environment } from '../config-problem.ts';

const CONNECT_TIMEOUT_MS = 10_000;

export type FeedOptionsResult =
  | { readonly ok: true; readonly options: FeedOptions }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Everything the feed needs, or every fault of the files at once. */
export function readFeedOptions(source: SourceConfig, cwd: string): FeedOptionsResult {
  const problems: ConfigProblem[] = [];
  const mappingFile = readMapping(source.mappingFile, cwd, problems);
  const ca = readNamed('SOURCE_TLS_CA', source.tlsCaFile, cwd, problems);
  judgeIdentity(source, problems);
  if (problems.length > 0) return { ok: false, problems };
  const options: FeedOptions = {
    connection: connectionSettings(source, ca),
    database: source.database,
    mappingFile,
    zone: source.timeZone,
    serverId: source.serverId,
    heartbeatPeriodMs: source.heartbeatMs,
    queueBytesMax: source.queueBytes,
    nameCacheMax: source.nameCacheSize,
    onPositionLost: source.onPositionLost,
    driftEveryMs: source.driftCheckMs,
    replicationEveryMs: source.replicationCheckMs,
    overdueAfterMs: source.overdueMs,
  };
  return { ok: true, options };
}

/** What is wrong with the files that the environment names, whatever else is wrong with it. */
export function fileProblems(env: Environment, cwd: string): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const named = (name: string): string | null => env[name]?.trim() || null;
  readMapping(named('MAPPING_FILE'), cwd, problems);
  readNamed('SOURCE_TLS_CA', named('SOURCE_TLS_CA'), cwd, problems);
  return problems;
}

/** The driver compares certificates with names only: for an address it would compare them with `localhost`. */
function judgeIdentity({ tls, host, socketPath }: SourceConfig, problems: ConfigProblem[]): void {
  if (tls !== 'verify-identity' || socketPath !== null || isIP(host) === 0) return;
  problems.push({
    name: 'SOURCE_TLS',
    problem: 'is verify-identity, which needs a host name, and the source is named by its address',
    fix: 'set SOURCE_HOST to the name in the certificate, or SOURCE_TLS=verify-ca',
  });
}

function connectionSettings(source: SourceConfig, ca: string | null): ConnectionSettings {
  return {
    host: source.host,
    port: source.port,
    user: source.user,
    password: source.password,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    ...(source.socketPath !== null && { socketPath: source.socketPath }),
    ...(source.tls !== 'off' && {
      ssl: {
        rejectUnauthorized: source.tls !== 'required',
        verifyIdentity: source.tls === 'verify-identity',
        ...(ca !== null && { ca }),
      },
    }),
  };
}

function readMapping(
  path: string | null,
  cwd: string,
  problems: ConfigProblem[],
): MappingOverride | null {
  const text = readNamed('MAPPING_FILE', path, cwd, problems);
  if (text === null) return null;
  const parsed = parseMappingFile(text);
  if (parsed.ok) return parsed.override;
  for (const { what, fix } of parsed.problems) {
    problems.push({ name: `MAPPING_FILE ${path ?? ''}:`, problem: what, fix });
  }
  return null;
}

/** The text of a file that an option names; null, and a problem, where it cannot be read. Null for no name, too. */
export function readNamed(
  name: string,
  path: string | null,
  cwd: string,
  problems: ConfigProblem[],
): string | null {
  if (path === null) return null;
  try {
    return readFileSync(resolve(cwd, path), 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    const fix = 'name a file that exists and that this user may read, or leave it out';
    problems.push({ name, problem: `names a file that cannot be read (${code})`, fix });
    return null;
  }
}
