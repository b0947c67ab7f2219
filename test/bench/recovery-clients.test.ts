/** The clients of the recovery benchmark do not wait for what never comes. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';

import { PinnedProcess } from '../../bench/pinned-process.ts';
import type { Came, RecoveryPlan } from '../../bench/recovery-clients.ts';

const UPGRADE = 'HTTP/1.1 101 Switching Protocols\r\n\r\n';

/** A server that says something to whoever connects, and nothing after that. @returns its port */
async function serverThatSays(text: string): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(text);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function planFor(port: number, lostAfterMs: number): RecoveryPlan {
  const clients = [1, 2].map((itemId) => ({ token: 'any', itemIds: [itemId] }));
  return { type: 'plan', port, clients, since: 'any', due: 3, lostAfterMs };
}

test('events that never come are counted', async () => {
  const port = await serverThatSays(UPGRADE);
  await using clients = new PinnedProcess('recovery-clients.ts', 'anywhere');
  clients.send(planFor(port, 60_000));
  await expect(clients.ask<Came>({ type: 'connect' }, 'connected')).resolves.toMatchObject({
    what: 'connections',
    due: 2,
    missing: 0,
  });
  clients.send(planFor(port, 1));
  const lost = { what: 'events', due: 6, missing: 6 };
  await expect(clients.ask<Came>({ type: 'recover' }, 'recovered')).resolves.toMatchObject(lost);
  await expect(clients.ask<Came>({ type: 'return' }, 'returned')).resolves.toMatchObject(lost);
});

test('connections that are never answered are counted', async () => {
  const port = await serverThatSays('');
  await using clients = new PinnedProcess('recovery-clients.ts', 'anywhere');
  clients.send(planFor(port, 1));
  await expect(clients.ask<Came>({ type: 'connect' }, 'connected')).resolves.toMatchObject({
    what: 'connections',
    due: 2,
    missing: 2,
  });
});
