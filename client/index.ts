/**
 * Gavelcast in the browser: live auctions over one connection that looks after itself. See docs/client.md.
 */
import { GavelcastClient } from './client.ts';
import type { ConnectOptions } from './connection-status.ts';
import { browserEnvironment, type Environment } from './environment.ts';

/**
 * Connects and stays connected until `close()`, or until the server says that trying again cannot help.
 *
 * @param environment sockets, timers and clock; tests pass their own
 */
export function connect(
  options: ConnectOptions,
  environment: Environment = browserEnvironment(),
): GavelcastClient {
  return new GavelcastClient(options, environment);
}

export type { ClientEvent, ClientEventType, EventOf, GavelcastClient } from './client.ts';
export type { ConnectionStatus, ConnectOptions, Reason } from './connection-status.ts';
export type { Environment } from './environment.ts';
export type { State } from './reconnect.ts';
export type {
  AuctionEnded,
  AuctionEnding,
  AuctionEvent,
  AuctionExtended,
  AuctionRescheduled,
  AuctionStarted,
  AuctionState,
  AuctionStatus,
  BidRetracted,
  BidUpdate,
  Id,
  Outbid,
  Outcome,
  ServerError,
  Standing,
  StateEvent,
  WatchEvent,
  Watchers,
} from './wire.ts';
