/**
 * Tokens against the running gateway: every algorithm, rotation, key sets, and everything that must be refused.
 */
import { once } from 'node:events';
import {
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  type KeyPairKeyObjectResult,
} from 'node:crypto';
import { createServer, type Server } from 'node:http';
import jwt from 'jsonwebtoken';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  portalTokenRules,
  PUBLIC_ALGORITHMS,
  SECRET_ALGORITHMS,
  type PublicAlgorithm,
  type TokenKey,
  type TokenRules,
} from '../../src/token-rules.ts';
import { createKeyRing } from '../../server/key-ring.ts';
import { GatewayHarness, SECRET } from '../server/support/gateway-harness.ts';
import { until } from '../support/until.ts';

const NOW_S = Math.floor(Date.now() / 1000);
const GOOD = { userId: 5, email: 'five@example.test', iat: NOW_S, exp: NOW_S + 3600 };
const LONG_SECRET = 'sixty-four-bytes-and-more-'.repeat(3);
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const OTHER_RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const EC = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
};
const ED = generateKeyPairSync('ed25519');

function pairOf(algorithm: PublicAlgorithm): KeyPairKeyObjectResult {
  if (algorithm === 'EdDSA') return ED;
  return algorithm === 'ES256' || algorithm === 'ES384' || algorithm === 'ES512'
    ? EC[algorithm]
    : RSA;
}

function pem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'spki' }).toString();
}

function rules(keys: readonly TokenKey[], extra: Partial<TokenRules> = {}): TokenRules {
  return { ...portalTokenRules(SECRET), keys, ...extra };
}

const publicKey = (algorithm: PublicAlgorithm, kid: string | null = null): TokenKey => ({
  algorithm,
  kid,
  publicKey: pem(pairOf(algorithm).publicKey),
});

async function signed(
  algorithm: PublicAlgorithm,
  header: { readonly kid?: string } = {},
  claims: object = GOOD,
): Promise<string> {
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...header })
    .sign(pairOf(algorithm).privateKey);
}

/** `JSON.parse` makes an own property of it. */
const WITH_PROTO: object = JSON.parse(`{"__proto__":{"userId":5},"exp":${GOOD.exp}}`) as object;

/** Any header and payload, signed as HS256, HS384 or HS512 would be. */
function forge(header: object, claims: object, secret: string | Buffer, hash = 'sha256'): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
}

/** What the running server does with a token: `in`, or the close code. */
async function outcome(harness: GatewayHarness, token: string): Promise<number | 'in'> {
  const client = harness.dial({ target: '/', protocols: ['gavelcast.v2', `bearer.${token}`] });
  await until(() => client.texts.length > 0 || client.closed !== null, { what: 'a verdict' });
  if (client.types[0] === 'hello') {
    await client.leave();
    return 'in';
  }
  return client.closeCode();
}

describe('algorithms', () => {
  test.each(SECRET_ALGORITHMS)('%s with a secret of its own', async (algorithm) => {
    await using harness = await GatewayHarness.start({
      jwt: rules([{ algorithm, kid: null, secret: LONG_SECRET }]),
    });
    expect(await outcome(harness, jwt.sign(GOOD, LONG_SECRET, { algorithm }))).toBe('in');
    for (const other of SECRET_ALGORITHMS.filter((it) => it !== algorithm)) {
      const token = jwt.sign(GOOD, LONG_SECRET, { algorithm: other });
      expect(await outcome(harness, token), other).toBe(4500);
    }
  });

  test.each(PUBLIC_ALGORITHMS)(
    '%s as PEM and as JWK, and with no other algorithm',
    async (algorithm) => {
      const jwk = pairOf(algorithm).publicKey.export({ format: 'jwk' });
      const asJwk: TokenKey = { algorithm, kid: null, jwk: { ...jwk } };
      for (const key of [publicKey(algorithm), asJwk]) {
        await using harness = await GatewayHarness.start({ jwt: rules([key]) });
        expect(await outcome(harness, await signed(algorithm))).toBe('in');
        for (const other of PUBLIC_ALGORITHMS.filter((it) => it !== algorithm)) {
          expect(await outcome(harness, await signed(other)), other).toBe(4500);
        }
      }
    },
  );
});

