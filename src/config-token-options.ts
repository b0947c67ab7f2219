/**
 * The part of the table of options that says which tokens are believed.
 */
import { choice, flag, integer, text, type Option } from './option.ts';
import {
  LIFETIME_MAX_DAYS_DEFAULT,
  parseTokenKeys,
  PUBLIC_ALGORITHMS,
  USER_CLAIM_DEFAULT,
} from './token-rules.ts';

/** The secret that the portal's example file ships: known to everyone. */
export const EXAMPLE_JWT_SECRET = 'your-secret-key-here-change-in-production';

/** Fewer bytes than HS256's own output are guessable (RFC 7518, 3.2). */
export const JWT_SECRET_BYTES_MIN = 32;

export const TOKEN_OPTIONS = {
  APP_ENV: text({
    section: 'tokens',
    text: '`development` allows the example secret, an empty one and short ones. Anything else is production.',
    kind: 'name',
    default: 'production',
    example: 'production',
  }),
  JWT_SECRET: text({
    section: 'tokens',
    text: 'The secret that the PHP API signs its tokens with (HS256). Outside development the example secret, an empty one and one under 32 bytes are refused.',
    kind: 'text',
    default: '',
    defaultText: 'none: required outside development',
    example: '…',
    isSecret: true,
  }),
  ALLOW_WEAK_JWT_SECRET: flag({
    section: 'tokens',
    text: '`1` takes a `JWT_SECRET` under 32 bytes outside development, with a warning, until it can be changed.',
    default: false,
    digits: true,
  }),
  REQUIRE_KNOWN_USER: flag({
    section: 'tokens',
    text: '`1` lets in only users who have a row. Otherwise a good token is enough, unless the row was seen to be deleted since the start.',
    default: false,
    digits: true,
  }),
  JWT_EXPIRES_IN: text({
    section: 'tokens',
    text: "Lifetime of the PHP API's tokens. Not used: each token says itself when it expires.",
    kind: 'anything',
    default: null,
    defaultText: 'not used',
    example: '604800',
  }),
  JWT_KEYS: text({
    section: 'tokens',
    text: 'Further keys that tokens may be signed with, as a JSON list: `{"algorithm", "kid"?, "secret" | "publicKey" | "jwk"}` each. A key is good for its one algorithm (HS256 to HS512, RS, PS, ES, EdDSA) and, where both name one, its `kid`. Put the old secret here while tokens signed with it are still about. Read again on SIGHUP.',
    kind: 'JSON',
    default: null,
    example: '[{"algorithm":"HS256","secret":"the-secret-of-last-month-…"}]',
    isSecret: true,
    test: (value) => parseTokenKeys(value) !== null,
    message:
      'must be a JSON list of 1 to 16 keys, each with an algorithm and its secret, publicKey or jwk',
  }),
  JWKS_URL: text({
    section: 'tokens',
    text: 'Key set of an identity provider (JWKS). Fetched when first needed, kept for 10 minutes, and fetched again for an unknown `kid` at most every 30 s.',
    kind: 'https URL',
    default: null,
    example: 'https://login.example.com/.well-known/jwks.json',
    test: isKeySetUrl,
    message: 'must be an https URL; plain http only to this machine',
  }),
  JWKS_ALGORITHM: choice({
    section: 'tokens',
    text: 'The one algorithm that the keys of `JWKS_URL` are used with.',
    words: PUBLIC_ALGORITHMS,
    default: 'RS256',
  }),
  JWT_ISSUER: text({
    section: 'tokens',
    text: 'What the `iss` claim of every token must be.',
    kind: 'text',
    default: null,
    defaultText: 'any or none',
    example: 'https://login.example.com/',
  }),
  JWT_AUDIENCE: text({
    section: 'tokens',
    text: 'What the `aud` claim of every token must be, or hold.',
    kind: 'text',
    default: null,
    defaultText: 'any or none',
    example: 'auctions',
  }),
  JWT_CLOCK_TOLERANCE_SECONDS: integer({
    section: 'tokens',
    text: 'How far the clock of whoever signs tokens may be from ours (`exp`, `nbf`).',
    unit: 's',
    min: 0,
    max: 300,
    default: 0,
  }),
  JWT_USER_CLAIM: text({
    section: 'tokens',
    text: "The claim that holds the user's id, or a path with dots to it. It must be a positive integer; `sub` may be its digits.",
    kind: 'claim name',
    default: USER_CLAIM_DEFAULT,
    example: 'user.id',
    test: (value) => value.length <= 200,
    message: 'must have at most 200 characters',
  }),
  JWT_LIFETIME_MAX_DAYS: integer({
    section: 'tokens',
    text: 'Tokens that expire later than this from now are refused.',
    unit: 'days',
    min: 1,
    max: 36_500,
    default: LIFETIME_MAX_DAYS_DEFAULT,
  }),
} as const satisfies Record<string, Option<unknown>>;

function isKeySetUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname } = new URL(value);
  const isHere = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isHere);
}
