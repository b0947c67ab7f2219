/**
 * Keys that an identity provider publishes at a URL (JWKS), through `jose`: fetched when first needed, kept for ten
 * minutes, and fetched again for an unknown key at most twice a minute, whatever tokens strangers make up.
 */
import {
  compactVerify,
  createRemoteJWKSet,
  customFetch,
  errors,
  type CryptoKey,
  type FetchImplementation,
} from 'jose';
import type { Clock } from '../src/ports.ts';
import type { RemoteKeys } from '../src/token-rules.ts';

const CACHE_MS = 600_000;
const REFRESH_EVERY_MS = 30_000;
const FETCH_WITHIN_MS = 5000;
/** How long a failed fetch answers for the ones after it. */
const RETRY_AFTER_MS = 5000;
const BODY_BYTES_MAX = 262_144;
/** Keys tried for a token that names none. */
const KEYS_TRIED_MAX = 16;

/** The signed payload; `signature`: no key fits; `unavailable`: the keys cannot be had now. */
export type JwksVerdict = { readonly payload: Uint8Array } | 'signature' | 'unavailable';

export interface JwksDeps {
  readonly now: Clock;
  /** The keys could not be fetched; at most once in {@link RETRY_AFTER_MS}. */
  readonly failed: (error: unknown) => void;
}

class JwksUnavailable extends Error {}

/** Verifies signatures with the keys behind the URL, all with its one algorithm. */
export function createJwksVerifier(
  remote: RemoteKeys,
  deps: JwksDeps,
): (token: string) => Promise<JwksVerdict> {
  const keySet = createRemoteJWKSet(new URL(remote.url), {
    cacheMaxAge: CACHE_MS,
    cooldownDuration: REFRESH_EVERY_MS,
    timeoutDuration: FETCH_WITHIN_MS,
    [customFetch]: rationedFetch(deps),
  });
  const options = { algorithms: [remote.algorithm] };
  return async (token) => {
    try {
      const { payload } = await compactVerify(token, keySet, options);
      return { payload };
    } catch (error) {
      if (error instanceof errors.JWKSMultipleMatchingKeys) {
        return verifyWithEach(token, error, options);
      }
      return isRefusal(error) ? 'signature' : 'unavailable';
    }
  };
}

/** A token without `kid` fits several keys of the set: the first that verifies it. */
async function verifyWithEach(
  token: string,
  keys: AsyncIterable<CryptoKey>,
  options: { readonly algorithms: string[] },
): Promise<JwksVerdict> {
  let tried = 0;
  for await (const key of keys) {
    tried += 1;
    if (tried > KEYS_TRIED_MAX) break;
    try {
      const { payload } = await compactVerify(token, key, options);
      return { payload };
    } catch {
      // The next one, then.
    }
  }
  return 'signature';
}

/** What the token is to blame for; everything else is the key set's fault, or the way to it. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    // jose's word for a key that the algorithm cannot use, such as RSA under 2048 bits.
    error instanceof TypeError
  );
}

function rationedFetch({ now, failed }: JwksDeps): FetchImplementation {
  let failedAtMs = Number.NEGATIVE_INFINITY;
  return async (url, options) => {
    if (now() - failedAtMs < RETRY_AFTER_MS) throw new JwksUnavailable('key set unavailable');
    try {
      const response = await fetch(url, options);
      if (response.status !== 200) {
        await response.body?.cancel();
        throw new Error(`the key set answered ${response.status}`);
      }
      const text = await boundedText(response);
      // Parsed here, so that a key set that is none counts as a failed fetch too.
      JSON.parse(text);
      return new Response(text);
    } catch (error) {
      failedAtMs = now();
      failed(error);
      throw new JwksUnavailable('key set unavailable', { cause: error });
    }
  };
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Node's own type of what `fetch` gives leaves the chunks untyped.
  const body = (response.body ?? []) as AsyncIterable<Uint8Array> | never[];
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Error(`the key set is over ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
