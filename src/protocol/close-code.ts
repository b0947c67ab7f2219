/**
 * Close codes: what each means and what a client does about it. `docs/protocol.md` and the SDK follow this table.
 */

/**
 * - `reconnect`: with full-jitter backoff, and `since`.
 * - `reconnect_new_token`: fetch a token first. - `reconnect_drop_state`: forget `since` and all state first.
 * - `reconnect_later`: after a delay, because it went too fast.
 * - `stop`: connecting again cannot help. - `fix_client`: a client bug; reconnecting would repeat it.
 */
export type CloseReaction =
  | 'reconnect'
  | 'reconnect_new_token'
  | 'reconnect_drop_state'
  | 'reconnect_later'
  | 'stop'
  | 'fix_client';

export interface CloseEntry {
  /** The reason text sent in the close frame: short, plain ASCII. */
  readonly reason: string;
  readonly client: CloseReaction;
}

export const CLOSE_CODES = {
  1001: { reason: 'going away', client: 'reconnect' },
  1002: { reason: 'protocol error', client: 'fix_client' },
  1003: { reason: 'binary frames are not accepted', client: 'fix_client' },
  1007: { reason: 'invalid UTF-8', client: 'fix_client' },
  1008: { reason: 'policy violation', client: 'fix_client' },
  1009: { reason: 'message too big', client: 'fix_client' },
  1012: { reason: 'service restart', client: 'reconnect' },
  4001: { reason: 'token expired', client: 'reconnect_new_token' },
  4002: { reason: 'too slow', client: 'reconnect' },
  4003: { reason: 'heartbeat lost', client: 'reconnect' },
  4004: { reason: 'source changed', client: 'reconnect_drop_state' },
  4005: { reason: 'rate limited', client: 'reconnect_later' },
  4500: { reason: 'authentication failed', client: 'stop' },
  4501: { reason: 'repeated abuse', client: 'stop' },
  4502: { reason: 'suspended or banned', client: 'stop' },
  4503: { reason: 'too many connections of this user', client: 'stop' },
  4504: { reason: 'authentication timeout', client: 'stop' },
} as const satisfies Record<number, CloseEntry>;

export type CloseCode = keyof typeof CLOSE_CODES;

/**
 * What a client does after a close with this code, known to it or not: 4000–4499 reconnect, 4500–4999 stop, anything
 * else (1006 above all) reconnect.
 */
export function closeReaction(code: number): CloseReaction {
  if (isCloseCode(code)) {
    return CLOSE_CODES[code].client;
  }
  return code >= 4500 && code <= 4999 ? 'stop' : 'reconnect';
}

function isCloseCode(code: number): code is CloseCode {
  return Object.hasOwn(CLOSE_CODES, code);
}
