/** A process of a benchmark ends with the one that started it, whatever it was waiting for. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

/** Takes whoever comes, and never says a word. */
let server: Server;
beforeAll(async () => {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.close();
});

const ACCOUNT = { host: '127.0.0.1', user: 'any', password: 'any', database: 'any' };
const CLIENTS = [{ token: 'any', itemIds: [1] }];
const END = { file: 'binlog.000001', offset: 4 };

const ORDERS: readonly { readonly file: string; readonly orders: readonly object[] }[] = [
  {
    file: 'latency-watchers.ts',
    orders: [{ type: 'watch', tokens: ['any'], itemId: 1, bids: 1 }],
  },
  {
    file: 'latency-writer.ts',
    orders: [{ type: 'write', ...ACCOUNT, itemId: 1, bidderIds: [1], bids: 1 }],
  },
  {
    file: 'recovery-clients.ts',
    orders: [
      { type: 'plan', clients: CLIENTS, since: 'any', due: 1, lostAfterMs: 60_000 },
      { type: 'connect' },
    ],
  },
  { file: 'recovery-witness.ts', orders: [{ type: 'watch', itemId: 1, token: 'any' }] },
  {
    file: 'tail-reader.ts',
    orders: [{ type: 'read', kind: 'zongji', source: ACCOUNT, from: END, until: END }],
  },
];

test.each(ORDERS)('$file', async ({ file, orders }) => {
  const child = fork(fileURLToPath(new URL(`../../bench/${file}`, import.meta.url)), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const { port } = server.address() as AddressInfo;
  const waiting = once(server, 'connection');
  for (const order of orders) {
    const source = 'source' in order ? { source: { ...ACCOUNT, port } } : {};
    child.send({ ...order, port, ...source });
  }
  await waiting;
  const exited = once(child, 'exit');
  child.disconnect();
  expect(await exited).toEqual([0, null]);
});
