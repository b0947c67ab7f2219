/**
 * Binds the public address, or says what stands in the way.
 */
import type { Server } from 'node:http';
import { AppError } from '../src/errors.ts';

/** Connections the kernel may hold for us while we are busy: a reconnect storm arrives in one moment. */
const ACCEPT_BACKLOG = 4096;

export interface Address {
  readonly host: string;
  readonly port: number;
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