describe('the portal’s secret, and what does not pass for it', () => {
  let harness: GatewayHarness;
  beforeAll(async () => {
    // A public key beside it, so that confusing the two would show.
    harness = await GatewayHarness.start({
      jwt: rules(
        [
          { algorithm: 'HS256', kid: null, secret: SECRET },
          publicKey('RS256', 'rsa'),
          publicKey('EdDSA', 'ed'),
        ],
        { issuer: null, audience: null },
      ),
    });
  });
  afterAll(async () => {
    await harness[Symbol.asyncDispose]();
  });

  const b64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const hs256 = { alg: 'HS256', typ: 'JWT' };
  const own = (claims: object): string => forge(hs256, claims, SECRET);
  const refused: readonly (readonly [string, string, number])[] = [
    ...['none', 'None', 'NONE', 'nOnE', 'NoNe'].flatMap(
      (alg) =>
        [
          [`alg ${alg}, no signature`, `${b64({ alg })}.${b64(GOOD)}.`, 4500],
          [`alg ${alg}, two parts`, `${b64({ alg })}.${b64(GOOD)}`, 4500],
          [`alg ${alg}, signed`, forge({ alg }, GOOD, SECRET), 4500],
        ] as const,
    ),
    ['HS256 with the RSA public key (PEM)', forge(hs256, GOOD, pem(RSA.publicKey)), 4500],
    [
      'HS256 with the RSA public key (DER)',
      forge(hs256, GOOD, RSA.publicKey.export({ format: 'der', type: 'spki' })),
      4500,
    ],
    ['HS256 naming the RSA key', forge({ ...hs256, kid: 'rsa' }, GOOD, pem(RSA.publicKey)), 4500],
    ['RS256 header, HMAC signature', forge({ alg: 'RS256', kid: 'rsa' }, GOOD, SECRET), 4500],
    ['hs256 in small letters', forge({ alg: 'hs256' }, GOOD, SECRET), 4500],
    ['no alg', forge({ typ: 'JWT' }, GOOD, SECRET), 4500],
    ['alg a list', forge({ alg: ['HS256'] }, GOOD, SECRET), 4500],
    ['HS384 with our secret', forge({ alg: 'HS384' }, GOOD, SECRET, 'sha384'), 4500],
    ['HS512 with our secret', forge({ alg: 'HS512' }, GOOD, SECRET, 'sha512'), 4500],
    ['another secret', forge(hs256, GOOD, `${SECRET}x`), 4500],
    ['another RSA key', jwt.sign(GOOD, OTHER_RSA.privateKey, { algorithm: 'RS256' }), 4500],
    [
      'its own key in the header',
      forge({ ...hs256, jwk: { kty: 'oct', k: 'eA' } }, GOOD, 'x'),
      4500,
    ],
    ['a key URL in the header', forge({ ...hs256, jku: 'http://127.0.0.1:1/' }, GOOD, 'x'), 4500],
    ['a kid with a path', forge({ ...hs256, kid: '../../dev/null' }, GOOD, ''), 4500],
    ['crit', forge({ ...hs256, crit: ['b64'], b64: false }, GOOD, SECRET), 4500],
    ['refresh', own({ ...GOOD, type: 'refresh' }), 4500],
    ['Refresh', own({ ...GOOD, type: 'Refresh' }), 4500],
    [
      'refresh, its own secret',
      forge(hs256, { ...GOOD, type: 'refresh' }, `${SECRET}-refresh`),
      4500,
    ],
    ['no user', own({ exp: GOOD.exp }), 4500],
    ['user as text', own({ ...GOOD, userId: '5' }), 4500],
    ['user null', own({ ...GOOD, userId: null }), 4500],
    ['user a list', own({ ...GOOD, userId: [5] }), 4500],
    ['user an object', own({ ...GOOD, userId: { $gt: 0 } }), 4500],
    ['user 0', own({ ...GOOD, userId: 0 }), 4500],
    ['user -5', own({ ...GOOD, userId: -5 }), 4500],
    ['user 5.5', own({ ...GOOD, userId: 5.5 }), 4500],
    ['user 2^53', own({ ...GOOD, userId: 2 ** 53 }), 4500],
    ['user by __proto__', own(WITH_PROTO), 4500],
    ['no exp', own({ userId: 5 }), 4500],
    ['exp as text', own({ ...GOOD, exp: String(GOOD.exp) }), 4500],
    ['exp in ms: thousands of years', own({ ...GOOD, exp: GOOD.exp * 1000 }), 4500],
    ['exp in ten years', own({ ...GOOD, exp: NOW_S + 10 * 31_536_000 }), 4500],
    ['exp past all calendars', own({ ...GOOD, exp: 1e300 }), 4500],
    ['nbf in the future', own({ ...GOOD, nbf: NOW_S + 600 }), 4500],
    ['nbf as text', own({ ...GOOD, nbf: 'yesterday' }), 4500],
    ['iat in the far future', own({ ...GOOD, iat: NOW_S + 86_400 }), 4500],
    ['iat as text', own({ ...GOOD, iat: String(NOW_S) }), 4500],
    ['expired', own({ ...GOOD, iat: NOW_S - 60, exp: NOW_S - 10 }), 4001],
    ['expired and forged', forge(hs256, { ...GOOD, exp: NOW_S - 10 }, 'x'), 4500],
    ['9 KiB, well signed', own({ ...GOOD, pad: 'x'.repeat(9000) }), 4500],
  ];
  test.each(refused)('%s', async (_name, token, code) => {
    // In a message, because a request head has no room for the largest ones.
    const client = harness.dial({ target: '/?v=2' });
    await once(client.socket, 'open');
    client.say({ action: 'authenticate', token });
    expect(await client.closeCode()).toBe(code);
    // Longer than any token may be, it is not even a message.
    if (token.length <= 8192) expect(client.texts[0]).toContain('"unauthorized"');
    expect(client.texts.join()).not.toContain('"hello"');
  });

  test('and a good one still gets in', async () => {
    expect(await outcome(harness, own(GOOD))).toBe('in');
    expect(await outcome(harness, await signed('RS256', { kid: 'rsa' }))).toBe('in');
    expect(await outcome(harness, await signed('RS256', { kid: 'other' }))).toBe(4500);
    expect(await outcome(harness, await signed('EdDSA', { kid: 'ed' }))).toBe('in');
  });
});

