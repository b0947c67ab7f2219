/**
 * What to do after a failure and how long to wait before it. Pure: the feed carries it out.
 */
import { ERRORS } from '../src/errors.ts';
import type { ErrorCode } from '../src/errors.ts';

/** Upper bound of the wait, milliseconds. */
export const BACKOFF_MAX_MS = 20_000;
/** Half of the first attempt's limit. */
const BACKOFF_FIRST_MS = 100;
/** A connection that lived this long was a good one: the next failure starts counting anew. */
const GOOD_CONNECTION_MS = 2_000;

/**
 * - `resume`: connect again from the last processed position, the book kept.
 * - `reload`: nothing is known to be continuous any more: tell the publisher, load a fresh book.
 * - `halt`: stop publishing until an operator has mended it.
 */
export type Recovery = 'resume' | 'reload' | 'halt';

/** What follows from an error's code. Codes that end the process at start halt the feed later on. */
export function recoveryOf(code: ErrorCode, onPositionLost: 'resync' | 'halt'): Recovery {
  switch (ERRORS[code].action) {
    case 'retry':
      return 'resume';
    case 'resync':
      return onPositionLost === 'resync' ? 'reload' : 'halt';
    case 'halt':
    case 'exit':
      return 'halt';
  }
}

/**
 * Full-jitter backoff: anything up to a limit that doubles with each attempt, so that a thousand instances do not come
 * back in step.
 *
 * @param attempt 1 for the first try after a failure
 * @param random from 0 inclusive to 1 exclusive
 */
export function backoffMs(attempt: number, random: number): number {
  const limit = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(random * limit);
}

/** How loud a retry is: a blip is worth a note, an outage is worth waking somebody, and neither a line a second. */
export function retryLogLevel(attempt: number): 'info' | 'warn' | 'error' {
  if (attempt <= 2) return 'info';
  return attempt <= 6 ? 'warn' : 'error';
}

/**
 * The next attempt's number.
 *
 * @param livedMs how long the connection streamed; 0 when it never did
 */
export function nextAttempt(options: {
  readonly attempt: number;
  readonly livedMs: number;
  readonly code: ErrorCode;
}): number {
  // The server answered, however long it had been away: the fresh book need not wait for that.
  if (ERRORS[options.code].action === 'resync') return 1;
  // Whoever shares our server id is evicted by us in turn: such a connection lives, and is no good sign.
  const wasGood = options.livedMs >= GOOD_CONNECTION_MS && options.code !== 'SERVER_ID_CONFLICT';
  return wasGood ? 1 : options.attempt + 1;
}
