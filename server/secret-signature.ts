/**
 * Signatures of the HS algorithms: an HMAC over a token's first two parts, in base64url. docs/decisions/0016 says why
 * they are not left to `jsonwebtoken`, and how they are held to it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RingKey } from './key-ring.ts';
import { SECRET_ALGORITHMS, type SecretAlgorithm } from '../src/token-rules.ts';

const HASHES = {
  HS256: 'sha256',
  HS384: 'sha384',
  HS512: 'sha512',
} as const satisfies Record<SecretAlgorithm, string>;

/** A key that is a secret. */
export type SecretKey = RingKey & { readonly algorithm: SecretAlgorithm };

export function isSecretKey(key: RingKey): key is SecretKey {
  const known: readonly string[] = SECRET_ALGORITHMS;
  return known.includes(key.algorithm);
}

/**
 * Whether the third part of a token signs its first two, with this key and its own algorithm. It is compared as text, in
 * constant time: of the several spellings base64url has for the same bytes only the canonical one counts.
 *
 * @param token three parts of base64url characters
 */
export function isSignedWith({ key, algorithm }: SecretKey, token: string): boolean {
  const signedChars = token.lastIndexOf('.');
  const signed = token.slice(0, signedChars);
  const mac = createHmac(HASHES[algorithm], key).update(signed, 'latin1').digest('base64url');
  const expected = Buffer.from(mac, 'latin1');
  const given = Buffer.from(token.slice(signedChars + 1), 'latin1');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