describe('claims that an installation asks for', () => {
  test('issuer and audience', async () => {
    const jwtRules = { ...portalTokenRules(SECRET), issuer: 'https://a.example', audience: 'live' };
    await using harness = await GatewayHarness.start({ jwt: jwtRules });
    const token = (claims: object): string => jwt.sign({ ...GOOD, ...claims }, SECRET);
    const iss = 'https://a.example';
    expect(await outcome(harness, token({ iss, aud: 'live' }))).toBe('in');
    expect(await outcome(harness, token({ iss, aud: ['x', 'live'] }))).toBe('in');
    for (const claims of [
      {},
      { iss },
      { aud: 'live' },
      { iss: `${iss}/`, aud: 'live' },
      { iss, aud: 'lively' },
    ]) {
      expect(await outcome(harness, token(claims)), JSON.stringify(claims)).toBe(4500);
    }
  });

  test('clock tolerance, for exp and nbf; the grace of a connection counts from there', async () => {
    const jwtRules = { ...portalTokenRules(SECRET), toleranceMs: 60_000 };
    await using harness = await GatewayHarness.start({ jwt: jwtRules });
    const at = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;
    expect(await outcome(harness, jwt.sign({ userId: 5, exp: at(-30) }, SECRET))).toBe('in');
    expect(await outcome(harness, jwt.sign({ userId: 5, exp: at(-61) }, SECRET))).toBe(4001);
    const early = jwt.sign({ userId: 5, exp: at(90), nbf: at(30) }, SECRET);
    expect(await outcome(harness, early)).toBe('in');
  });

  test.each([
    ['user.id', { user: { id: 5 } }, 'in'],
    ['user.id', { 'user.id': 5 }, 'in'],
    ['https://a.example/id', { 'https://a.example/id': 5 }, 'in'],
    ['sub', { sub: '5' }, 'in'],
    ['sub', { sub: '5 ' }, 4500],
    ['sub', { sub: '05' }, 4500],
    ['user.id', { user: 5 }, 4500],
    ['user.id', { userId: 5 }, 4500],
    ['constructor.length', {}, 4500],
  ])('user claim %s of %j: %s', async (userClaim, claims, expected) => {
    await using harness = await GatewayHarness.start({
      jwt: { ...portalTokenRules(SECRET), userClaim },
    });
    const token = jwt.sign({ ...claims, exp: GOOD.exp }, SECRET);
    expect(await outcome(harness, token)).toBe(expected);
  });
});

test('rotation: old and new secret side by side, then the old one goes, and nobody is dropped', async () => {
  const key = (secret: string): TokenKey => ({ algorithm: 'HS256', kid: null, secret });
  const [old, fresh] = [SECRET, `${SECRET}-of-next-month`];
  await using harness = await GatewayHarness.start({ jwt: rules([key(old)]) });
  const client = await harness.client({ userId: 5 });
  expect(await outcome(harness, jwt.sign(GOOD, fresh))).toBe(4500);
  harness.gateway.reload({ jwt: rules([key(fresh), key(old)]), tls: null });
  expect(await outcome(harness, jwt.sign(GOOD, old))).toBe('in');
  expect(await outcome(harness, jwt.sign(GOOD, fresh))).toBe('in');
  harness.gateway.reload({ jwt: rules([key(fresh)]), tls: null });
  expect(await outcome(harness, jwt.sign(GOOD, old))).toBe(4500);
  expect(await outcome(harness, jwt.sign(GOOD, fresh))).toBe('in');
  await client.settle();
  expect(client.closed).toBeNull();
});

