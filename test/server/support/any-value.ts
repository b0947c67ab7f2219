/**
 * `expect.any(…)` without its `any`: what a message may hold where the test does not say which.
 */
import { expect } from 'vitest';

export const ANY_TEXT: unknown = expect.any(String);
export const ANY_NUMBER: unknown = expect.any(Number);

/** A text with this in it. */
export function textLike(pattern: RegExp): unknown {
  return expect.stringMatching(pattern);
}
