/**
 * The public port: HTTP or HTTPS, the limits that hold before a request is read, and binding the address.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Server as NetServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { createSecureContext } from 'node:tls';
import { AppError } from '../src/errors.ts';
import type { TlsFiles } from './gateway-options.ts';
import type { Handshakes } from './handshakes.ts';
import { isWebSocketRequest } from './upgrade.ts';

/** Connections the kernel may hold for us at each listening socket while we are busy: a reconnect storm arrives in one moment. */
const ACCEPT_BACKLOG = 4096;
/** A client's request has a dozen headers. */
const HEADERS_MAX = 64;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where to listen, and how the port is come by. */
export interface Binding extends Address {
  /** Others listen on the same port beside us, and the kernel spreads new connections (SO_REUSEPORT). Default: no. */
  readonly reusePort?: boolean;
  /** A listening TCP socket that was opened for us: address and port are its own then. Default: we open one. */
  readonly inheritedFd?: number | null;
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
    handshakes.began(socket, tls !== null);
  });
  server.on('upgrade', upgrade);
  return server;
}

/** @throws AppError CONFIG_INVALID where a listener with the one certificate could not take the other */
export function checkRenewal(served: TlsFiles | null, renewed: TlsFiles | null): void {
  refuseSwitch(served !== null, renewed !== null);
  if (renewed === null) return;
  checkedTls(() => createSecureContext({ ...renewed, minVersion: 'TLSv1.2' }));
}

/** Takes another certificate for connections from now on. @throws AppError CONFIG_INVALID; the old one stays then */
export function renewCertificate(server: Server | TlsServer, tls: TlsFiles | null): void {
  const isTls = 'setSecureContext' in server;
  refuseSwitch(isTls, tls !== null);
  if (!isTls || tls === null) return;
  checkedTls(() => {
    server.setSecureContext({ ...tls, minVersion: 'TLSv1.2' });
  });
}

/** A port speaks TLS or does not for as long as it is open: with workers of both kinds, clients would fail with some. */
function refuseSwitch(wasTls: boolean, isTls: boolean): void {
  if (wasTls === isTls) return;
  const message = `TLS does not ${isTls ? 'begin' : 'end'} while the port is open (WS_TLS_CERT, WS_TLS_KEY): restart for it`;
  throw new AppError('CONFIG_INVALID', message);
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

/** Stops listening, and resolves when the last request is answered; WebSockets that are open count as such too. */
export async function stopListening(server: NetServer): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((done) => {
    server.close(() => {
      done();
    });
  });
}

/** @throws AppError PORT_UNAVAILABLE */
export async function bind(server: NetServer, binding: Binding): Promise<Address> {
  const { host, port, reusePort = false, inheritedFd = null } = binding;
  await new Promise<void>((done, fail) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      server.off('listening', listening);
      fail(new AppError('PORT_UNAVAILABLE', explain(error, binding), { cause: error }));
    };
    const listening = (): void => {
      server.off('error', failed);
      done();
    };
    // Taken off again either way: whoever retries on the same server leaves none behind.
    server.once('error', failed);
    server.once('listening', listening);
    if (inheritedFd === null) {
      server.listen({ host, port, backlog: ACCEPT_BACKLOG, reusePort });
    } else {
      server.listen({ fd: inheritedFd, backlog: ACCEPT_BACKLOG });
    }
  });
  const address = server.address();
  if (address === null || typeof address === 'string') return { host, port };
  return { host: address.address, port: address.port };
}

/**
 * Binds for a moment what others are to bind together: whether it can be had, and which port it is where 0 asks for any.
 * Their sharing it would hide that somebody else is there.
 *
 * @throws AppError PORT_UNAVAILABLE
 */
export async function probe(binding: Binding): Promise<Address> {
  const { inheritedFd = null } = binding;
  if (inheritedFd !== null) return binding;
  const server = createServer();
  const address = await bind(server, binding);
  await stopListening(server);
  return address;
}

function explain(
  { code, message }: NodeJS.ErrnoException,
  { host, port, reusePort = false, inheritedFd = null }: Binding,
): string {
  if (inheritedFd !== null) {
    return `cannot listen on the socket passed as descriptor ${String(inheritedFd)}: ${message}`;
  }
  const where = `cannot listen on ${host}:${String(port)}`;
  switch (code) {
    case 'EADDRINUSE': {
      const find = `find it with: ss -ltnp 'sport = :${String(port)}'`;
      const sharing = reusePort ? ', and does not share it (WS_REUSE_PORT, same account)' : '';
      return `${where}: another program holds port ${String(port)}${sharing} (${find})`;
    }
    case 'EACCES':
      return `${where}: this account may not bind port ${String(port)}; take one above 1023`;
    case 'EADDRNOTAVAIL':
      return `${where}: this machine has no such address`;
    case 'ENOTSUP':
      return `${where}: this system cannot share a port (WS_REUSE_PORT needs Linux)`;
    case undefined:
    default:
      return `${where}: ${message}`;
  }
}
