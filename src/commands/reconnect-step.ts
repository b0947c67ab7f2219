/**
 * What a client does after its connection ended: the close-code table applied. Pure.
 */
import { CLOSE_CODES, closeReaction } from '../protocol/close-code.ts';

const BACKOFF_MIN_MS = 500;
const BACKOFF_MAX_MS = 20_000;
const LATER_MS = 5000;

/** How a connection ended. */
export type ConnectionEnd = { readonly wasOpen: boolean } & (
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string }
  /** The server answered the upgrade request with this HTTP status. */
  | { readonly kind: 'refused'; readonly status: number; readonly retryAfterMs: number | null }
  | { readonly kind: 'failed'; readonly error: string }
);

export type ReconnectStep =
  | { readonly action: 'stop'; readonly text: string }
  | {
      readonly action: 'reconnect';
      readonly delayMs: number;
      /** Forget `since` and everything known. */
      readonly dropsState: boolean;
      readonly text: string;
    };

/**
 * @param input.attempt connections in a row that failed, this one included; 0 after one that was open
 * @param input.afterMs what the server's `reconnect` message asked for, if it sent one
 * @param input.random 0 to 1
 */
export function nextStep(input: {
  readonly end: ConnectionEnd;
  readonly attempt: number;
  readonly canRenewToken: boolean;
  readonly afterMs: number | null;
  readonly random: number;
}): ReconnectStep {
  const { end } = input;
  const what = describe(end);
  const backoffMs = input.afterMs ?? fullJitter(input.attempt, input.random);
  if (end.kind === 'failed') return comeBack(what, backoffMs);
  if (end.kind === 'refused') {
    const isForNow = end.status === 429 || end.status >= 500;
    return isForNow ? comeBack(what, end.retryAfterMs ?? backoffMs) : stop(what);
  }
  switch (closeReaction(end.code)) {
    case 'reconnect':
      return comeBack(what, backoffMs);
    case 'reconnect_new_token':
      return input.canRenewToken
        ? comeBack(what, backoffMs)
        : stop(`${what}: a new token is needed`);
    case 'reconnect_drop_state':
      return { ...comeBack(what, backoffMs), dropsState: true };
    case 'reconnect_later':
      return comeBack(what, LATER_MS + backoffMs);
    case 'stop':
    case 'fix_client':
      return stop(what);
  }
}

function fullJitter(attempt: number, random: number): number {
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(attempt + 1, 10));
  return Math.round(BACKOFF_MIN_MS + random * (ceiling - BACKOFF_MIN_MS));
}

function describe(end: ConnectionEnd): string {
  switch (end.kind) {
    case 'closed': {
      const known = Object.entries(CLOSE_CODES).find(([code]) => Number(code) === end.code)?.[1];
      const words = end.reason || (known?.reason ?? (end.code === 1006 ? 'connection lost' : ''));
      return `closed ${end.code.toString()}${words === '' ? '' : ` (${words})`}`;
    }
    case 'refused':
      return `refused with HTTP ${end.status.toString()}`;
    case 'failed':
      return `no connection (${end.error})`;
  }
}

function comeBack(what: string, delayMs: number): ReconnectStep & { readonly action: 'reconnect' } {
  const text = `${what}; connecting again in ${(delayMs / 1000).toFixed(1)} s`;
  return { action: 'reconnect', delayMs, dropsState: false, text };
}

function stop(what: string): ReconnectStep {
  return { action: 'stop', text: `${what}; not connecting again` };
}
