import { createHmac, generateKeyPairSync } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { describe, expect, test } from 'vitest';
import {
  createTokenVerifier,
  TOKEN_BYTES_MAX,
  type TokenVerdict,
} from '../../server/token-verifier.ts';
import { portalTokenRules } from '../../src/token-rules.ts';

const SECRET = 'a-secret-of-the-portal-that-is-long-enough';
const NOW_MS = 1_769_940_000_000;
const NOW_S = NOW_MS / 1000;
const judge = createTokenVerifier(portalTokenRules(SECRET), { now: () => NOW_MS });

const GOOD = { userId: 42, email: 'a@example.org', iat: NOW_S - 10, exp: NOW_S + 3600 };

/** The portal's own tokens are judged at once. */
function verify(token: string): TokenVerdict {
  const verdict = judge(token);
  if (verdict instanceof Promise) throw new Error('judged later');
  return verdict;
}

function sign(claims: object, secret: jwt.Secret = SECRET, options: jwt.SignOptions = {}): string {
  return jwt.sign(claims, secret, options);
}

/** A token with any header and payload text, signed with our own key the HS256 way. */
function forge(header: object, payload: string, secret = SECRET): string {
  const head = Buffer.from(JSON.stringify(header)).toString('base64url');
  const body = Buffer.from(payload).toString('base64url');
  const mac = createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url');
  return `${head}.${body}.${mac}`;
}

test('a good token names its user and its expiry', () => {
  expect(verify(sign(GOOD))).toEqual({ ok: true, userId: '42', expiresAtMs: GOOD.exp * 1000 });
});

test('an expired token is told apart, and only when all else is right', () => {
  expect(verify(sign({ ...GOOD, exp: NOW_S }))).toEqual({ ok: false, reason: 'expired' });
  expect(verify(sign({ ...GOOD, exp: NOW_S - 1 }))).toEqual({ ok: false, reason: 'expired' });
  expect(verify(sign({ ...GOOD, exp: NOW_S - 1 }, `${SECRET}x`))).toEqual({
    ok: false,
    reason: 'signature',
  });
  expect(verify(sign({ ...GOOD, exp: NOW_S - 1, type: 'refresh' }))).toEqual({
    ok: false,
    reason: 'refresh',
  });
});

test('a refresh token is refused whatever signs it', () => {
  const claims = { ...GOOD, type: 'refresh' };
  expect(verify(sign(claims))).toEqual({ ok: false, reason: 'refresh' });
  expect(verify(sign(claims, `${SECRET}-refresh`))).toEqual({ ok: false, reason: 'signature' });
});

describe('claims', () => {
  const bad: [string, object, string][] = [
    ['no exp', { userId: 42 }, 'expiry_missing'],
    ['exp as text', { userId: 42, exp: String(NOW_S + 60) }, 'expiry_missing'],
    ['exp null', { userId: 42, exp: null }, 'expiry_missing'],
    ['exp past all calendars', { userId: 42, exp: 1e15 }, 'expiry_missing'],
    ['no user', { exp: NOW_S + 60 }, 'user_missing'],
    ['user zero', { userId: 0, exp: NOW_S + 60 }, 'user_missing'],
    ['user negative', { userId: -1, exp: NOW_S + 60 }, 'user_missing'],
    ['user a fraction', { userId: 1.5, exp: NOW_S + 60 }, 'user_missing'],
    ['user too large to be exact', { userId: 2 ** 53, exp: NOW_S + 60 }, 'user_missing'],
    ['user as text', { userId: '42', exp: NOW_S + 60 }, 'user_missing'],
    ['user true', { userId: true, exp: NOW_S + 60 }, 'user_missing'],
    ['user a list', { userId: [42], exp: NOW_S + 60 }, 'user_missing'],
    ['not yet active', { ...GOOD, nbf: NOW_S + 60 }, 'not_active'],
  ];
  test.each(bad)('%s', (_name, claims, reason) => {
    const token = forge({ alg: 'HS256', typ: 'JWT' }, JSON.stringify(claims));
    expect(verify(token)).toEqual({ ok: false, reason });
  });

  test.each(['null', '[]', '"text"', '42', 'not json', ''])('payload %j', (payload) => {
    expect(verify(forge({ alg: 'HS256', typ: 'JWT' }, payload)).ok).toBe(false);
  });
});

