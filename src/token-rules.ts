/**
 * What a token must look like to be believed: keys, each good for one algorithm alone, and what the claims must say.
 */
import { z } from 'zod';

/** Algorithms by what their keys are. `none` is not among them, and never will be. */
export const SECRET_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
export const PUBLIC_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

export type SecretAlgorithm = (typeof SECRET_ALGORITHMS)[number];
export type PublicAlgorithm = (typeof PUBLIC_ALGORITHMS)[number];
export type TokenAlgorithm = SecretAlgorithm | PublicAlgorithm;

/** Keys that one installation may have: enough for a rotation of several issuers. */
const TOKEN_KEYS_MAX = 16;

/** A key as it is configured. `kid` null: tries every token of its algorithm. */
export type TokenKey =
  | { readonly algorithm: SecretAlgorithm; readonly kid: string | null; readonly secret: string }
  | {
      readonly algorithm: PublicAlgorithm;
      readonly kid: string | null;
      /** PEM (SPKI). */
      readonly publicKey: string;
    }
  | {
      readonly algorithm: PublicAlgorithm;
      readonly kid: string | null;
      readonly jwk: Readonly<Record<string, unknown>>;
    };

/** A set of keys behind a URL: all of them are used with one algorithm. */
export interface RemoteKeys {
  readonly url: string;
  readonly algorithm: PublicAlgorithm;
}

export interface TokenRules {
  /** Tried in this order. */
  readonly keys: readonly TokenKey[];
  readonly remote: RemoteKeys | null;
  /** The `iss` a token must have; null: any or none. */
  readonly issuer: string | null;
  /** What `aud` must be, or hold; null: any or none. */
  readonly audience: string | null;
  /** How far the issuer's clock may be from ours. */
  readonly toleranceMs: number;
  /** Name of the claim with the user's id, or a path with dots to it. */
  readonly userClaim: string;
  /** Tokens that expire later than this from now are refused: nobody signs one for ten years on purpose. */
  readonly lifetimeMaxMs: number;
}

export const USER_CLAIM_DEFAULT = 'userId';
export const LIFETIME_MAX_DAYS_DEFAULT = 400;
const DAY_MS = 86_400_000;

/** The rules of a portal as it comes: one HS256 secret. */
export function portalTokenRules(secret: string): TokenRules {
  return {
    keys: [{ algorithm: 'HS256', kid: null, secret }],
    remote: null,
    issuer: null,
    audience: null,
    toleranceMs: 0,
    userClaim: USER_CLAIM_DEFAULT,
    lifetimeMaxMs: LIFETIME_MAX_DAYS_DEFAULT * DAY_MS,
  };
}

const kidSchema = z.string().min(1).max(256).optional();

const keysSchema = z
  .array(
    z.union([
      z.strictObject({
        algorithm: z.enum(SECRET_ALGORITHMS),
        kid: kidSchema,
        secret: z.string(),
      }),
      z.strictObject({
        algorithm: z.enum(PUBLIC_ALGORITHMS),
        kid: kidSchema,
        publicKey: z.string().min(1),
      }),
      z.strictObject({
        algorithm: z.enum(PUBLIC_ALGORITHMS),
        kid: kidSchema,
        jwk: z.record(z.string(), z.unknown()),
      }),
    ]),
  )
  .min(1)
  .max(TOKEN_KEYS_MAX);

/** The JSON of `JWT_KEYS`; null when it is not a list of 1 to {@link TOKEN_KEYS_MAX} keys. */
export function parseTokenKeys(text: string): readonly TokenKey[] | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = keysSchema.safeParse(value);
  if (!parsed.success) return null;
  return parsed.data.map(({ kid = null, ...key }) => ({ ...key, kid }));
}
