/** Waiting for a condition with a deadline, never for a duration. */
import { setTimeout as sleep } from 'node:timers/promises';

/** More than a busy machine keeps a process waiting, and less than a test may take. */
export const PATIENCE_MS = 20_000;

/**
 * Resolves with the first truthy result of `condition`, asked every few milliseconds.
 *
 * @throws Error naming `what` when `withinMs` have passed
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: { withinMs?: number; everyMs?: number; what?: string | (() => string) } = {},
): Promise<NonNullable<T>> {
  const withinMs = options.withinMs ?? PATIENCE_MS;
  const deadline = performance.now() + withinMs;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (performance.now() > deadline) {
      const what = typeof options.what === 'function' ? options.what() : options.what;
      throw new Error(`waited ${withinMs} ms in vain for ${what ?? 'the condition'}`);
    }
    await sleep(options.everyMs ?? 20);
  }
}
