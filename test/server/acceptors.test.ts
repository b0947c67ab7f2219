/** The listening sockets of a port, as the system and as clients see them. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { Acceptors } from '../../server/acceptors.ts';
import type { Binding } from '../../server/listener.ts';

const ANYWHERE: Binding = { host: '127.0.0.1', port: 0 };
/** Enough that each of the sockets surely gets some, as the kernel spreads them by chance. */
const CLIENTS = 200;

function answering(): Server {
  return createServer((request, response) => {
    response.end(`heard ${request.url ?? ''}`);
  });
}

/** Sockets of the IPv4 loopback that listen on a port, as the kernel counts them. */
function listening(port: number): number {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const LISTEN = '0A';
  const rows = readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1);
  return rows.filter((row) => {
    const [, address, , state] = row.trim().split(/\s+/);
    return address === local && state === LISTEN;
  }).length;
}

test('a port has sixteen sockets, each of which answers like the others, and none once it is closed', async () => {
  const acceptors = new Acceptors(answering());
  const { port } = await acceptors.open(ANYWHERE);
  expect(listening(port)).toBe(16);
  const answers = await Promise.all(
    Array.from({ length: CLIENTS }, (_, at) => {
      const socket = connect({ host: '127.0.0.1', port });
      // Closes its half before the answer: a server that has not allowed for that would say nothing.
      socket.end(`GET /${at} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n`);
      return text(socket);
    }),
  );
  for (const [at, answer] of answers.entries()) expect(answer).toContain(`heard /${at}`);
  await acceptors.close();
  expect(listening(port)).toBe(0);
});

test('a port is not shared with whoever did not ask for it, and whoever is refused leaves it as it was', async () => {
  const first = new Acceptors(answering());
  const { port } = await first.open(ANYWHERE);
  const second = new Acceptors(answering());
  await expect(second.open({ ...ANYWHERE, port })).rejects.toMatchObject({
    code: 'PORT_UNAVAILABLE',
  });
  expect(listening(port)).toBe(16);
  await first.close();
  // It may try again.
  expect(await second.open({ ...ANYWHERE, port })).toMatchObject({ port });
  expect(listening(port)).toBe(16);
  await second.close();
});

test('two that share a port by their own wish both have their sockets', async () => {
  const binding = { ...ANYWHERE, reusePort: true };
  const first = new Acceptors(answering());
  const { port } = await first.open(binding);
  const second = new Acceptors(answering());
  await second.open({ ...binding, port });
  expect(listening(port)).toBe(32);
  await first.close();
  expect(listening(port)).toBe(16);
  await second.close();
});

test('closing while it opens leaves nothing that listens', async () => {
  const acceptors = new Acceptors(answering());
  const opening = acceptors.open(ANYWHERE);
  const closing = acceptors.close();
  const { port } = await opening;
  await closing;
  expect(listening(port)).toBe(0);
});

test('a server that bounds its handshakes low takes in few in one turn', async () => {
  const acceptors = new Acceptors(answering(), 17);
  const { port } = await acceptors.open(ANYWHERE);
  expect(listening(port)).toBe(4);
  await acceptors.close();
});
