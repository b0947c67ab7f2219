/**
 * When the clients of a server that leaves come back: spread out, so that the next one is not overrun.
 */

/** Reconnects a second that a drain asks its clients to spread themselves to, and the longest it asks one to wait. */
const RECONNECTS_PER_SECOND = 1000;
const RECONNECT_AFTER_MS_MIN = 500;
const RECONNECT_AFTER_MS_MAX = 20_000;

/** The wait of client number `at` (from 0) of `count`. */
export function reconnectAfterMs(at: number, count: number): number {
  const spreadMs = Math.min(
    RECONNECT_AFTER_MS_MAX - RECONNECT_AFTER_MS_MIN,
    (count * 1000) / RECONNECTS_PER_SECOND,
  );
  return RECONNECT_AFTER_MS_MIN + Math.round((spreadMs * at) / count);
}
