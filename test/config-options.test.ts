import { describe, expect, test } from 'vitest';

import type { OptionName } from '../src/config-options.ts';
import { loadConfig } from '../src/config.ts';
import { configOf, LEAST } from './config-builder.ts';
import { BOOLEAN_BAD, truths, type OptionRow } from './option-row.ts';
import { LIMIT_ROWS } from './limit-option-rows.ts';
import { TOKEN_ROWS } from './token-option-rows.ts';

const TABLE: Readonly<Record<Exclude<OptionName, 'JWT_EXPIRES_IN'>, OptionRow>> = {
  DB_HOST: {
    of: (c) => c.source.host,
    absent: '127.0.0.1',
    good: [
      ['db.internal', 'db.internal'],
      ['my_db', 'my_db'],
      ['10.0.0.7', '10.0.0.7'],
      ['::1', '::1'],
      ['  db  ', 'db'],
    ],
    bad: ['mysql://db', 'db:3306', 'db/portal', 'a b', '-db'],
  },
  DB_PORT: {
    of: (c) => c.source.port,
    absent: 3306,
    good: [
      ['1', 1],
      ['65535', 65_535],
      ['03307', 3307],
    ],
    bad: ['0', '65536', '-1', '3306.5', '3e3', '0x10', 'abc', '99999999999999999999'],
  },
  DB_NAME: {
    of: (c) => c.source.database,
    absent: 'portal',
    good: [['a', 'a']],
    bad: ['x'.repeat(65)],
  },
  DB_USER: { of: (c) => c.source.user, absent: 'api', good: [['u', 'u']], bad: [] },
  DB_PASSWORD: { of: (c) => c.source.password, absent: 'pw', good: [[' p w ', ' p w ']], bad: [] },
  SOURCE_HOST: { of: (c) => c.source.host, absent: '127.0.0.1', good: [['r', 'r']], bad: ['r:1'] },
  SOURCE_PORT: { of: (c) => c.source.port, absent: 3306, good: [['33', 33]], bad: ['0', 'x'] },
  SOURCE_USER: { of: (c) => c.source.user, absent: 'api', good: [['own', 'own']], bad: [] },
  SOURCE_PASSWORD: { of: (c) => c.source.password, absent: 'pw', good: [['own', 'own']], bad: [] },
  SOURCE_SOCKET: {
    of: (c) => c.source.socketPath,
    absent: null,
    good: [['/run/mysqld.sock', '/run/mysqld.sock']],
    bad: ['mysqld.sock'],
  },
  SOURCE_TLS: {
    of: (c) => c.source.tls,
    absent: 'off',
    good: ['off', 'required', 'verify-ca', 'verify-identity'].map((word) => [word, word]),
    bad: ['on', 'VERIFY_CA'],
  },
  SOURCE_TLS_CA: {
    of: (c) => c.source.tlsCaFile,
    absent: null,
    good: [['ca.pem', 'ca.pem']],
    bad: [],
  },
  DB_TIMEZONE: {
    of: (c) => c.source.timeZone,
    absent: null,
    good: [
      ['Europe/Berlin', 'Europe/Berlin'],
      ['+02:00', '+02:00'],
      ['UTC', 'UTC'],
    ],
    bad: ['Berlin/Europe', '+25:00', 'SYSTEM', '2'],
  },
  MAPPING_FILE: {
    of: (c) => c.source.mappingFile,
    absent: null,
    good: [['m.json', 'm.json']],
    bad: [],
  },
  STATE_DIR: {
    of: (c) => c.source.stateDir,
    absent: null,
    good: [['/var/lib/gavelcast', '/var/lib/gavelcast']],
    bad: [],
  },
  CHECKPOINT_FILE: {
    of: (c) => c.source.checkpointFile,
    absent: null,
    good: [['state/c.json', 'state/c.json']],
    bad: [],
  },
  SERVER_ID: {
    of: (c) => c.source.serverId,
    absent: null,
    good: [
      ['1', 1],
      ['4294967295', 4_294_967_295],
    ],
    bad: ['0', '4294967296'],
  },
  ON_POSITION_LOST: {
    of: (c) => c.source.onPositionLost,
    absent: 'resync',
    good: [
      ['halt', 'halt'],
      ['resync', 'resync'],
    ],
    bad: ['stop'],
  },
  SOURCE_HEARTBEAT_MS: {
    of: (c) => c.source.heartbeatMs,
    absent: 1000,
    good: [
      ['100', 100],
      ['60000', 60_000],
    ],
    bad: ['99', '60001'],
  },
  QUEUE_BYTES: {
    of: (c) => c.source.queueBytes,
    absent: 67_108_864,
    good: [
      ['65536', 65_536],
      ['4294967296', 4_294_967_296],
    ],
    bad: ['65535', '4294967297', '64M'],
  },
  DRIFT_CHECK_MINUTES: {
    of: (c) => c.source.driftCheckMs,
    absent: 900_000,
    good: [
      ['0', 0],
      ['10080', 604_800_000],
    ],
    bad: ['-1', '10081', 'never'],
  },
  REPLICATION_CHECK_SECONDS: {
    of: (c) => c.source.replicationCheckMs,
    absent: 5000,
    good: [
      ['0', 0],
      ['3600', 3_600_000],
    ],
    bad: ['-1', '3601', 'off'],
  },
  OVERDUE_SECONDS: {
    of: (c) => c.source.overdueMs,
    absent: 180_000,
    good: [
      ['1', 1000],
      ['86400', 86_400_000],
    ],
    bad: ['0', '86401', '3m'],
  },
  NAME_CACHE_SIZE: {
    of: (c) => c.source.nameCacheSize,
    absent: 100_000,
    good: [
      ['100', 100],
      ['10000000', 10_000_000],
    ],
    bad: ['99', '10000001'],
  },
  ...TOKEN_ROWS,
  WS_HOST: {
    of: (c) => c.server.host,
    absent: '0.0.0.0',
    good: [
      ['127.0.0.1', '127.0.0.1'],
      ['::', '::'],
    ],
    bad: ['ws://x'],
  },
  WS_PORT: {
    of: (c) => c.server.port,
    absent: 8080,
    good: [
      ['0', 0],
      ['65535', 65_535],
    ],
    bad: ['65536', 'http'],
  },
  WS_REUSE_PORT: {
    of: (c) => c.server.reusePort,
    absent: false,
    good: [...truths(true), ...truths(false)],
    bad: BOOLEAN_BAD,
  },
  WORKERS: {
    of: (c) => c.server.workers,
    absent: null,
    good: [
      ['off', null],
      ['auto', 'auto'],
      ['1', 1],
      ['64', 64],
    ],
    bad: ['0', '65', '-1', '2.5', 'many', '02'],
  },
  WS_ENABLED: {
    of: (c) => c.isEnabled,
    absent: true,
    good: [...truths(true), ...truths(false)],
    bad: BOOLEAN_BAD,
  },
  WS_PATH: {
    of: (c) => c.server.path,
    absent: null,
    good: [
      ['/ws', '/ws'],
      ['/', '/'],
    ],
    bad: ['ws', '/ws?x=1', '/a b', '/a#b'],
  },
  WS_TLS_CERT: { of: (c) => c.server.tlsCertFile, absent: null, good: [['c', 'c']], bad: [] },
  WS_TLS_KEY: { of: (c) => c.server.tlsKeyFile, absent: null, good: [['k', 'k']], bad: [] },
  TRUSTED_PROXIES: {
    of: (c) => c.server.trustedProxies,
    absent: ['127.0.0.0/8', '::1'],
    good: [
      ['10.0.0.7, 192.168.0.0/16, fd00::/8', ['10.0.0.7', '192.168.0.0/16', 'fd00::/8']],
      ['none', []],
    ],
    bad: ['10', '10.0.0.0/33', 'proxy.internal', '0x7f.1'],
  },
  ALLOWED_HOSTS: {
    of: (c) => c.server.allowedHosts,
    absent: null,
    good: [['ws.a.example,b:8080,[::1]', ['ws.a.example', 'b:8080', '[::1]']]],
    bad: ['https://a.example', 'a/b', 'a b'],
  },
  REQUIRE_ORIGIN: {
    of: (c) => c.server.requireOrigin,
    absent: false,
    good: [...truths(true), ...truths(false)],
    bad: BOOLEAN_BAD,
  },
  UPCOMING_ITEMS: {
    of: (c) => c.messages.upcomingItems,
    absent: 'seller',
    good: [['all', 'all']],
    bad: ['none'],
  },
  ALLOWED_ORIGINS: {
    of: (c) => c.server.allowedOrigins,
    absent: null,
    good: [
      ['https://a.example', ['https://a.example']],
      [
        ' https://a.example , http://localhost:3000,',
        ['https://a.example', 'http://localhost:3000'],
      ],
      [',', null],
      ['https://*.a.example', ['https://*.a.example']],
    ],
    bad: [
      'https://*',
      'https://a.*.example',
      'a.example',
      'https://a.example/',
      'https://a.example, b',
    ],
  },
  HEARTBEAT_SECONDS: {
    of: (c) => c.server.heartbeatMs,
    absent: 25_000,
    good: [
      ['1', 1000],
      ['300', 300_000],
    ],
    bad: ['0', '301'],
  },
  DRAIN_SECONDS: {
    of: (c) => c.server.drainMs,
    absent: 5000,
    good: [
      ['0', 0],
      ['600', 600_000],
    ],
    bad: ['601'],
  },
  BIDDER_NAMES: {
    of: (c) => c.messages.bidderNames,
    absent: 'full',
    good: ['full', 'masked', 'none'].map((word) => [word, word]),
    bad: ['hidden'],
  },
  LEGACY_TIMES: {
    of: (c) => c.messages.legacyTimes,
    absent: false,
    good: [...truths(true), ...truths(false)],
    bad: BOOLEAN_BAD,
  },
  ...LIMIT_ROWS,
  HISTORY_MINUTES: {
    of: (c) => c.history.ageMs,
    absent: 600_000,
    good: [
      ['1', 60_000],
      ['1440', 86_400_000],
    ],
    bad: ['0', '1441'],
  },
  HISTORY_REFILL_CHANGES: {
    of: (c) => c.history.refillChanges,
    absent: 200_000,
    good: [['1000', 1000]],
    bad: ['999', '10000001'],
  },
  HISTORY_EVENTS: {
    of: (c) => c.history.events,
    absent: 200_000,
    good: [['1000', 1000]],
    bad: ['999', '10000001'],
  },
  HISTORY_BYTES: {
    of: (c) => c.history.bytes,
    absent: 67_108_864,
    good: [['1048576', 1_048_576]],
    bad: ['1048575', '64M'],
  },
  ADMIN_HOST: {
    of: (c) => c.admin.host,
    absent: '127.0.0.1',
    good: [
      ['0.0.0.0', '0.0.0.0'],
      ['::1', '::1'],
    ],
    bad: ['http://127.0.0.1', '127.0.0.1:8081'],
  },
  ADMIN_PORT: {
    of: (c) => c.admin.port,
    absent: 8081,
    good: [
      ['0', 0],
      ['off', 0],
      ['9464', 9464],
    ],
    bad: ['65536', 'on', '-1', ''.padEnd(16, '9')],
  },
  ADMIN_TOKEN: {
    of: (c) => c.admin.token,
    absent: null,
    good: [['sixteen-letters!', 'sixteen-letters!']],
    bad: ['short'],
  },
  LOG_LEVEL: {
    of: (c) => c.log.level,
    absent: 'info',
    good: ['debug', 'info', 'warn', 'error', 'fatal'].map((word) => [word, word]),
    bad: ['verbose', 'INFO'],
  },
  LOG_FORMAT: {
    of: (c) => c.log.format,
    absent: 'auto',
    good: ['auto', 'json', 'pretty'].map((word) => [word, word]),
    bad: ['text'],
  },
};

