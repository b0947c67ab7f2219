import { createHmac, createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import jwt from 'jsonwebtoken';
import { expect, test } from 'vitest';
import { isSignedWith } from '../../server/secret-signature.ts';
import { createTokenVerifier, type TokenVerdict } from '../../server/token-verifier.ts';
import {
  portalTokenRules,
  SECRET_ALGORITHMS,
  type SecretAlgorithm,
} from '../../src/token-rules.ts';

const NOW_MS = 1_769_940_000_000;
const USER_ID = 42;
const CLAIMS = { userId: USER_ID, exp: NOW_MS / 1000 + 3600 };
const DIGESTS = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' } as const;

const algorithms = fc.constantFrom(...SECRET_ALGORITHMS);

function macOf(algorithm: SecretAlgorithm, secret: string, text: string): string {
  return createHmac(DIGESTS[algorithm], secret).update(text).digest('base64url');
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64url');
}

test('of the spellings of one signature only the canonical one counts', () => {
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const mac = macOf('HS256', 'secret', 'a.b');
  const bytes = Buffer.from(mac, 'base64url');
  const spellings = Array.from(ALPHABET, (last) => `${mac.slice(0, -1)}${last}`);
  const same = spellings.filter((it) => Buffer.from(it, 'base64url').equals(bytes));
  expect(same.length).toBe(4);
  const key = createSecretKey(Buffer.from('secret'));
  const ringKey = { algorithm: 'HS256', kid: null, key } as const;
  expect(same.filter((it) => isSignedWith(ringKey, `a.b.${it}`))).toEqual([mac]);
});

const usually = fc.nat({ max: 4 }).map((it) => it > 0);

/** Tokens good and bad: what `jsonwebtoken` thinks of each is asked, not assumed. */
const tokens = fc
  .record({
    algorithm: algorithms,
    named: fc.constantFrom<unknown>(...SECRET_ALGORITHMS, 'none', 'RS256', 'hs256', '', null, 7),
    isNamedTruly: usually,
    typ: fc.constantFrom(undefined, 'JWT', 'jwt', 'x'),
    payload: fc.oneof(
      fc.constant(JSON.stringify(CLAIMS)),
      fc.json(),
      fc.string({ unit: 'binary', maxLength: 40 }),
    ),
    isOurs: usually,
  })
  .map(({ algorithm, named, isNamedTruly, typ, payload, isOurs }) => {
    const header = encoded(JSON.stringify({ alg: isNamedTruly ? algorithm : named, typ }));
    const signed = `${header}.${encoded(payload)}`;
    const mac = macOf(algorithm, isOurs ? 'right' : 'wrong', signed);
    return { algorithm, token: `${signed}.${mac}` };
  });

/** Small damage: up to two characters dropped, and one put there. */
const damages = fc.option(
  fc.record({
    at: fc.nat({ max: 400 }),
    drop: fc.nat({ max: 2 }),
    put: fc.constantFrom('', 'A', '=', '.', '+', '/', ' ', '\n', 'é', '\u0141'),
  }),
  { freq: 1 },
);

function damaged(token: string, damage: typeof damages extends fc.Arbitrary<infer D> ? D : never) {
  if (damage === null) return token;
  const at = damage.at % (token.length + 1);
  return `${token.slice(0, at)}${damage.put}${token.slice(at + damage.drop)}`;
}

/** Claims that `jsonwebtoken` vouches for with one key, as an object; else null. */
function vouchedFor(token: string, algorithm: SecretAlgorithm): object | null {
  const options = { algorithms: [algorithm], ignoreExpiration: true, ignoreNotBefore: true };
  try {
    const claims: unknown = jwt.verify(token, createSecretKey(Buffer.from('right')), options);
    return typeof claims === 'object' ? claims : null;
  } catch {
    return null;
  }
}

test('every token is judged as `jsonwebtoken` would judge its signature', () => {
  const seen = { vouched: 0, not: 0 };
  fc.assert(
    fc.property(tokens, usually, algorithms, damages, (made, isItsKey, another, damage) => {
      const algorithm = isItsKey ? made.algorithm : another;
      const token = damaged(made.token, damage);
      const rules = {
        ...portalTokenRules('right'),
        keys: [{ algorithm, kid: null, secret: 'right' }],
      };
      const verdict = createTokenVerifier(rules, { now: () => NOW_MS })(token);
      const claims = vouchedFor(token, algorithm);
      const isForUs = claims !== null && JSON.stringify(claims) === JSON.stringify(CLAIMS);
      seen[claims === null ? 'not' : 'vouched'] += 1;
      expect(isBelieved(verdict)).toBe(claims !== null);
      if (isForUs) expect(verdict).toMatchObject({ ok: true, userId: USER_ID.toString() });
    }),
    { numRuns: 2000 },
  );
  expect(Math.min(seen.vouched, seen.not)).toBeGreaterThan(100);
});

/** Whether the signature was held good, whatever the claims were then worth. */
function isBelieved(verdict: TokenVerdict | Promise<TokenVerdict>): boolean {
  if (verdict instanceof Promise) throw new Error('judged later');
  return verdict.ok || verdict.reason !== 'signature';
}
