/**
 * When the clients of a server that leaves come back: spread out, so that the next one is not overrun.
 */

/** Reconnects a second that a drain spreads its clients to, where there is time, and the longest it asks one to wait. */
const RECONNECTS_PER_SECOND = 1000;
const RECONNECT_AFTER_MS_MIN = 500;
const RECONNECT_AFTER_MS_MAX = 20_000;
/** What of the drain is used to close connections; the rest is for their answers. */
const CLOSING_SHARE = 0.8;

/** How long `count` clients are closed over, one after the other, in a drain of `withinMs`. */
export function closeOverMs(count: number, withinMs: number): number {
  return Math.min(spreadMs(count), withinMs * CLOSING_SHARE);
}

/**
 * The wait that client number `at` (from 0) of `count` is asked for after its close: what closing one after the other
 * over `closedOverMs` does not spread by itself.
 */
export function reconnectAfterMs(at: number, count: number, closedOverMs: number): number {
  const restMs = Math.min(
    RECONNECT_AFTER_MS_MAX - RECONNECT_AFTER_MS_MIN,
    Math.max(0, spreadMs(count) - closedOverMs),
  );
  return RECONNECT_AFTER_MS_MIN + Math.round((restMs * at) / count);
}

function spreadMs(count: number): number {
  return (count * 1000) / RECONNECTS_PER_SECOND;
}
