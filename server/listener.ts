/**
 * The public port: HTTP or HTTPS, the limits that hold before a request is read, and binding the address.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { AppError } from '../src/errors.ts';
import type { TlsFiles } from './gateway-options.ts';
import type { Handshakes } from './handshakes.ts';
import { isWebSocketRequest } from './upgrade.ts';

/** Connections the kernel may hold for us while we are busy: a reconnect storm arrives in one moment. */
const ACCEPT_BACKLOG = 4096;
/** A client's request has a dozen headers. */
const HEADERS_MAX = 64;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ListenerOptions {
  /** Time a request has to arrive in full. */
  readonly handshakeWithinMs: number;
  /** Null: plain HTTP. */
  readonly tls: TlsFiles | null;
  readonly handshakes: Handshakes;
  readonly answer: RequestListener;
  readonly upgrade: (request: IncomingMessage, wire: Duplex, head: Buffer) => void;
}

/** Builds the server; it does not listen yet. @throws AppError CONFIG_INVALID when the certificate is unusable */
export function createListener(options: ListenerOptions): Server | TlsServer {
  const { handshakeWithinMs, tls, handshakes, answer, upgrade } = options;
  const common = {
    headersTimeout: handshakeWithinMs,
    requestTimeout: handshakeWithinMs,
    connectionsCheckingInterval: Math.min(1000, handshakeWithinMs),
    shouldUpgradeCallback: isWebSocketRequest,
  };
  const server =
    tls === null
      ? createServer(common, answer)
      : checkedTls(() =>
          createTlsServer(
            { ...common, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: handshakeWithinMs },
            answer,
          ),
        );
  server.maxHeadersCount = HEADERS_MAX;
  server.on('connection', (socket: Socket) => {
    handshakes.began(socket);
  });
  server.on('upgrade', upgrade);
  return server;
}

/** Takes another certificate for connections from now on. @throws AppError CONFIG_INVALID; the old one stays then */
export function renewCertificate(server: Server | TlsServer, tls: TlsFiles | null): void {
  if (!('setSecureContext' in server) || tls === null) return;
  checkedTls(() => {
    server.setSecureContext({ ...tls, minVersion: 'TLSv1.2' });
  });
}

/** OpenSSL's own words name what is wrong and hold nothing of the key. */
function checkedTls<Made>(make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown reason';
    const message = `WS_TLS_CERT and WS_TLS_KEY cannot be used together: ${reason}`;
    throw new AppError('CONFIG_INVALID', message, { cause: error });
  }
}

/** Stops listening and cuts what is still open. */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((done) => {
    server.close(() => {
      done();
    });
    server.closeAllConnections();
  });
}

/** @throws AppError PORT_UNAVAILABLE */
export async function bind(server: Server, { host, port }: Address): Promise<Address> {
  await new Promise<void>((done, fail) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      const message = `cannot listen on ${host}:${String(port)}: ${explain(error, port)}`;
      fail(new AppError('PORT_UNAVAILABLE', message, { cause: error }));
    };
    server.once('error', failed);
    server.listen({ host, port, backlog: ACCEPT_BACKLOG }, () => {
      server.off('error', failed);
      done();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') return { host, port };
  return { host: address.address, port: address.port };
}

function explain({ code, message }: NodeJS.ErrnoException, port: number): string {
  const number = String(port);
  if (code === 'EADDRINUSE') {
    return `another program holds port ${number} (find it with: ss -ltnp 'sport = :${number}')`;
  }
  if (code === 'EACCES') return `this account may not bind port ${number}; take one above 1023`;
  if (code === 'EADDRNOTAVAIL') return 'this machine has no such address';
  return message;
}
