/**
 * The keys that tokens may be signed with, ready for use. Each is bound to one algorithm: a token names a key and an
 * algorithm, and only a key of that very algorithm is ever tried on it. So a public key can never serve as a secret.
 */
import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import type { PublicAlgorithm, TokenAlgorithm, TokenKey } from '../src/token-rules.ts';

export interface RingKey {
  readonly algorithm: TokenAlgorithm;
  readonly kid: string | null;
  readonly key: KeyObject;
}

/** What a token's header says about its key. */
export interface TokenHeader {
  readonly alg: string;
  readonly kid: string | null;
}

export type KeyRingResult =
  | { readonly ok: true; readonly ring: KeyRing }
  /** Each completes the sentence `key N …`; no key material in it. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** RFC 7518, 3.3 and 3.5. */
const RSA_BITS_MIN = 2048;
/** RFC 7518, 3.4. */
const CURVES = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' } as const;

export class KeyRing {
  readonly #byAlgorithm = new Map<string, readonly RingKey[]>();

  constructor(keys: readonly RingKey[]) {
    for (const key of keys) {
      this.#byAlgorithm.set(key.algorithm, [...(this.#byAlgorithm.get(key.algorithm) ?? []), key]);
    }
  }

  /** The keys to try: of the header's algorithm, and of its `kid` where both have one. In the order configured. */
  candidates({ alg, kid }: TokenHeader): readonly RingKey[] {
    const keys = this.#byAlgorithm.get(alg) ?? [];
    if (kid === null || keys.every((key) => key.kid === null)) return keys;
    return keys.filter((key) => key.kid === null || key.kid === kid);
  }
}

/** Makes the keys ready, or says everything that is wrong with them. */
export function createKeyRing(keys: readonly TokenKey[]): KeyRingResult {
  const ready: RingKey[] = [];
  const problems: string[] = [];
  for (const [at, key] of keys.entries()) {
    const made = makeKey(key);
    if (typeof made === 'string') problems.push(`key ${at + 1} (${key.algorithm}) ${made}`);
    else ready.push({ algorithm: key.algorithm, kid: key.kid, key: made });
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, ring: new KeyRing(ready) };
}

function makeKey(key: TokenKey): KeyObject | string {
  if ('secret' in key) {
    // A public key taken for a secret would let everybody sign who can read it.
    if (/-----BEGIN|^\s*ssh-|^\s*\{\s*"kty"/.test(key.secret)) {
      return 'has a key pair for a secret: HS algorithms take random text that nobody else has';
    }
    return createSecretKey(Buffer.from(key.secret, 'utf8'));
  }
  if (isPrivate(key)) return 'is a private key: only the issuer may have it; give the public one';
  let made: KeyObject;
  try {
    made =
      'jwk' in key
        ? createPublicKey({ key: { ...key.jwk }, format: 'jwk' })
        : createPublicKey({ key: key.publicKey, format: 'pem' });
  } catch {
    return 'is not a public key: PEM ("-----BEGIN PUBLIC KEY-----") or a JWK is needed';
  }
  return misfit(key.algorithm, made) ?? made;
}

function isPrivate(key: TokenKey): boolean {
  if ('jwk' in key) return 'd' in key.jwk || 'k' in key.jwk;
  return 'publicKey' in key && key.publicKey.includes('PRIVATE KEY');
}

/** Why this key cannot be used with this algorithm; null when it can. */
function misfit(algorithm: PublicAlgorithm, key: KeyObject): string | null {
  const type = key.asymmetricKeyType;
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (algorithm) {
    case 'RS256':
    case 'RS384':
    case 'RS512':
    case 'PS256':
    case 'PS384':
    case 'PS512': {
      const isFit = type === 'rsa' || (type === 'rsa-pss' && algorithm.startsWith('PS'));
      if (!isFit) return 'is no RSA key';
      return modulusLength < RSA_BITS_MIN ? `has fewer than ${RSA_BITS_MIN} bits` : null;
    }
    case 'ES256':
    case 'ES384':
    case 'ES512':
      return namedCurve === CURVES[algorithm] ? null : `is not on the curve ${CURVES[algorithm]}`;
    case 'EdDSA':
      return type === 'ed25519' ? null : 'is no Ed25519 key';
  }
}
