/**
 * When to connect, when to wait and when to give up: a pure state machine, the close-code table and the backoff.
 */

/**
 * - `connecting`: a link is being opened. - `live`: the server has said hello.
 * - `degraded`: live, but the server's own feed is lost or late: prices may be old.
 * - `reconnecting`: waiting for the next try. - `offline`: no try until the network or the tab is back.
 * - `stopped`: for good, by `close()` or because the server said that trying again cannot help.
 */
export type State = 'connecting' | 'live' | 'degraded' | 'reconnecting' | 'offline' | 'stopped';

/**
 * `opened`: hello came. `lost`: the link fell. `refused`: a close that means stop. `due`: the backoff is over.
 * `sleep`: the network is gone or the tab was hidden for long. `wake`: neither holds any more, or the tab is seen again.
 * `behind`, `caughtUp`: the server's feed. `close`: the application is done.
 */
export type Signal =
  'opened' | 'lost' | 'refused' | 'due' | 'sleep' | 'wake' | 'behind' | 'caughtUp' | 'close';

const stay = (here: State): Record<Signal, State> => ({
  opened: here,
  lost: here,
  refused: here,
  due: here,
  sleep: here,
  wake: here,
  behind: here,
  caughtUp: here,
  close: 'stopped',
});
const linked = {
  lost: 'reconnecting',
  refused: 'stopped',
  sleep: 'offline',
  close: 'stopped',
} as const;

const TRANSITIONS: Record<State, Record<Signal, State>> = {
  connecting: { ...stay('connecting'), ...linked, opened: 'live' },
  live: { ...stay('live'), ...linked, behind: 'degraded' },
  degraded: { ...stay('degraded'), ...linked, caughtUp: 'live' },
  reconnecting: {
    ...stay('reconnecting'),
    sleep: 'offline',
    due: 'connecting',
    wake: 'connecting',
  },
  offline: { ...stay('offline'), wake: 'connecting' },
  stopped: stay('stopped'),
};

/** The state after a signal; the same one where the signal means nothing in it. */
export function nextState(state: State, signal: Signal): State {
  return TRANSITIONS[state][signal];
}

/** What a close code asks of us. */
export interface AfterClose {
  readonly stop: boolean;
  /** The token has expired: ask for another before connecting. */
  readonly newToken: boolean;
  /** The source changed: positions and states known so far mean nothing. */
  readonly dropState: boolean;
  /** Wait at least this long, before jitter. */
  readonly waitMs: number;
}

const RATE_LIMITED_WAIT_MS = 5_000;

/** The close-code table: 4500–4999 stop, everything else reconnects. */
export function afterClose(code: number): AfterClose {
  return {
    stop: code >= 4500 && code <= 4999,
    newToken: code === 4001,
    dropState: code === 4004,
    waitMs: code === 4005 ? RATE_LIMITED_WAIT_MS : 0,
  };
}

/** Shortest and longest wait before a try, ms. */
export const BACKOFF_MIN_MS = 500;
export const BACKOFF_MAX_MS = 20_000;

/**
 * Full jitter: anywhere between the shortest wait and a ceiling that doubles with each failure in a row.
 *
 * @param failures tries in a row that came to nothing before this one; 0 after a link that had held
 * @param random 0 ≤ random < 1
 */
export function backoffMs(failures: number, random: number): number {
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** (failures + 1));
  return BACKOFF_MIN_MS + random * (ceiling - BACKOFF_MIN_MS);
}
