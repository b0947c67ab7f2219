/**
 * Says who a token belongs to. The algorithm is fixed by us with each key, never by the token.
 *
 * Signatures made with a secret are looked at by ourselves (secret-signature.ts, held to `jsonwebtoken` by its test),
 * those of a key pair by `jsonwebtoken`, those of EdDSA and key sets by `jose`. What the claims must say is decided here,
 * once for all of them.
 */
import jwt from 'jsonwebtoken';
import { compactVerify } from 'jose';
import { userIdOf, type UserId } from '../src/auction/ids.ts';
import { AppError } from '../src/errors.ts';
import type { Clock } from '../src/ports.ts';
import type { TokenAlgorithm, TokenRules } from '../src/token-rules.ts';
import { createJwksVerifier } from './jwks.ts';
import { createKeyRing, type KeyRing, type RingKey, type TokenHeader } from './key-ring.ts';
import { isSecretKey, isSignedWith } from './secret-signature.ts';

/** Longer tokens are refused unread; the portal's are under 300 bytes. */
export const TOKEN_BYTES_MAX = 8192;
/** The last moment a Date can hold (ECMAScript, time range). */
const LAST_MOMENT_MS = 8.64e15;
/** An issuer's clock runs this far ahead of ours at most, beside the configured tolerance. */
const ISSUED_AHEAD_MS_MAX = 300_000;
/** Headers that are kept read, and how long one may be: an issuer has as many as it has keys. */
const HEADERS_MAX = 64;
const HEADER_CHARS_MAX = 256;

/**
 * Why a token is refused. `expired` is a token that was good once, `unavailable` one that cannot be judged now; every
 * other reason is one and the same to a client.
 *
 * - `too_long`: over {@link TOKEN_BYTES_MAX}.
 * - `signature`: not a JWT, another algorithm, another key, or changed after signing.
 * - `not_active`: its `nbf`, or the time it says it was issued at, is in the future.
 * - `refresh`: a refresh token; it may never open a connection, whatever it is signed with.
 * - `issuer`, `audience`: made by or for somebody else.
 * - `expiry_missing`: `exp` is not a number, or names no moment that a calendar has.
 * - `expiry_far`: it would be good for longer than any token may be.
 * - `user_missing`: the user's claim is not a positive integer.
 * - `unavailable`: the key set it needs cannot be fetched.
 */
export type TokenRefusal =
  | 'too_long'
  | 'signature'
  | 'not_active'
  | 'refresh'
  | 'issuer'
  | 'audience'
  | 'expiry_missing'
  | 'expiry_far'
  | 'user_missing'
  | 'expired'
  | 'unavailable';

export type TokenVerdict =
  | { readonly ok: true; readonly userId: UserId; readonly expiresAtMs: number }
  | { readonly ok: false; readonly reason: TokenRefusal };

/** At once for most algorithms; a promise for EdDSA and key sets. */
export type TokenVerifier = (token: string) => TokenVerdict | Promise<TokenVerdict>;

export interface TokenVerifierDeps {
  readonly now: Clock;
  /** The key set could not be fetched. */
  readonly keysFailed?: (error: unknown) => void;
}

interface Judging {
  readonly rules: TokenRules;
  readonly ring: KeyRing;
  readonly now: Clock;
  readonly verifyRemote: ReturnType<typeof createJwksVerifier> | null;
  /** By its text, what the header of a token said whose signature one of our keys held good: the next one says the same. */
  readonly headers: Map<string, TokenHeader>;
}

/**
 * Builds the verifier. Keys become KeyObjects once: with the text of a secret each token would cost many times as much.
 *
 * @throws AppError CONFIG_INVALID when a key cannot be used (docs/configuration.md, `JWT_KEYS`)
 */
export function createTokenVerifier(rules: TokenRules, deps: TokenVerifierDeps): TokenVerifier {
  const { now, keysFailed = () => undefined } = deps;
  const made = createKeyRing(rules.keys);
  if (!made.ok) throw new AppError('CONFIG_INVALID', `JWT_KEYS: ${made.problems.join('; ')}`);
  const { remote } = rules;
  const verifyRemote =
    remote === null ? null : createJwksVerifier(remote, { now, failed: keysFailed });
  const judging: Judging = { rules, ring: made.ring, now, verifyRemote, headers: new Map() };
  return (token) => verify(token, judging);
}

function verify(token: string, judging: Judging): TokenVerdict | Promise<TokenVerdict> {
  if (Buffer.byteLength(token) > TOKEN_BYTES_MAX) return refused('too_long');
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return refused('signature');
  const headerText = token.slice(0, token.indexOf('.'));
  const known = judging.headers.get(headerText);
  const header = known ?? headerOf(headerText);
  if (header === null) return refused('signature');
  const later: RingKey[] = [];
  for (const key of judging.ring.candidates(header)) {
    if (key.algorithm === 'EdDSA') {
      later.push(key);
      continue;
    }
    const claims = verifiedClaims(token, key, key.algorithm);
    if (claims === undefined) continue;
    if (known === undefined) remember(headerText, header, judging.headers);
    return judge(claims, judging);
  }
  const isRemote = judging.verifyRemote !== null && header.alg === judging.rules.remote?.algorithm;
  if (later.length === 0 && !isRemote) return refused('signature');
  return verifyLater(token, later, isRemote ? judging.verifyRemote : null, judging);
}

