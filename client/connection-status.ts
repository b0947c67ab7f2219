/** What an application says to connect, and what it may show of the connection. */
import type { State } from './reconnect.ts';

export interface ConnectOptions {
  /** The server, for example `wss://live.example.com`; `https:` and relative URLs are understood too. */
  readonly url: string | URL;
  /**
   * The user's JWT, asked for before connecting and again shortly before it expires; `null`: signed out, stop.
   * A rejected promise is tried again with backoff.
   */
  readonly getToken: () => string | null | Promise<string | null>;
  /** Where server-sent events are, or `false` for no fallback. Default: `/events` on the same host. */
  readonly eventsUrl?: string | URL | false;
  /** A tab hidden for this long lets go of its connection until it is seen again. Default 300,000; `Infinity`: never. */
  readonly hiddenPauseMs?: number;
  /** Also watch what the user's watchlist says (`on` handlers get its events). Default false. */
  readonly watchlist?: boolean;
  /** Ask for the number of watchers of each watched item. Default false. */
  readonly watchers?: boolean;
}

/** Why the connection is in its state. */
export type Reason =
  | 'started'
  | 'opened'
  | 'returned'
  | 'retry'
  | 'feed'
  | 'server_closed'
  | 'silent'
  | 'timeout'
  | 'token_failed'
  | 'signed_out'
  | 'network'
  | 'hidden'
  | 'items'
  | 'closed';

/** What an application may show of the connection. */
export interface ConnectionStatus {
  readonly type: 'connection';
  readonly state: State;
  readonly reason: Reason;
  /** The close code, where the server closed. */
  readonly code: number | null;
  readonly transport: 'websocket' | 'sse';
}