describe('a key set behind a URL', () => {
  let server: Server;
  let keys: object[] = [];
  let fetches = 0;
  let answer: 'keys' | 'fault' | 'rubbish' | 'flood' = 'keys';
  const jwkOf = (key: KeyObject, kid: string, extra: object = {}): object => ({
    ...key.export({ format: 'jwk' }),
    kid,
    ...extra,
  });
  const start = async (): Promise<GatewayHarness> => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const remote = { url: `http://127.0.0.1:${address.port}/jwks`, algorithm: 'RS256' } as const;
    return GatewayHarness.start({ jwt: rules([], { remote }) });
  };

  beforeAll(async () => {
    server = createServer((_request, response) => {
      fetches += 1;
      if (answer === 'fault') response.writeHead(500).end();
      else if (answer === 'rubbish') response.end('<html>');
      else if (answer === 'flood') response.end(`{"keys":[],"pad":"${'x'.repeat(1_000_000)}"}`);
      else response.end(JSON.stringify({ keys }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => {
    server.close();
  });

  test('is fetched once for many, again for a new kid at most every 30 s, and binds the algorithm', async () => {
    [keys, fetches, answer] = [[jwkOf(RSA.publicKey, 'a')], 0, 'keys'];
    await using harness = await start();
    harness.stopClock();
    const token = await signed('RS256', { kid: 'a' });
    expect(await Promise.all([1, 2, 3, 4].map(() => outcome(harness, token)))).toEqual([
      'in',
      'in',
      'in',
      'in',
    ]);
    expect(fetches).toBe(1);
    for (const kid of ['x', 'y', 'z']) {
      expect(await outcome(harness, await signed('RS256', { kid }))).toBe(4500);
    }
    expect(fetches).toBe(1);
    expect(await outcome(harness, await signed('PS256', { kid: 'a' }))).toBe(4500);
    expect(await outcome(harness, jwt.sign(GOOD, pem(RSA.publicKey), { algorithm: 'HS256' }))).toBe(
      4500,
    );
    const forged = jwt.sign(GOOD, OTHER_RSA.privateKey, { algorithm: 'RS256', keyid: 'a' });
    expect(await outcome(harness, forged)).toBe(4500);
  });

  test('a token without kid is tried with each; a key made for encryption is not', async () => {
    [keys, answer] = [[jwkOf(OTHER_RSA.publicKey, 'a'), jwkOf(RSA.publicKey, 'b')], 'keys'];
    await using harness = await start();
    expect(await outcome(harness, await signed('RS256'))).toBe('in');
    keys = [jwkOf(RSA.publicKey, 'a', { use: 'enc' })];
    await using second = await start();
    expect(await outcome(second, await signed('RS256', { kid: 'a' }))).toBe(4500);
  });

  test.each(['fault', 'rubbish', 'flood'] as const)(
    'when it cannot be had (%s), clients are told to come back, and it is asked once in 5 s',
    async (kind) => {
      [fetches, answer] = [0, kind];
      await using harness = await start();
      harness.stopClock();
      const token = await signed('RS256', { kid: 'a' });
      for (let n = 0; n < 3; n += 1) expect(await outcome(harness, token)).toBe(1012);
      expect(fetches).toBe(1);
      expect(harness.logged.map(({ event }) => event)).toContain('key set unavailable');
      [keys, answer] = [[jwkOf(RSA.publicKey, 'a')], 'keys'];
      harness.skewMs = 6000;
      expect(await outcome(harness, token)).toBe('in');
    },
  );
});

test('keys that do not fit their algorithm are refused at start, without a word of what they are', () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
  const wrong: TokenKey[] = [
    { algorithm: 'HS256', kid: null, secret: pem(RSA.publicKey) },
    { algorithm: 'RS256', kid: null, publicKey: pem(ED.publicKey) },
    { algorithm: 'RS256', kid: null, publicKey: pem(small) },
    { algorithm: 'ES384', kid: null, publicKey: pem(EC.ES256.publicKey) },
    { algorithm: 'EdDSA', kid: null, publicKey: 'nonsense' },
    {
      algorithm: 'RS256',
      kid: null,
      publicKey: RSA.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    },
    { algorithm: 'EdDSA', kid: null, jwk: { ...ED.privateKey.export({ format: 'jwk' }) } },
  ];
  const made = createKeyRing(wrong);
  const problems = made.ok ? [] : made.problems;
  expect(problems).toHaveLength(wrong.length);
  expect(problems.join()).not.toMatch(/BEGIN [A-Z ]*KEY-----\n|nonsense/);
});
