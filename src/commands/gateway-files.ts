/**
 * What the gateway is made of besides text: keys that must fit their algorithms. Everything that is wrong, at once.
 */
import { createKeyRing } from '../../server/key-ring.ts';
import type { ConfigProblem } from '../config-problem.ts';
import type { TokenRules } from '../token-rules.ts';

/** What is wrong with the token keys, each with its fix. */
export function tokenProblems({ keys }: TokenRules): readonly ConfigProblem[] {
  // `JWT_SECRET`, where it is set, is the first key; it cannot be wrong here.
  const made = createKeyRing(keys);
  if (made.ok) return [];
  const fix = 'see JWT_KEYS in docs/configuration.md';
  return made.problems.map((problem) => ({ name: 'JWT_KEYS', problem, fix }));
}
