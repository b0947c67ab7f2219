import { createHmac } from 'node:crypto';

import jwt from 'jsonwebtoken';
import { describe, expect, test } from 'vitest';

import { parseLifetime } from '../../src/commands/lifetime.ts';
import { run } from './context.ts';

const SECRET = 'kanarienvogel-secret-of-more-than-32-bytes';
const NOW_MS = Date.parse('2026-02-01T10:00:00Z');
const NOW = NOW_MS / 1000;
const WORLD = { env: { JWT_SECRET: SECRET, APP_ENV: 'development' }, nowMs: NOW_MS };

function sign(claims: object, options: { secret?: string; header?: object } = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'HS256', typ: 'JWT', ...options.header })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', options.secret ?? SECRET)
    .update(text)
    .digest('base64url')}`;
}

const GOOD = { userId: 42, email: 'a@example.com', iat: NOW, exp: NOW + 3600 };

describe('minting', () => {
  test('a token with the portal’s claims, alone on stdout', async () => {
    const { code, stdout, stderr } = await run(['token', '--user', '42'], WORLD);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const verified = jwt.verify(stdout.trim(), SECRET, { complete: true, clockTimestamp: NOW });
    expect(verified.header).toEqual({ alg: 'HS256', typ: 'JWT' });
    expect(verified.payload).toEqual({
      userId: 42,
      email: 'user42@example.invalid',
      iat: NOW,
      exp: NOW + 7 * 86_400,
    });
  });

  test('lifetime and e-mail as asked', async () => {
    const args = ['token', '--user', '7', '--expires', '15m', '--email', 'bob@example.com'];
    const { stdout } = await run(args, WORLD);
    expect(jwt.decode(stdout.trim())).toMatchObject({ email: 'bob@example.com', exp: NOW + 900 });
  });

  test('what it mints, the server’s own verifier accepts', async () => {
    for (const secret of [SECRET, 'x', '']) {
      const world = { ...WORLD, env: { APP_ENV: 'development', JWT_SECRET: secret } };
      const minted = await run(['token', '--user', '42', '--expires', '1h'], world);
      const checked = await run(['token', '--check', minted.stdout], world);
      expect(checked.stdout).toBe(
        'accepted: user 42, expires in 1 h 0 min (2026-02-01T11:00:00.000Z)\n',
      );
      expect(checked.code).toBe(0);
    }
  });

  test('outside development it warns, on stderr', async () => {
    const { code, stdout, stderr } = await run(['token', '--user', '42'], {
      env: { JWT_SECRET: SECRET },
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\S+\n$/);
    expect(stderr).toMatch(/^gavelcast: warning: APP_ENV is not development/);
  });

  test('a secret that serve would refuse is refused here too', async () => {
    const { code, stdout, stderr } = await run(['token', '--user', '42'], {
      env: { JWT_SECRET: 'short' },
    });
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr).toContain('JWT_SECRET has fewer than 32 bytes');
  });

  test.each([
    [['token'], 'give either'],
    [['token', '--user', '1', '--check', 'x'], 'give either'],
    [['token', '--user', '0'], 'Not a user id'],
    [['token', '--user', '1.5'], 'Not a user id'],
    [['token', '--user', 'bob'], 'Not a user id'],
    [['token', '--user', '1', '--expires', '0'], 'Not a lifetime'],
    [['token', '--user', '1', '--expires', '1w'], 'Not a lifetime'],
  ])('%j is wrong usage', async (args, words) => {
    const { code, stdout, stderr } = await run(args, WORLD);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain(words);
  });
});

describe('checking', () => {
  test.each([
    [
      'expired',
      sign({ ...GOOD, exp: NOW - 7200 }),
      'it expired 2 h 0 min ago (2026-02-01T08:00:00.000Z)',
    ],
    [
      'another secret',
      sign(GOOD, { secret: 'another' }),
      'it was signed with another secret than our JWT_SECRET',
    ],
    ['changed', sign(GOOD).replace(/\.[^.]+\./, '.e30.'), 'or changed after signing'],
    [
      'algorithm',
      sign(GOOD, { header: { alg: 'HS512' } }),
      'its algorithm is "HS512"; only HS256 is accepted',
    ],
    ['no algorithm', sign(GOOD, { header: { alg: 'none' } }), 'its algorithm is "none"'],
    ['refresh', sign({ ...GOOD, type: 'refresh' }), 'it is a refresh token'],
    [
      'refresh, as the portal signs it',
      sign({ ...GOOD, type: 'refresh' }, { secret: `${SECRET}-refresh` }),
      'it is a refresh token',
    ],
    ['no user', sign({ ...GOOD, userId: undefined }), 'it has no userId claim'],
    ['user as text', sign({ ...GOOD, userId: '42' }), 'its userId claim is not a positive integer'],
    ['no expiry', sign({ ...GOOD, exp: undefined }), 'it has no expiry (exp)'],
    ['expiry as text', sign({ ...GOOD, exp: 'soon' }), 'its expiry (exp) is not a number'],
    [
      'not yet',
      sign({ ...GOOD, nbf: NOW + 60 }),
      'it is not valid before 2026-02-01T10:01:00.000Z',
    ],
    ['critical extension', sign(GOOD, { header: { crit: ['x'] } }), 'critical extensions'],
    ['too long', sign({ ...GOOD, padding: 'x'.repeat(9000) }), '8192 are allowed'],
    ['no JWT', 'garbage', 'it is not a JWT'],
    ['empty', '', 'it is not a JWT'],
  ])('%s', async (_name, text, reason) => {
    const { code, stdout, stderr } = await run(['token', '--check', text], WORLD);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^refused: /);
    expect(stdout).toContain(reason);
    expect(stdout + stderr).not.toContain('kanarienvogel');
  });

  test('a copied header value is understood', async () => {
    const { stdout } = await run(['token', '--check', `Bearer ${sign(GOOD)}\n`], WORLD);
    expect(stdout).toMatch(/^accepted: user 42/);
  });
});

test.each([
  ['90', 90],
  ['90s', 90],
  ['15m', 900],
  ['1h', 3600],
  ['7d', 604_800],
  ['0', null],
  ['', null],
  ['h', null],
  ['1.5h', null],
  ['-1h', null],
])('lifetime %j', (text, seconds) => {
  expect(parseLifetime(text)).toBe(seconds);
});
