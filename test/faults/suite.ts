/**
 * Which scenarios run: all of them by hand (`npm run test:faults`), those that fit into minutes elsewhere.
 */
import { test } from 'vitest';

/** True in `npm run test:faults`, which takes its time. */
export const byHand = process.env['GAVELCAST_FAULTS'] === 'all';

/** A scenario that runs by hand only. Elsewhere it is not there, rather than skipped. */
export function testByHand(name: string, scenario: () => Promise<void>): void {
  if (byHand) test(name, scenario);
}

/** The cases that run: all by hand, else those chosen for CI. */
export function casesOf<T>(all: readonly T[], chosen: readonly T[]): readonly T[] {
  return byHand ? all : chosen;
}
