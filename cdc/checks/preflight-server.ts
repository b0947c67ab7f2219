/**
 * What a server's settings mean for tailing it. Pure.
 */
import type { Check } from './check.ts';
import type { ServerFacts } from '../source/server-facts.ts';

const OLDEST = { mysql: [8, 0], mariadb: [10, 5] } as const;
const RETENTION_MIN_SECONDS = 3_600;

export function checkServer(facts: ServerFacts): Check[] {
  return [
    version(facts),
    logBin(facts),
    format(facts),
    recommended('row-image', 'binlog_row_image', facts.rowImage, 'partial row images hide columns'),
    recommended(
      'row-metadata',
      'binlog_row_metadata',
      facts.rowMetadata,
      'without it an ALTER of a mapped table can stop the feed',
    ),
    rowValues(facts),
    checksum(facts),
    compression(facts),
    ownId(facts),
    gtidMode(facts),
    retention(facts),
  ];
}

function version({ flavour, version, major, minor }: ServerFacts): Check {
  const [oldestMajor, oldestMinor] = OLDEST[flavour];
  const isOld = major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
  const id = 'version';
  if (!isOld) return { id, level: 'ok', what: `${flavour} ${version}` };
  const oldest = `${oldestMajor.toString()}.${oldestMinor.toString()}`;
  return {
    id,
    level: 'problem',
    what: `${flavour} ${version} is older than ${oldest}.`,
    fix: `Upgrade it, or tail a replica of ${flavour} ${oldest} or newer.`,
  };
}

function logBin({ logBin: isOn }: ServerFacts): Check {
  const id = 'log-bin';
  if (isOn) return { id, level: 'ok', what: 'the binlog is on' };
  return {
    id,
    level: 'problem',
    what: 'The server writes no binlog (log_bin is OFF).',
    fix: 'my.cnf, [mysqld]: log_bin = binlog (and server_id = 1); then restart the server.',
  };
}

function format({ binlogFormat }: ServerFacts): Check {
  const id = 'binlog-format';
  if (binlogFormat === 'ROW') return { id, level: 'ok', what: 'binlog_format is ROW' };
  return {
    id,
    level: 'problem',
    what: `binlog_format is ${binlogFormat}: changed rows are not in the binlog.`,
    fix: `SET GLOBAL binlog_format = 'ROW'; and my.cnf, [mysqld]: binlog_format = ROW. Sessions that are open keep the old one.`,
  };
}

function recommended(id: string, variable: string, value: string, why: string): Check {
  if (value === 'FULL') return { id, level: 'ok', what: `${variable} is FULL` };
  return {
    id,
    level: 'warning',
    what: `${variable} is ${value}: ${why}.`,
    fix: `SET GLOBAL ${variable} = 'FULL'; and my.cnf, [mysqld]: ${variable} = FULL`,
  };
}

function rowValues({ rowValueOptions }: ServerFacts): Check {
  const id = 'row-value-options';
  if (rowValueOptions === '') return { id, level: 'ok', what: 'rows hold whole values' };
  return {
    id,
    level: 'problem',
    what: `binlog_row_value_options is ${rowValueOptions}: JSON columns are logged as differences.`,
    fix: `SET GLOBAL binlog_row_value_options = ''; and remove it from my.cnf`,
  };
}

function checksum({ checksum: kind }: ServerFacts): Check {
  const id = 'checksum';
  if (kind === 'CRC32') return { id, level: 'ok', what: 'events carry checksums' };
  return {
    id,
    level: 'warning',
    what: `binlog_checksum is ${kind}: damage in the binlog, or on the way from it, cannot be seen.`,
    fix: "SET GLOBAL binlog_checksum = 'CRC32'; and my.cnf, [mysqld]: binlog_checksum = CRC32",
  };
}

/** Both kinds are read; the line is there because other tailers lose such transactions without a word. */
function compression({ isCompressed }: ServerFacts): Check {
  const what = isCompressed
    ? 'the binlog is compressed, which is read as any other'
    : 'the binlog is not compressed';
  return { id: 'compression', level: 'ok', what };
}

function ownId({ serverId }: ServerFacts): Check {
  const id = 'source-server-id';
  if (serverId !== 0) return { id, level: 'ok', what: `the server's id is ${serverId.toString()}` };
  return {
    id,
    level: 'problem',
    what: 'The server has server_id 0 and refuses to send its binlog.',
    fix: 'SET GLOBAL server_id = 1; and my.cnf, [mysqld]: server_id = 1',
  };
}

function gtidMode({ flavour, gtidMode: mode, gtid }: ServerFacts): Check {
  const id = 'gtid';
  if (gtid) return { id, level: 'ok', what: 'positions are GTIDs' };
  return {
    id,
    level: 'warning',
    what: `gtid_mode is ${mode ?? 'unknown'} (${flavour}): positions are file and offset, which no other server shares.`,
    fix: 'Turn GTIDs on (docs/database.md) so that a failover does not cost the position.',
  };
}

function retention({ retentionSeconds }: ServerFacts): Check {
  const id = 'retention';
  if (retentionSeconds === null || retentionSeconds >= RETENTION_MIN_SECONDS) {
    return { id, level: 'ok', what: 'binlogs are kept long enough' };
  }
  return {
    id,
    level: 'warning',
    what: `Binlogs are kept for ${retentionSeconds.toString()} s only: a longer outage of ours loses the position.`,
    fix: 'SET GLOBAL binlog_expire_logs_seconds = 86400; and my.cnf, [mysqld]: binlog_expire_logs_seconds = 86400',
  };
}
