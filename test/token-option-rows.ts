/** The options that say which tokens are believed. */
import type { TOKEN_OPTIONS } from '../src/config-token-options.ts';
import { SECRET } from './config-builder.ts';
import { BOOLEAN_BAD, truths, type OptionRow } from './option-row.ts';

type Name = Exclude<keyof typeof TOKEN_OPTIONS, 'JWT_EXPIRES_IN'>;

export const TOKEN_ROWS: Readonly<Record<Name, OptionRow>> = {
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
  JWT_KEYS: {
    of: (c) => c.tokens.rules.keys.slice(1),
    absent: [],
    good: [
      [
        `[{"algorithm":"HS256","secret":"${SECRET}"}]`,
        [{ algorithm: 'HS256', kid: null, secret: SECRET }],
      ],
      [
        '[{"algorithm":"ES256","kid":"a","publicKey":"pem"},{"algorithm":"EdDSA","jwk":{"x":"y"}}]',
        [
          { algorithm: 'ES256', kid: 'a', publicKey: 'pem' },
          { algorithm: 'EdDSA', kid: null, jwk: { x: 'y' } },
        ],
      ],
    ],
    bad: [
      'secret',
      '[]',
      '{}',
      '[{"algorithm":"none","secret":"x"}]',
      '[{"algorithm":"HS256","publicKey":"x"}]',
      '[{"algorithm":"RS256","secret":"x"}]',
      '[{"algorithm":"HS256","secret":"short"}]',
      `[{"algorithm":"HS512","secret":"${'x'.repeat(63)}"}]`,
      '[{"algorithm":"HS256","secret":"your-secret-key-here-change-in-production"}]',
    ],
  },
  JWKS_URL: {
    of: (c) => c.tokens.rules.remote?.url ?? null,
    absent: null,
    good: ['https://a.example/jwks', 'http://127.0.0.1:8000/', 'http://localhost/'].map((url) => [
      url,
      url,
    ]),
    bad: [
      'http://a.example/jwks',
      'a.example',
      'file:///etc/passwd',
      'http://127.0.0.1.evil.example/',
    ],
  },
  JWKS_ALGORITHM: {
    of: (c) =>
      c.tokens.rules.remote?.url === undefined ? 'RS256' : c.tokens.rules.remote.algorithm,
    absent: 'RS256',
    good: [],
    bad: ['HS256', 'none', 'rs256'],
  },
  JWT_ISSUER: {
    of: (c) => c.tokens.rules.issuer,
    absent: null,
    good: [['https://a.example/', 'https://a.example/']],
    bad: [],
  },
  JWT_AUDIENCE: {
    of: (c) => c.tokens.rules.audience,
    absent: null,
    good: [['auctions', 'auctions']],
    bad: [],
  },
  JWT_CLOCK_TOLERANCE_SECONDS: {
    of: (c) => c.tokens.rules.toleranceMs,
    absent: 0,
    good: [['300', 300_000]],
    bad: ['301', '-1'],
  },
  JWT_USER_CLAIM: {
    of: (c) => c.tokens.rules.userClaim,
    absent: 'userId',
    good: [['user.id', 'user.id']],
    bad: ['x'.repeat(201)],
  },
  JWT_LIFETIME_MAX_DAYS: {
    of: (c) => c.tokens.rules.lifetimeMaxMs,
    absent: 400 * 86_400_000,
    good: [['7', 7 * 86_400_000]],
    bad: ['0', '36501'],
  },
  REQUIRE_KNOWN_USER: {
    of: (c) => c.tokens.requireKnownUser,
    absent: false,
    good: [...truths(true), ...truths(false)],
    bad: BOOLEAN_BAD,
  },
};
