import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { EXAMPLE_JWT_SECRET, OPTIONS, type OptionName } from '../src/config-options.ts';
import { isEnabled, loadConfig, type Config, type ConfigResult } from '../src/config.ts';
import type { Environment } from '../src/config-problem.ts';
import { problemText } from '../src/config-problem.ts';
import type { Option } from '../src/option.ts';

const SECRET = 'a-secret-of-more-than-thirty-two-bytes-for-tests';
const LEAST: Environment = {
  DB_NAME: 'portal',
  DB_USER: 'api',
  DB_PASSWORD: 'pw',
  JWT_SECRET: SECRET,
};

function configOf(env: Environment): Config {
  const result = loadConfig({ ...LEAST, ...env });
  if (!result.ok) throw new Error(problemText(result.problems));
  return result.config;
}

function problemsOf(env: Environment): Record<string, string> {
  const result = loadConfig({ ...LEAST, ...env });
  if (result.ok) throw new Error('was accepted');
  return Object.fromEntries(result.problems.map(({ name, problem }) => [name, problem]));
}

function warningsOf(env: Environment): Record<string, string> {
  const result = loadConfig({ ...LEAST, ...env });
  if (!result.ok) throw new Error(problemText(result.problems));
  return Object.fromEntries(result.warnings.map(({ name, warning }) => [name, warning]));
}

/** For each option: where it ends up, its default there, texts with their values, and texts that are refused. */
interface Row {
  readonly of: (config: Config) => unknown;
  readonly absent: unknown;
  readonly good: readonly (readonly [text: string, value: unknown])[];
  readonly bad: readonly string[];
}

const BOOLEAN_BAD = ['maybe', '2', 'yess', '-1'];
const truths = (value: boolean): [string, boolean][] =>
  (value ? ['1', 'true', 'TRUE', 'on', 'yes'] : ['0', 'false', 'off', 'No']).map((text) => [
    text,
    value,
  ]);

