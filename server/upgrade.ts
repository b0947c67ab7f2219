/**
 * From an HTTP upgrade request to a client's socket: refusals that can be told before the handshake, then `ws`.
 */
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { ClientSocket } from './client-socket.ts';
import type { Connection } from './connection.ts';
import { readCredentials, SUBPROTOCOL_V2, type Credentials } from './credentials.ts';
import type { Door, Refusal } from './door.ts';
import type { GatewayOptions } from './gateway-options.ts';

/** How long a client has to answer our close frame before its socket is cut. */
const CLOSE_WITHIN_MS = 2000;
/** Clients taken in in one turn, some six milliseconds: thousands who come at once after an outage do not stop the loop. */
const ENTRANTS_MAX = 64;
const ELSEWHERE: Refusal = { status: 403, retryAfterSeconds: null };

export interface UpgradeDeps {
  readonly options: Pick<GatewayOptions, 'path' | 'messageBytesMax' | 'fragmentsMax'>;
  readonly door: Door;
  /** A request was refused with this status. */
  readonly refused: (status: Refusal['status']) => void;
  /** Takes over the socket. */
  readonly accepted: (socket: ClientSocket, arrival: Arrival) => Connection;
  /** Looks at the token of a client that was accepted in this turn. */
  readonly begin: (connection: Connection, token: string | null) => void;
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

/** A request that was let in, until the end of the turn. */
interface Entrant {
  readonly request: IncomingMessage;
  readonly head: Buffer;
  readonly arrival: Arrival;
}

/**
 * Takes clients in. Those of one turn of the event loop go step by step together: all handshakes, then all tokens, then
 * all answers. Each step then finds its code, and the kernel's, in the processor's caches for all but the first of them
 * (docs/decisions/0018). Of very many some wait for the next turn.
 */
export class Upgrade {
  readonly #deps: UpgradeDeps;
  readonly #server: ReturnType<typeof createHandshake>;
  readonly #entrants: Entrant[] = [];

  constructor(deps: UpgradeDeps) {
    this.#deps = deps;
    this.#server = createHandshake(deps.options);
  }

  /** The listener of the HTTP server's `upgrade` event. */
  readonly requested = (request: IncomingMessage, wire: Duplex, head: Buffer): void => {
    if (!(wire instanceof Socket)) {
      wire.destroy();
      return;
    }
    // Between the listeners of HTTP and those of `ws` nobody else listens.
    wire.on('error', ignore);
    const { door, options } = this.#deps;
    const credentials = readCredentials(request.url ?? '/', request.headers);
    const addressKey = door.addressKeyOf(request);
    const entrant = { request, head, arrival: { credentials, wire, addressKey } };
    const isElsewhere = options.path !== null && credentials.path !== options.path;
    const refusal = isElsewhere ? ELSEWHERE : door.refusalOf(request, addressKey);
    const answer = (told: Refusal | null): void => {
      this.#answer(entrant, told);
    };
    if (refusal instanceof Promise) void refusal.then(answer);
    else answer(refusal);
  };

  #answer(entrant: Entrant, refusal: Refusal | null): void {
    if (refusal !== null) {
      this.#deps.refused(refusal.status);
      refuse(entrant.arrival.wire, refusal);
      return;
    }
    if (this.#entrants.length === 0) setImmediate(this.#endTurn);
    this.#entrants.push(entrant);
  }

  readonly #endTurn = (): void => {
    const entrants = this.#entrants.splice(0, ENTRANTS_MAX);
    if (this.#entrants.length > 0) setImmediate(this.#endTurn);
    const clients: { readonly connection: Connection; readonly token: string | null }[] = [];
    for (const entrant of entrants) {
      const { wire, addressKey, credentials } = entrant.arrival;
      // What a client is told at once, a `hello`, leaves in one piece with the answer.
      wire.cork();
      const connection = this.#complete(entrant);
      if (connection === null) this.#deps.door.left(addressKey);
      else clients.push({ connection, token: credentials.token });
    }
    for (const { connection, token } of clients) this.#deps.begin(connection, token);
    for (const { arrival } of entrants) arrival.wire.uncork();
  };

  /** Null where it has become no client: we or it have gone meanwhile, or `ws` has refused a faulty handshake. */
  #complete({ request, head, arrival }: Entrant): Connection | null {
    const { door, refused, accepted } = this.#deps;
    const { wire } = arrival;
    if (door.leaving !== null) {
      refused(door.leaving.status);
      refuse(wire, door.leaving);
      return null;
    }
    const made: { connection: Connection | null } = { connection: null };
    wire.off('error', ignore);
    this.#server.handleUpgrade(request, wire, head, (socket) => {
      made.connection = accepted(socket, arrival);
    });
    return made.connection;
  }
}

function createHandshake(options: UpgradeDeps['options']) {
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
  return new WebSocketServer(vendorOptions);
}

function refuse(wire: Socket, { status, retryAfterSeconds }: Refusal): void {
  const retry = retryAfterSeconds === null ? '' : `Retry-After: ${String(retryAfterSeconds)}\r\n`;
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
