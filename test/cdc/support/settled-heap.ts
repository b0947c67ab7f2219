/**
 * What the process really holds: its memory once nothing more can be collected.
 *
 * One collection is not enough to say that. Buffers are freed by a sweeper beside the main thread and by finalizers, which
 * run in later turns of the loop, and what a first collection finds unreachable may have kept other things alive.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const ROUNDS_MAX = 20;
/** Settled: a whole round of collecting gave back less than this. */
const SETTLED_BYTES = 64 * 1024;

/** @returns bytes of the heap and of what it holds outside (buffers) */
export async function settledHeapBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let bytes = Infinity;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    collect();
    await nextTurn();
    const { heapUsed, external } = process.memoryUsage();
    const now = heapUsed + external;
    if (bytes - now < SETTLED_BYTES && round > 2) return now;
    bytes = now;
  }
  return bytes;
}
