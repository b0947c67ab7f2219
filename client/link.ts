/** Opens one link to the server: a WebSocket, or a stream of server-sent events where those are blocked. */
import type { ConnectOptions } from './connection-status.ts';
import type { Environment, Socket, SocketListeners } from './environment.ts';
import { openEventStream } from './event-stream.ts';

export interface LinkRequest {
  readonly isStream: boolean;
  readonly token: string;
  /** Position to recover from; null: none. */
  readonly since: string | null;
  /** What to watch, for a stream: it cannot subscribe. */
  readonly itemIds: readonly (number | string)[];
  /** `keepalive`: a stream gave a sign of life. */
  readonly listeners: SocketListeners & { keepalive(): void };
}

/** @throws SyntaxError for a malformed URL, and for a token that a WebSocket handshake cannot carry */
export function openLink(
  environment: Environment,
  { url: server, eventsUrl, watchlist }: ConnectOptions,
  { isStream, token, since, itemIds, listeners }: LinkRequest,
): Socket {
  let url = new URL(server, environment.baseUrl);
  url.protocol = url.protocol.replace('http', 'ws');
  if (isStream) {
    url = new URL(eventsUrl || '/events', url.href.replace('ws', 'http'));
    url.searchParams.set('items', itemIds.join());
  } else if (since !== null) url.searchParams.set('since', since);
  if (watchlist) url.searchParams.set('watchlist', '1');
  return isStream
    ? openEventStream(environment, { url: url.href, token, since }, listeners)
    : environment.openSocket(url.href, ['gavelcast.v2', `bearer.${token}`], listeners);
}
