/**
 * What an upgrade request says about the client: protocol version, a token from one of the carriers, what it wants.
 */
import type { IncomingHttpHeaders } from 'node:http';

/** The subprotocol that asks for protocol version 2; the only one ever echoed. */
export const SUBPROTOCOL_V2 = 'gavelcast.v2';
const BEARER_SUBPROTOCOL = 'bearer.';
const NONE: readonly string[] = [];

export interface Credentials {
  /** The path without its query. */
  readonly path: string;
  readonly version: 1 | 2;
  /** Null: none sent; a v2 client may still send one as its first message. */
  readonly token: string | null;
  /** The last event the client has seen (`?since=`); null: none given. */
  readonly since: string | null;
  /** Asks for what the user's watchlist says (`?watchlist=1`, v2). */
  readonly watchlist: boolean;
}

/**
 * Reads `?token=`, else `Authorization: Bearer`, else a `bearer.<JWT>` subprotocol: the first that is there counts.
 * Tokens come back unverified and of any length.
 */
export function readCredentials(url: string, headers: IncomingHttpHeaders): Credentials {
  const queryAt = url.indexOf('?');
  const path = queryAt === -1 ? url : url.slice(0, queryAt);
  const query = new URLSearchParams(queryAt === -1 ? '' : url.slice(queryAt + 1));
  const offered = headers['sec-websocket-protocol'];
  const subprotocols = offered === undefined ? NONE : offered.split(',').map((it) => it.trim());
  const asksV2 = subprotocols.includes(SUBPROTOCOL_V2) || query.get('v') === '2';
  return {
    path,
    version: asksV2 ? 2 : 1,
    token: query.get('token') ?? bearerOf(headers.authorization) ?? bearerAmong(subprotocols),
    since: query.get('since'),
    watchlist: asksV2 && query.get('watchlist') === '1',
  };
}

function bearerOf(authorization: string | undefined): string | null {
  const match = /^bearer +(\S+)$/i.exec(authorization ?? '');
  return match?.[1] ?? null;
}

function bearerAmong(subprotocols: readonly string[]): string | null {
  const carrier = subprotocols.find((it) => it.startsWith(BEARER_SUBPROTOCOL));
  return carrier === undefined ? null : carrier.slice(BEARER_SUBPROTOCOL.length);
}