describe.each(Object.entries(TABLE))('%s', (name, row) => {
  test('absent or empty: its default', () => {
    expect(row.of(configOf({}))).toEqual(row.absent);
    const isGiven = Object.hasOwn(LEAST, name);
    if (!isGiven) expect(row.of(configOf({ [name]: '' }))).toEqual(row.absent);
  });

  test('takes what is within its bounds', () => {
    for (const [text, value] of row.good) expect(row.of(configOf({ [name]: text }))).toEqual(value);
  });

  test('refuses the rest, by its own name and with a fix', () => {
    for (const text of row.bad) {
      const result = loadConfig({ ...LEAST, [name]: text });
      expect(result.ok, `${name}=${text}`).toBe(false);
      if (result.ok) continue;
      expect(result.problems).toHaveLength(1);
      expect(result.problems[0]?.name).toBe(name);
      expect(result.problems[0]?.fix).toMatch(/\S/);
    }
  });
});

test('JWT_EXPIRES_IN is the PHP side’s: whatever it says changes nothing', () => {
  expect(configOf({ JWT_EXPIRES_IN: 'nonsense' })).toEqual(configOf({}));
});

test('one fault in every option that can have one gives one line for each', () => {
  const faults = Object.entries(TABLE).flatMap(([name, { bad }]) =>
    bad[0] === undefined ? [] : [[name, bad[0]] as const],
  );
  const result = loadConfig({ ...LEAST, ...Object.fromEntries(faults) });
  const names = result.ok ? [] : result.problems.map(({ name }) => name).sort();
  expect(names).toEqual(faults.map(([name]) => name).sort());
  expect(names.length).toBeGreaterThan(25);
});

test('JWKS_ALGORITHM goes with JWKS_URL', () => {
  const { rules } = configOf({ JWKS_URL: 'https://a.example/', JWKS_ALGORITHM: 'EdDSA' }).tokens;
  expect(rules.remote).toEqual({ url: 'https://a.example/', algorithm: 'EdDSA' });
});

test('JWT_SECRET may be empty only where there are other keys, and is then no key', () => {
  const env = { JWT_SECRET: '', JWKS_URL: 'https://a.example/' };
  expect(configOf(env).tokens.rules.keys).toEqual([]);
  expect(loadConfig({ ...LEAST, JWT_SECRET: '' }).ok).toBe(false);
});
