/**
 * One WebSocket connection of `gavelcast watch`, from dialling to its end.
 */
import { WebSocket } from 'ws';

import { parseMessage } from './message-line.ts';
import type { ConnectionEnd } from './reconnect-step.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How often we ask for a sign of life; a server silent for a whole period is taken for dead. */
const PING_MS = 20_000;

/** What outlives a connection. */
export interface Session {
  /** The last event that can serve as a position. */
  since: string | null;
  /** Milliseconds after which the server asked us to come back. */
  afterMs: number | null;
}

export interface WatchConnection {
  readonly url: URL;
  readonly token: string;
  readonly items: readonly string[];
  /** As the portal's old clients: token in the query, no subprotocol, one subscribe an item. */
  readonly isLegacy: boolean;
  readonly session: Session;
  readonly signal: AbortSignal;
  readonly onOpen: () => void;
  readonly onMessage: (json: string) => void;
}

/** Resolves when the connection has ended, however it did. Never rejects. */
export function connectOnce(connection: WatchConnection): Promise<ConnectionEnd> {
  const { signal, session } = connection;
  return new Promise((resolve) => {
    const socket = dial(connection);
    let wasOpen = false;
    let failure: ConnectionEnd | null = null;
    let hasHeard = true;
    const ticker = setInterval(() => {
      if (!hasHeard) socket.terminate();
      hasHeard = false;
      if (socket.readyState === WebSocket.OPEN) socket.send('{"action":"ping"}');
    }, PING_MS);
    const onAbort = (): void => {
      socket.close(1000);
      setTimeout(() => {
        socket.terminate();
      }, 1000).unref();
    };
    signal.addEventListener('abort', onAbort);
    socket.on('open', () => {
      wasOpen = true;
      connection.onOpen();
      for (const request of subscriptions(connection)) socket.send(request);
    });
    socket.on('ping', () => {
      hasHeard = true;
    });
    socket.on('message', (data: Buffer) => {
      hasHeard = true;
      const json = data.toString('utf8');
      remember(json, session);
      connection.onMessage(json);
    });
    socket.on('unexpected-response', (_request, response) => {
      const seconds = Number(response.headers['retry-after'] ?? Number.NaN);
      const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : null;
      failure = { kind: 'refused', status: response.statusCode ?? 0, retryAfterMs, wasOpen };
      socket.terminate();
    });
    socket.on('error', (error) => {
      failure ??= { kind: 'failed', error: messageOf(error), wasOpen };
    });
    socket.on('close', (code, reason) => {
      clearInterval(ticker);
      signal.removeEventListener('abort', onAbort);
      const closed = { kind: 'closed', code, reason: reason.toString('utf8'), wasOpen } as const;
      resolve(wasOpen ? closed : (failure ?? closed));
    });
    if (signal.aborted) onAbort();
  });
}

function dial({ url, token, isLegacy, session }: WatchConnection): WebSocket {
  const target = new URL(url);
  const options = { handshakeTimeout: HANDSHAKE_TIMEOUT_MS, perMessageDeflate: false };
  if (isLegacy) {
    target.searchParams.set('token', token);
    return new WebSocket(target, options);
  }
  if (session.since !== null) target.searchParams.set('since', session.since);
  // In a header the token stays out of the access logs of proxies.
  const headers = { authorization: `Bearer ${token}` };
  return new WebSocket(target, ['gavelcast.v2'], { ...options, headers });
}

function subscriptions({ items, isLegacy, session }: WatchConnection): string[] {
  const itemIds = items.map((item) => {
    const number = Number(item);
    return Number.isSafeInteger(number) && String(number) === item ? number : item;
  });
  if (itemIds.length === 0) return [];
  if (isLegacy) return itemIds.map((itemId) => JSON.stringify({ action: 'subscribe', itemId }));
  const since = session.since === null ? {} : { since: session.since };
  return [JSON.stringify({ action: 'subscribe', itemIds, ...since })];
}

function remember(json: string, session: Session): void {
  const { type, eventId, afterMs, lastEventId } = parseMessage(json);
  // A first position, before any event has come.
  if (type === 'hello' && typeof lastEventId === 'string') session.since ??= lastEventId;
  // Ids that begin with ~ are of ephemeral events: no positions.
  if (typeof eventId === 'string' && !eventId.startsWith('~')) session.since = eventId;
  if (type === 'reconnect' && typeof afterMs === 'number') session.afterMs = afterMs;
}

function messageOf(error: Error): string {
  if (error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : error.name;
}
