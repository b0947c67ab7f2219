/**
 * What the gateway is made of besides text: keys that must fit their algorithms, a certificate and its key from files.
 * Everything that is wrong, at once.
 */
import { createSecureContext } from 'node:tls';

import { createKeyRing } from '../../server/key-ring.ts';
import type { TlsFiles } from '../../server/gateway-options.ts';
import type { ServerConfig } from '../config.ts';
import type { ConfigProblem } from '../config-problem.ts';
import type { TokenRules } from '../token-rules.ts';
import { readNamed } from './feed-options.ts';

/** What is wrong with the token keys, each with its fix. */
export function tokenProblems({ keys }: TokenRules): readonly ConfigProblem[] {
  // `JWT_SECRET`, where it is set, is the first key; it cannot be wrong here.
  const made = createKeyRing(keys);
  if (made.ok) return [];
  const fix = 'see JWT_KEYS in docs/configuration.md';
  return made.problems.map((problem) => ({ name: 'JWT_KEYS', problem, fix }));
}

/** Certificate and key, where both are named; null where TLS is not ours to do. */
export function readTlsFiles(
  { tlsCertFile, tlsKeyFile }: ServerConfig,
  cwd: string,
  problems: ConfigProblem[],
): TlsFiles | null {
  if (tlsCertFile === null || tlsKeyFile === null) return null;
  const cert = readNamed('WS_TLS_CERT', tlsCertFile, cwd, problems);
  const key = readNamed('WS_TLS_KEY', tlsKeyFile, cwd, problems);
  if (cert === null || key === null) return null;
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    // OpenSSL's words name what is wrong and hold nothing of the key.
    const reason = error instanceof Error ? error.message : 'unknown reason';
    const fix = 'name a certificate with its chain and the key that belongs to it, both as PEM';
    problems.push({ name: 'WS_TLS_CERT', problem: `cannot be used: ${reason}`, fix });
  }
  return { cert, key };
}