describe('algorithms and signatures', () => {
  test.each(['none', 'None', 'NONE', 'nOnE'])('alg %s without a signature', (alg) => {
    const head = Buffer.from(JSON.stringify({ alg, typ: 'JWT' })).toString('base64url');
    const body = Buffer.from(JSON.stringify(GOOD)).toString('base64url');
    expect(verify(`${head}.${body}.`)).toEqual({ ok: false, reason: 'signature' });
    expect(verify(`${head}.${body}`)).toEqual({ ok: false, reason: 'signature' });
    expect(verify(forge({ alg }, JSON.stringify(GOOD)))).toEqual({
      ok: false,
      reason: 'signature',
    });
  });

  test.each(['HS384', 'HS512'] as const)('%s with the right secret', (algorithm) => {
    expect(verify(sign(GOOD, SECRET, { algorithm }))).toEqual({ ok: false, reason: 'signature' });
  });

  test('RS256, ES256 and PS256 tokens', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    for (const [key, algorithm] of [
      [rsa, 'RS256'],
      [rsa, 'PS256'],
      [ec, 'ES256'],
    ] as const) {
      expect(verify(sign(GOOD, key, { algorithm }))).toEqual({ ok: false, reason: 'signature' });
    }
  });

  test('a token changed in any one character of any part', () => {
    const token = sign(GOOD);
    for (let at = 0; at < token.length; at += 1) {
      const other = token[at] === 'A' ? 'Q' : 'A';
      const changed = `${token.slice(0, at)}${other}${token.slice(at + 1)}`;
      // The last character of a base64url MAC has bits that decode to nothing; Q and A differ in those that count.
      if (changed !== token) expect(verify(changed).ok, `at ${String(at)}`).toBe(false);
    }
  });

  test('a header that came with a good token vouches for no other', () => {
    const header = { alg: 'HS256', typ: 'JWT', kid: 'seen' };
    expect(verify(forge(header, JSON.stringify(GOOD)))).toMatchObject({ ok: true, userId: '42' });
    const other = JSON.stringify({ ...GOOD, userId: 43 });
    expect(verify(forge(header, other, `${SECRET}x`))).toEqual({ ok: false, reason: 'signature' });
    expect(verify(forge(header, other))).toMatchObject({ ok: true, userId: '43' });
  });

  test('headers without end are judged alike', () => {
    for (let kid = 0; kid < 200; kid += 1) {
      const header = { alg: 'HS256', typ: 'JWT', kid: kid.toString() };
      expect(verify(forge(header, JSON.stringify(GOOD)))).toMatchObject({ ok: true });
      expect(verify(forge(header, JSON.stringify(GOOD), `${SECRET}x`))).toMatchObject({
        ok: false,
      });
    }
  });

  test('a critical header extension is not understood', () => {
    const token = forge({ alg: 'HS256', crit: ['b64'], b64: false }, JSON.stringify(GOOD));
    expect(verify(token)).toEqual({ ok: false, reason: 'signature' });
  });

  test.each(['', '.', '..', 'a.b.c', 'x'.repeat(300)])('rubbish %j', (token) => {
    expect(verify(token)).toEqual({ ok: false, reason: 'signature' });
  });

  test('an oversize token, though well signed', () => {
    const token = sign({ ...GOOD, pad: 'x'.repeat(TOKEN_BYTES_MAX) });
    expect(verify(token)).toEqual({ ok: false, reason: 'too_long' });
  });
});
