/**
 * `gavelcast token`: mints a token as the PHP API does, for development, and says why one would be refused.
 */
import { createSecretKey } from 'node:crypto';

import jwt from 'jsonwebtoken';

import {
  createTokenVerifier,
  TOKEN_BYTES_MAX,
  type TokenRefusal,
} from '../../server/token-verifier.ts';
import { duration } from './lifetime.ts';
import { EXIT, explain, findEnvironment, loadOrExplain, warn } from './context.ts';
import { tokenProblems } from './gateway-files.ts';
import type { TokenRules } from '../token-rules.ts';
import type { CommandContext, CommonOptions } from './context.ts';

export interface TokenOptions extends CommonOptions {
  readonly user?: number;
  readonly email?: string;
  /** Lifetime in seconds. */
  readonly expires: number;
  /** A token to judge instead of minting one. */
  readonly check?: string;
}

/** Prints a token and nothing else on stdout; or the verdict on one: exit 0 accepted, 1 refused. */
export async function token(options: TokenOptions, context: CommandContext): Promise<number> {
  if ((options.user === undefined) === (options.check === undefined)) {
    context.stderr.write('gavelcast token: give either --user ID or --check TOKEN\n');
    return EXIT.usage;
  }
  const loaded = loadOrExplain(findEnvironment(options, context), ['tokens'], context);
  if (loaded === null) return EXIT.config;
  warn(loaded.warnings, context);
  const { secret, rules, isDevelopment } = loaded.config.tokens;
  if (options.check !== undefined) {
    const problems = tokenProblems(rules);
    if (problems.length === 0) return check(options.check, rules, context);
    explain(problems, context);
    return EXIT.config;
  }
  if (options.user === undefined) return EXIT.usage;
  if (!isDevelopment) {
    const advice = 'whoever holds this token is that user until it expires';
    context.stderr.write(`gavelcast: warning: APP_ENV is not development: ${advice}\n`);
  }
  const minted = mintToken(
    { userId: options.user, expiresInSeconds: options.expires, ...emailOf(options) },
    { secret, nowMs: context.now() },
  );
  context.stdout.write(`${minted}\n`);
  return EXIT.ok;
}

function emailOf(options: TokenOptions): { readonly email?: string } {
  return options.email === undefined ? {} : { email: options.email };
}

/** An access token with the portal's claims: `userId`, `email`, `iat`, `exp`, HS256. */
export function mintToken(
  claims: { readonly userId: number; readonly email?: string; readonly expiresInSeconds: number },
  signing: { readonly secret: string; readonly nowMs: number },
): string {
  const iat = Math.floor(signing.nowMs / 1000);
  const email = claims.email ?? `user${claims.userId.toString()}@example.invalid`;
  const payload = { userId: claims.userId, email, iat, exp: iat + claims.expiresInSeconds };
  return jwt.sign(payload, createSecretKey(Buffer.from(signing.secret, 'utf8')), {
    algorithm: 'HS256',
  });
}

async function check(text: string, rules: TokenRules, context: CommandContext): Promise<number> {
  const given = text.trim().replace(/^Bearer\s+/i, '');
  const verdict = await createTokenVerifier(rules, { now: context.now })(given);
  if (verdict.ok) {
    const left = duration(verdict.expiresAtMs - context.now());
    const until = new Date(verdict.expiresAtMs).toISOString();
    context.stdout.write(`accepted: user ${verdict.userId}, expires in ${left} (${until})\n`);
    return EXIT.ok;
  }
  context.stdout.write(
    `refused: ${explainRefusal(given, verdict.reason, { rules, nowMs: context.now() })}\n`,
  );
  return EXIT.no;
}

/** The reason in words, with what the token says of itself. The decision is the verifier's alone. */
function explainRefusal(
  text: string,
  reason: TokenRefusal,
  { rules, nowMs }: { readonly rules: TokenRules; readonly nowMs: number },
): string {
  const claims = claimsOf(text);
  switch (reason) {
    case 'too_long':
      return `it has ${Buffer.byteLength(text).toString()} bytes; ${TOKEN_BYTES_MAX.toString()} are allowed`;
    case 'signature':
      return explainSignature(text, claims, rules);
    case 'not_active':
      return `it is not valid before ${timeOf(claims['nbf'] ?? claims['iat'])} (nbf, iat)`;
    case 'refresh':
      return 'it is a refresh token (type "refresh"): an access token is needed';
    case 'expiry_missing':
      return claims['exp'] === undefined
        ? 'it has no expiry (exp)'
        : 'its expiry (exp) is not a number';
    case 'user_missing':
      return claims[rules.userClaim] === undefined
        ? `it has no ${rules.userClaim} claim`
        : `its ${rules.userClaim} claim is not a positive integer`;
    case 'issuer':
      return `it was not issued (iss) by ${rules.issuer ?? ''}, JWT_ISSUER`;
    case 'audience':
      return `it is not meant (aud) for ${rules.audience ?? ''}, JWT_AUDIENCE`;
    case 'expiry_far':
      return `it expires (exp) only on ${timeOf(claims['exp'])}: later than JWT_LIFETIME_MAX_DAYS allows`;
    case 'unavailable':
      return 'it cannot be judged: the key set at JWKS_URL cannot be fetched';
    case 'expired':
      return `it expired ${since(claims['exp'], nowMs)} ago (${timeOf(claims['exp'])})`;
  }
}

function explainSignature(
  text: string,
  claims: Readonly<Record<string, unknown>>,
  rules: TokenRules,
): string {
  const header = partOf(text, 0);
  if (header === null || text.split('.').length !== 3)
    return 'it is not a JWT (three parts, base64url)';
  const algorithm = header['alg'];
  const accepted = acceptedAlgorithms(rules);
  if (typeof algorithm !== 'string' || !accepted.includes(algorithm)) {
    const named = typeof algorithm === 'string' ? `"${algorithm.slice(0, 20)}"` : 'none';
    return `its algorithm is ${named}; only ${accepted.join(', ')} is accepted`;
  }
  if ('crit' in header)
    return 'its header names critical extensions (crit), which are not supported';
  if (claims['type'] === 'refresh') {
    return 'it is a refresh token (type "refresh", signed with the refresh secret): an access token is needed';
  }
  const keys =
    rules.keys.length === 1 && rules.remote === null
      ? 'secret than our JWT_SECRET'
      : 'key than ours';
  return `it was signed with another ${keys}, or changed after signing`;
}

function acceptedAlgorithms({ keys, remote }: TokenRules): readonly string[] {
  const all = keys.map(({ algorithm }): string => algorithm);
  return [...new Set(remote === null ? all : [...all, remote.algorithm])];
}

function claimsOf(text: string): Readonly<Record<string, unknown>> {
  return partOf(text, 1) ?? {};
}

function partOf(text: string, index: number): Readonly<Record<string, unknown>> | null {
  try {
    const part: unknown = JSON.parse(
      Buffer.from(text.split('.')[index] ?? '', 'base64url').toString('utf8'),
    );
    return typeof part === 'object' && part !== null ? { ...part } : null;
  } catch {
    return null;
  }
}

function timeOf(seconds: unknown): string {
  const date = new Date(typeof seconds === 'number' ? seconds * 1000 : Number.NaN);
  return Number.isNaN(date.getTime()) ? 'an unknown time' : date.toISOString();
}

function since(seconds: unknown, nowMs: number): string {
  return typeof seconds === 'number' ? duration(nowMs - seconds * 1000) : 'some time';
}
