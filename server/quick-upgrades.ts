/**
 * A WebSocket handshake nearly always comes whole, in one packet, from a client that waits for its answer. It is taken
 * here, without the parser, timers and objects that Node's HTTP makes for each of its connections. Every other socket
 * goes to HTTP with the bytes that came, as if nobody had looked.
 */
import { IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { readUpgradeHead } from './upgrade-head.ts';

export interface QuickUpgradesOptions {
  /** Milliseconds until a silent socket is cut; HTTP's own deadline holds for one that has spoken. */
  readonly handshakeWithinMs: number;
  readonly headersMax: number;
  /** The listener of the server's `upgrade` event. */
  readonly upgrade: (request: IncomingMessage, wire: Socket, head: Buffer) => void;
}

const NOTHING_MORE = Buffer.alloc(0);

/**
 * Steps between a plain HTTP server and its new connections; call it before anybody else listens for them. Where the
 * server does not take its connections from one listener of its own, as Node's does, it is left as it is.
 */
export function takeUpgrades(server: Server, options: QuickUpgradesOptions): void {
  const { handshakeWithinMs, headersMax, upgrade } = options;
  const [first, ...others] = server.listeners('connection');
  if (first === undefined || others.length > 0) return;
  const serveHttp = first;
  server.removeAllListeners('connection');

  /** All sockets share these: a closure for each would cost more than what is saved. */
  function received(this: Socket, bytes: Buffer): void {
    this.off('data', received).off('end', ended).off('timeout', silent).off('error', broken);
    this.setTimeout(0);
    const head = readUpgradeHead(bytes, headersMax);
    if (head === null) {
      this.unshift(bytes);
      Reflect.apply(serveHttp, server, [this]);
    } else {
      const request = new IncomingMessage(this);
      request.method = 'GET';
      request.url = head.url;
      request.headers = head.headers;
      upgrade(request, this, NOTHING_MORE);
    }
  }
  server.on('connection', (socket: Socket) => {
    socket.setTimeout(handshakeWithinMs);
    socket.on('data', received).on('end', ended).on('timeout', silent).on('error', broken);
  });
}

function ended(this: Socket): void {
  this.destroy();
}

/** As HTTP answers it. */
function silent(this: Socket): void {
  this.end('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
  this.destroySoon();
}

/** A client that resets before it has said anything; `close` follows. */
function broken(): void {
  // Nothing to do.
}
