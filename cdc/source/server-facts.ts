/**
 * What a server says of itself: its variables, read once.
 */
import type { Flavour } from './connection-settings.ts';
import type { Queryable } from './database-pool.ts';

export interface ServerFacts {
  readonly flavour: Flavour;
  /** As the server writes it. */
  readonly version: string;
  readonly major: number;
  readonly minor: number;
  readonly serverId: number;
  /** MySQL only. */
  readonly serverUuid: string | null;
  readonly logBin: boolean;
  readonly binlogFormat: string;
  readonly rowImage: string;
  readonly rowMetadata: string;
  /** `NONE` or `CRC32`. */
  readonly checksum: string;
  /** MySQL: `gtid_mode`; null on MariaDB. */
  readonly gtidMode: string | null;
  /** True when positions can be GTIDs. */
  readonly gtid: boolean;
  /** Seconds that binlogs are kept; null: for ever, or until somebody purges them. */
  readonly retentionSeconds: number | null;
  /** `PARTIAL_JSON` writes differences instead of values (MySQL). */
  readonly rowValueOptions: string;
  /** Transactions (MySQL) or events (MariaDB) are written compressed by default; any session may do so. */
  readonly isCompressed: boolean;
  readonly zone: {
    readonly global: string;
    readonly system: string;
    readonly offsetSeconds: number;
  };
}

const VARIABLES = [
  'version',
  'server_id',
  'server_uuid',
  'log_bin',
  'binlog_format',
  'binlog_row_image',
  'binlog_row_metadata',
  'binlog_checksum',
  'binlog_row_value_options',
  'binlog_transaction_compression',
  'log_bin_compress',
  'gtid_mode',
  'binlog_expire_logs_seconds',
  'binlog_expire_logs_auto_purge',
  'expire_logs_days',
  'time_zone',
  'system_time_zone',
];

/** @throws AppError */
export async function readServerFacts(database: Queryable): Promise<ServerFacts> {
  const rows = await database.query('SHOW GLOBAL VARIABLES WHERE Variable_name IN (?)', [
    VARIABLES,
  ]);
  const variables = new Map(rows.map((row) => [row[0] ?? '', row[1] ?? '']));
  const get = (name: string, otherwise: string): string => variables.get(name) ?? otherwise;
  const version = get('version', '');
  const flavour = /mariadb/i.test(version) ? 'mariadb' : 'mysql';
  const [, major = '0', minor = '0'] = /^(?:5\.5\.5-)?(\d+)\.(\d+)/.exec(version) ?? [];
  const gtidMode = variables.get('gtid_mode') ?? null;
  const [offset] = await database.query(
    `SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM'))`,
  );
  return {
    flavour,
    version,
    major: Number(major),
    minor: Number(minor),
    serverId: Number(get('server_id', '0')),
    serverUuid: variables.get('server_uuid') ?? null,
    logBin: get('log_bin', 'OFF') === 'ON',
    binlogFormat: get('binlog_format', 'ROW'),
    rowImage: get('binlog_row_image', 'FULL').toUpperCase(),
    rowMetadata: get('binlog_row_metadata', 'MINIMAL').toUpperCase(),
    checksum: get('binlog_checksum', 'NONE').toUpperCase(),
    gtidMode,
    gtid: flavour === 'mariadb' || gtidMode === 'ON',
    retentionSeconds: retention(get),
    rowValueOptions: get('binlog_row_value_options', ''),
    isCompressed:
      get('binlog_transaction_compression', 'OFF') === 'ON' ||
      get('log_bin_compress', 'OFF') === 'ON',
    zone: {
      global: get('time_zone', 'SYSTEM'),
      system: get('system_time_zone', ''),
      offsetSeconds: Number(offset?.[0] ?? '0'),
    },
  };
}

function retention(get: (name: string, otherwise: string) => string): number | null {
  if (get('binlog_expire_logs_auto_purge', 'ON') === 'OFF') return null;
  const seconds = Number(get('binlog_expire_logs_seconds', '0'));
  const days = Number(get('expire_logs_days', '0'));
  const kept = seconds > 0 ? seconds : days * 86_400;
  return kept > 0 ? kept : null;
}