const TABLE: Readonly<Record<Exclude<OptionName, 'JWT_EXPIRES_IN'>, Row>> = {
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
  NAME_CACHE_SIZE: {
    of: (c) => c.source.nameCacheSize,
    absent: 100_000,
    good: [
      ['100', 100],
      ['10000000', 10_000_000],
    ],
    bad: ['99', '10000001'],
  },
  APP_ENV: {
    of: (c) => c.tokens.isDevelopment,
    absent: false,
    good: [
      ['development', true],
      ['production', false],
      ['Development', false],
      ['staging', false],
    ],
    bad: [],
  },
  JWT_SECRET: {
    of: (c) => c.tokens.secret,
    absent: SECRET,
    good: [[`${SECRET} `, `${SECRET} `]],
    bad: ['short'],
  },
  ALLOW_WEAK_JWT_SECRET: {
    of: () => null,
    absent: null,
    good: [
      ['1', null],
      ['0', null],
    ],
    bad: BOOLEAN_BAD,
  },
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
    ],
    bad: ['a.example', 'https://a.example/', 'https://a.example, b'],
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
  MAX_CONNECTIONS: {
    of: (c) => c.server.maxConnections,
    absent: 50_000,
    good: [
      ['1', 1],
      ['1000000', 1_000_000],
    ],
    bad: ['0', '1000001'],
  },
  MAX_SUBSCRIPTIONS: {
    of: (c) => c.server.maxSubscriptions,
    absent: 200,
    good: [
      ['1', 1],
      ['100000', 100_000],
    ],
    bad: ['0', '100001'],
  },
  MAX_MESSAGE_BYTES: {
    of: (c) => c.server.maxMessageBytes,
    absent: 16_384,
    good: [
      ['256', 256],
      ['16777216', 16_777_216],
    ],
    bad: ['255', '16777217'],
  },
  MESSAGES_PER_SECOND: {
    of: (c) => c.server.messagesPerSecond,
    absent: 20,
    good: [
      ['1', 1],
      ['10000', 10_000],
    ],
    bad: ['0', '10001'],
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

describe('all faults at once', () => {
  test('an empty environment lists everything that is required', () => {
    const result = loadConfig({});
    expect(result.ok ? [] : result.problems.map(({ name }) => name)).toEqual([
      'DB_NAME',
      'DB_USER',
      'JWT_SECRET',
    ]);
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

  test('the text names every fault and its fix, on lines of their own', () => {
    const result = loadConfig({ ...LEAST, WS_PORT: 'x', LOG_LEVEL: 'y' });
    expect(result.ok ? '' : problemText(result.problems)).toBe(
      [
        'gavelcast cannot start: 2 things to mend in the configuration',
        '  WS_PORT must be a whole number from 0 to 65535',
        '      fix: for example WS_PORT=8080, or leave it out',
        '  LOG_LEVEL must be one of debug, info, warn, error, fatal',
        '      fix: for example LOG_LEVEL=info, or leave it out',
        '',
      ].join('\n'),
    );
  });

  test('faults of parts that a command does not use do not count', () => {
    expect(loadConfig({ JWT_SECRET: SECRET }, ['tokens']).ok).toBe(true);
    expect(loadConfig({ DB_NAME: 'a', DB_USER: 'b', WS_PORT: 'x' }, ['source']).ok).toBe(true);
    expect(loadConfig({ LOG_LEVEL: 'x' }, []).ok).toBe(false);
  });
});

describe('the source', () => {
  test('SOURCE_* win over DB_*, one by one', () => {
    const { source } = configOf({
      DB_HOST: 'a',
      DB_PORT: '1',
      SOURCE_HOST: 'b',
      SOURCE_USER: 'own',
    });
    expect(source).toMatchObject({
      host: 'b',
      port: 1,
      user: 'own',
      password: 'pw',
      database: 'portal',
    });
  });

  test('DB_USER is not needed beside SOURCE_USER', () => {
    const result = loadConfig({ ...LEAST, DB_USER: undefined, SOURCE_USER: 'own' });
    expect(result.ok && result.config.source.user).toBe('own');
  });

  test('an empty password is taken, with a warning outside development', () => {
    expect(warningsOf({ DB_PASSWORD: '' })).toHaveProperty('DB_PASSWORD');
    expect(warningsOf({ DB_PASSWORD: '', APP_ENV: 'development' })).toEqual({});
    expect(warningsOf({ DB_PASSWORD: '', SOURCE_PASSWORD: 'x' })).toEqual({});
  });

  test('options without effect are pointed out', () => {
    expect(warningsOf({ SOURCE_SOCKET: '/s', SOURCE_HOST: 'h' })).toHaveProperty('SOURCE_HOST');
    expect(warningsOf({ SOURCE_TLS: 'required', SOURCE_TLS_CA: 'ca' })).toHaveProperty(
      'SOURCE_TLS_CA',
    );
    expect(warningsOf({ SOURCE_TLS: 'verify-ca', SOURCE_TLS_CA: 'ca' })).toEqual({});
  });
});

describe('JWT_SECRET', () => {
  const thirtyOne = 'x'.repeat(31);

  test.each([
    ['', 'is empty'],
    [EXAMPLE_JWT_SECRET, 'is the one from the example file'],
    [thirtyOne, 'has fewer than 32 bytes'],
  ])('%j is refused outside development', (JWT_SECRET, problem) => {
    expect(problemsOf({ JWT_SECRET })).toEqual({ JWT_SECRET: problem });
    expect(warningsOf({ JWT_SECRET, APP_ENV: 'development' })).toHaveProperty('JWT_SECRET');
  });

  test('ALLOW_WEAK_JWT_SECRET lets a short one pass with a warning, and no other', () => {
    expect(warningsOf({ JWT_SECRET: thirtyOne, ALLOW_WEAK_JWT_SECRET: '1' })).toHaveProperty(
      'JWT_SECRET',
    );
    expect(
      problemsOf({ JWT_SECRET: EXAMPLE_JWT_SECRET, ALLOW_WEAK_JWT_SECRET: '1' }),
    ).toHaveProperty('JWT_SECRET');
    expect(problemsOf({ JWT_SECRET: '', ALLOW_WEAK_JWT_SECRET: '1' })).toHaveProperty('JWT_SECRET');
  });

  test('length counts in bytes', () => {
    expect(configOf({ JWT_SECRET: 'ü'.repeat(16) }).tokens.secret).toBe('ü'.repeat(16));
    expect(problemsOf({ JWT_SECRET: `${'ü'.repeat(15)}x` })).toHaveProperty('JWT_SECRET');
  });
});

describe('names', () => {
  test('those of the PHP side are ignored', () => {
    expect(
      warningsOf({ MAIL_HOST: 'x', APP_URL: 'y', DB_DRIVER: 'z', REDIS_PORT: '1', PATH: '/bin' }),
    ).toEqual({});
  });

  test.each([
    ['WS_PROT', 'WS_PORT'],
    ['DB_PASWORD', 'DB_PASSWORD'],
    ['DB_HOSTS', 'DB_HOST'],
    ['JWT_SECRAT', 'JWT_SECRET'],
    ['LOG_LEVLE', 'LOG_LEVEL'],
  ])('%s is taken for a slip of %s', (name, meant) => {
    expect(warningsOf({ [name]: 'x' })[name]).toBe(`is not known; did you mean ${meant}?`);
  });

  test('our own names, and the _FILE variants of secrets, are no slips of one another', () => {
    const names = Object.entries(OPTIONS).flatMap(([name, option]: [string, Option<unknown>]) =>
      option.isSecret ? [name, `${name}_FILE`] : [name],
    );
    const all = Object.fromEntries(names.map((name) => [name, '']));
    const result = loadConfig({ ...all, ...LEAST });
    expect(result.ok && result.warnings).toEqual([]);
  });

  test('a file for what is no secret is pointed out', () => {
    expect(warningsOf({ DB_USER_FILE: '/run/user' })).toEqual({
      DB_USER_FILE: 'is not used: only secrets may be in a file; set DB_USER',
    });
  });
});

test('WS_ENABLED is readable whatever else is wrong', () => {
  expect(isEnabled({ WS_ENABLED: 'false', DB_PORT: 'x' })).toBe(false);
  expect(isEnabled({ WS_ENABLED: ' OFF ' })).toBe(false);
  expect(isEnabled({})).toBe(true);
  expect(isEnabled({ WS_ENABLED: 'nonsense' })).toBe(true);
});

describe('secrets', () => {
  const CANARY = 'kanarienvogel';
  const secrets = Object.entries(OPTIONS)
    .filter(([, option]: [string, Option<unknown>]) => option.isSecret)
    .map(([name]) => name);
  const without = (result: ConfigResult): string =>
    JSON.stringify(result.ok ? [result.warnings, result.effective] : result.problems);

  test('there are three of them', () => {
    expect(secrets).toEqual(['DB_PASSWORD', 'SOURCE_PASSWORD', 'JWT_SECRET']);
  });

  test('no warning, problem or listing repeats one, whatever else is in the environment', () => {
    const names = Object.keys(OPTIONS).filter((name) => !secrets.includes(name));
    const others = fc.dictionary(
      fc.constantFrom(...names),
      fc.oneof(fc.string(), fc.constantFrom('0', '1', 'on')),
    );
    const length = fc.integer({ min: 0, max: 40 });
    fc.assert(
      fc.property(others, length, (env, extra) => {
        const value = `${CANARY}${'x'.repeat(extra)}`;
        const withSecrets = Object.fromEntries(secrets.map((name) => [name, value]));
        expect(without(loadConfig({ ...env, ...withSecrets }))).not.toContain(CANARY);
      }),
    );
  });

  test('the listing says only that one is set', () => {
    const result = loadConfig({ ...LEAST, DB_PASSWORD: CANARY });
    const shown = result.ok ? result.effective.filter(({ name }) => secrets.includes(name)) : [];
    expect(shown).toEqual([
      { name: 'DB_PASSWORD', shown: '(set)', isDefault: false },
      { name: 'SOURCE_PASSWORD', shown: '', isDefault: true },
      { name: 'JWT_SECRET', shown: '(set)', isDefault: false },
    ]);
  });

  test('a value where none belongs is not repeated either: lines of an env file slip', () => {
    const slipped = {
      DB_HOST: CANARY + '://',
      DB_PORT: CANARY,
      WS_PORT: CANARY,
      LOG_LEVEL: CANARY,
      WS_PATH: CANARY,
    };
    const result = loadConfig({ ...LEAST, ...slipped });
    expect(result.ok).toBe(false);
    expect(without(result)).not.toContain(CANARY);
  });
});
