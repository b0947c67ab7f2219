/**
 * From an HTTP upgrade request to a client's socket: refusals that can be told before the handshake, then `ws`.
 */
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { ClientSocket } from './client-socket.ts';
import { readCredentials, SUBPROTOCOL_V2, type Credentials } from './credentials.ts';
import type { GatewayOptions } from './gateway-options.ts';

/** Fragments of one message; ours fit in one, and browsers never send more than a few. */
const FRAGMENTS_MAX = 256;
/** How long a client has to answer our close frame before its socket is cut. */
const CLOSE_WITHIN_MS = 2000;
/** `Retry-After` of refusals, in seconds. */
const RETRY_AFTER_S = 5;

export interface UpgradeDeps {
  readonly options: Pick<
    GatewayOptions,
    'path' | 'allowedOrigins' | 'connectionsMax' | 'messageBytesMax'
  >;
  readonly isDraining: () => boolean;
  /** Sockets open now, closing ones included. */
  readonly socketsOpen: () => number;
  /** A request was refused with this status. */
  readonly refused: (status: 403 | 503) => void;
  /** Takes over the socket; `wire` is what its frames are written to. */
  readonly accepted: (socket: ClientSocket, wire: Socket, credentials: Credentials) => void;
}

/** True for requests that ask for a WebSocket; any other `Upgrade` is ignored, as HTTP allows. */
export function isWebSocketRequest(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}

/** The listener of the HTTP server's `upgrade` event. */
export function createUpgrade(
  deps: UpgradeDeps,
): (request: IncomingMessage, wire: Duplex, head: Buffer) => void {
  const { options } = deps;
  const vendorOptions = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: options.messageBytesMax,
    maxFragments: FRAGMENTS_MAX,
    closeTimeout: CLOSE_WITHIN_MS,
    handleProtocols: (offered: Set<string>): string | false =>
      offered.has(SUBPROTOCOL_V2) ? SUBPROTOCOL_V2 : false,
    WebSocket: ClientSocket,
  };
  const server = new WebSocketServer(vendorOptions);
  return (request, wire, head) => {
    const credentials = readCredentials(request.url ?? '/', request.headers);
    const refusal = refusalOf(deps, request, credentials);
    if (refusal !== null) {
      deps.refused(refusal);
      refuse(wire, refusal);
      return;
    }
    if (!(wire instanceof Socket)) {
      wire.destroy();
      return;
    }
    server.handleUpgrade(request, wire, head, (socket) => {
      deps.accepted(socket, wire, credentials);
    });
  };
}

function refusalOf(
  { options, isDraining, socketsOpen }: UpgradeDeps,
  request: IncomingMessage,
  { path }: Credentials,
): 403 | 503 | null {
  if (isDraining()) return 503;
  if (options.path !== null && path !== options.path) return 403;
  const { origin } = request.headers;
  const { allowedOrigins } = options;
  if (origin !== undefined && allowedOrigins !== null && !allowedOrigins.includes(origin)) {
    return 403;
  }
  return socketsOpen() >= options.connectionsMax ? 503 : null;
}

function refuse(wire: Duplex, status: 403 | 503): void {
  const retry = status === 503 ? `Retry-After: ${String(RETRY_AFTER_S)}\r\n` : '';
  wire.on('error', ignore);
  wire.once('finish', () => {
    wire.destroy();
  });
  wire.end(
    `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ''}\r\n${retry}` +
      'Connection: close\r\nContent-Length: 0\r\nCache-Control: no-store\r\n\r\n',
  );
}

/** A client that resets while it is being refused has nothing more to be told. */
function ignore(): void {
  // Nothing to do.
}
