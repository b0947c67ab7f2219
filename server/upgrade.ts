/**
 * From an HTTP upgrade request to a client's socket: refusals that can be told before the handshake, then `ws`.
 */
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { ClientSocket } from './client-socket.ts';
import { readCredentials, SUBPROTOCOL_V2, type Credentials } from './credentials.ts';
import type { Door, Refusal } from './door.ts';
import type { GatewayOptions } from './gateway-options.ts';

/** How long a client has to answer our close frame before its socket is cut. */
const CLOSE_WITHIN_MS = 2000;

export interface UpgradeDeps {
  readonly options: Pick<GatewayOptions, 'path' | 'messageBytesMax' | 'fragmentsMax'>;
  readonly door: Door;
  /** A request was refused with this status. */
  readonly refused: (status: Refusal['status']) => void;
  /** Takes over the socket. */
  readonly accepted: (socket: ClientSocket, arrival: Arrival) => void;
}

/** What is known of a client besides its socket. */
export interface Arrival {
  readonly credentials: Credentials;
  /** What its frames are written to. */
  readonly wire: Socket;
  /** What limits count it by (client-address.ts). */
  readonly addressKey: string | null;
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
    maxFragments: options.fragmentsMax,
    closeTimeout: CLOSE_WITHIN_MS,
    handleProtocols: (offered: Set<string>): string | false =>
      offered.has(SUBPROTOCOL_V2) ? SUBPROTOCOL_V2 : false,
    WebSocket: ClientSocket,
  };
  const server = new WebSocketServer(vendorOptions);
  return (request, wire, head) => {
    const credentials = readCredentials(request.url ?? '/', request.headers);
    const addressKey = deps.door.addressKeyOf(request);
    const isElsewhere = options.path !== null && credentials.path !== options.path;
    const answer = (refusal: Refusal | null): void => {
      if (refusal !== null) {
        deps.refused(refusal.status);
        refuse(wire, refusal);
        return;
      }
      const outcome = { isClient: false };
      if (wire instanceof Socket) {
        // The answer and what follows it at once, a `hello`, leave in one piece.
        wire.cork();
        try {
          server.handleUpgrade(request, wire, head, (socket) => {
            outcome.isClient = true;
            deps.accepted(socket, { credentials, wire, addressKey });
          });
        } finally {
          wire.uncork();
        }
      } else {
        wire.destroy();
      }
      // `ws` answers a faulty handshake itself, at once.
      if (!outcome.isClient) deps.door.left(addressKey);
    };
    const refusal = isElsewhere
      ? ({ status: 403, retryAfterSeconds: null } as const)
      : deps.door.refusalOf(request, addressKey);
    if (refusal instanceof Promise) {
      // Between the listeners of HTTP and those of `ws` nobody else listens.
      wire.on('error', ignore);
      void refusal.then(answer);
    } else {
      answer(refusal);
    }
  };
}

function refuse(wire: Duplex, { status, retryAfterSeconds }: Refusal): void {
  const retry = retryAfterSeconds === null ? '' : `Retry-After: ${String(retryAfterSeconds)}\r\n`;
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