/** Undefined when the signature is not this key's. */
function verifiedClaims(
  token: string,
  key: RingKey,
  algorithm: Exclude<TokenAlgorithm, 'EdDSA'>,
): unknown {
  if (isSecretKey(key)) return isSignedWith(key, token) ? parsed(payloadOf(token)) : undefined;
  try {
    // Times are judged below, after everything else: `expired` must mean "good but for its age".
    const times = { ignoreExpiration: true, ignoreNotBefore: true };
    return jwt.verify(token, key.key, { algorithms: [algorithm], ...times });
  } catch {
    return undefined;
  }
}

function payloadOf(token: string): Buffer {
  return Buffer.from(token.slice(token.indexOf('.') + 1, token.lastIndexOf('.')), 'base64url');
}

async function verifyLater(
  token: string,
  keys: readonly RingKey[],
  verifyRemote: Judging['verifyRemote'],
  judging: Judging,
): Promise<TokenVerdict> {
  for (const { key, algorithm } of keys) {
    try {
      const { payload } = await compactVerify(token, key, { algorithms: [algorithm] });
      return judge(parsed(Buffer.from(payload)), judging);
    } catch {
      // The next key, then.
    }
  }
  if (verifyRemote === null) return refused('signature');
  const verdict = await verifyRemote(token);
  if (typeof verdict === 'string') return refused(verdict);
  return judge(parsed(Buffer.from(verdict.payload)), judging);
}

/** Null for what is no JWT's, and for critical extensions (RFC 7515, 4.1.11): we understand none. */
function headerOf(headerText: string): TokenHeader | null {
  const header = parsed(Buffer.from(headerText, 'base64url'));
  if (typeof header !== 'object' || header === null || 'crit' in header) return null;
  const alg = own(header, 'alg');
  const kid = own(header, 'kid') ?? null;
  if (typeof alg !== 'string' || (kid !== null && typeof kid !== 'string')) return null;
  return { alg, kid };
}

function remember(
  headerText: string,
  header: TokenHeader,
  headers: Map<string, TokenHeader>,
): void {
  if (headerText.length > HEADER_CHARS_MAX) return;
  if (headers.size >= HEADERS_MAX) headers.clear();
  // A copy: a slice would keep the whole request line alive, token and all.
  headers.set(Buffer.from(headerText, 'latin1').toString('latin1'), header);
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function judge(claims: unknown, { rules, now }: Judging): TokenVerdict {
  if (typeof claims !== 'object' || claims === null) return refused('signature');
  const type = own(claims, 'type');
  if (typeof type === 'string' && type.toLowerCase() === 'refresh') return refused('refresh');
  if (rules.issuer !== null && own(claims, 'iss') !== rules.issuer) return refused('issuer');
  if (rules.audience !== null && !isFor(own(claims, 'aud'), rules.audience)) {
    return refused('audience');
  }
  const userId = userOf(claims, rules.userClaim);
  if (userId === null) return refused('user_missing');
  return judgeTimes(claims, userId, { rules, nowMs: now() });
}

function judgeTimes(
  claims: object,
  userId: UserId,
  { rules, nowMs }: { readonly rules: TokenRules; readonly nowMs: number },
): TokenVerdict {
  const { toleranceMs, lifetimeMaxMs } = rules;
  if (!isPast(own(claims, 'nbf'), nowMs + toleranceMs)) return refused('not_active');
  const issuedBeforeMs = nowMs + toleranceMs + ISSUED_AHEAD_MS_MAX;
  if (!isPast(own(claims, 'iat'), issuedBeforeMs)) return refused('not_active');
  const exp = own(claims, 'exp');
  if (typeof exp !== 'number') return refused('expiry_missing');
  if (!(Math.abs(exp * 1000) <= LAST_MOMENT_MS)) return refused('expiry_missing');
  const expiresAtMs = exp * 1000 + toleranceMs;
  if (expiresAtMs <= nowMs) return refused('expired');
  if (expiresAtMs > nowMs + toleranceMs + lifetimeMaxMs) return refused('expiry_far');
  return { ok: true, userId, expiresAtMs };
}

/** Whether a moment that a token may leave out, in seconds, is not after `latestMs`. */
function isPast(seconds: unknown, latestMs: number): boolean {
  if (seconds === undefined) return true;
  return typeof seconds === 'number' && seconds * 1000 <= latestMs;
}

function isFor(audience: unknown, ours: string): boolean {
  return Array.isArray(audience) ? audience.includes(ours) : audience === ours;
}

/** A claim of that very name, else the end of a path with dots. `sub` is text by RFC 7519, so digits will do there. */
function userOf(claims: object, claim: string): UserId | null {
  let value: unknown = own(claims, claim);
  if (value === undefined) {
    value = claims;
    for (const name of claim.split('.')) {
      value = typeof value === 'object' && value !== null ? own(value, name) : undefined;
    }
  }
  if (claim === 'sub' && typeof value === 'string' && /^[1-9]\d{0,15}$/.test(value)) {
    value = Number(value);
  }
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value <= 0) return null;
  return userIdOf(value);
}

function own(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? Reflect.get(object, name) : undefined;
}

function refused(reason: TokenRefusal): TokenVerdict {
  return { ok: false, reason };
}
