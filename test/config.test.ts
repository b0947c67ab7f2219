import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { OPTIONS } from '../src/config-options.ts';
import { EXAMPLE_JWT_SECRET } from '../src/config-token-options.ts';
import { isEnabled, loadConfig, type ConfigResult } from '../src/config.ts';
import type { Environment } from '../src/config-problem.ts';
import { problemText } from '../src/config-problem.ts';
import type { Option } from '../src/option.ts';
import { configOf, LEAST, SECRET } from './config-builder.ts';

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

describe('all faults at once', () => {
  test('an empty environment lists everything that is required', () => {
    const result = loadConfig({});
    expect(result.ok ? [] : result.problems.map(({ name }) => name)).toEqual([
      'DB_NAME',
      'DB_USER',
      'JWT_SECRET',
    ]);
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

  test('there are five of them', () => {
    const names = ['DB_PASSWORD', 'SOURCE_PASSWORD', 'JWT_SECRET', 'JWT_KEYS', 'ADMIN_TOKEN'];
    expect(secrets).toEqual(names);
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
      { name: 'JWT_KEYS', shown: '', isDefault: true },
      { name: 'ADMIN_TOKEN', shown: '', isDefault: true },
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
