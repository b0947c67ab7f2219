/**
 * A million subscribes and unsubscribes, from clients that no limit holds back: all answered, and nothing stays.
 */
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { mint } from '../server/support/gateway-harness.ts';
import { connectRawWatcher } from '../support/raw-watcher.ts';
import { until } from '../support/until.ts';
import { Target } from './support/abuse.ts';
import { frame } from './support/hostile-frame.ts';

const CLIENTS = 20;
const PAIRS_AT_ONCE = 500;
const ROUNDS = 50;
const HEAP_GROWTH_MAX = 8 * 1024 * 1024;

/** Each client its own items, all of them watched at the end of the first half. */
function operations(client: number): Buffer {
  const items = Array.from({ length: PAIRS_AT_ONCE }, (_, n) => ((client * 37 + n) % 900) + 2);
  const told = ['subscribe', 'unsubscribe'].flatMap((action) =>
    items.map((itemId) => frame({ opcode: 1, payload: JSON.stringify({ action, itemId }) })),
  );
  return Buffer.concat(told);
}

test('a million subscribes and unsubscribes are answered and leave nothing behind', async () => {
  const limits = { messagesPerSecondMax: 1e9, messageBurstMax: 1e9, subscriptionsMax: 1000 };
  await using target = await Target.start(limits);
  const churn = async (rounds: number): Promise<void> => {
    const sockets = await Promise.all(
      Array.from({ length: CLIENTS }, async (_, client) => {
        let answers = 0;
        let errors = 0;
        const socket = await connectRawWatcher({
          port: target.port,
          token: mint({ userId: client + 1 }),
          messages: [],
          onText: (text) => {
            const type = text.toString('latin1', 0, 30);
            if (/"(un)?subscribed"/.test(type)) answers += 1;
            if (type.includes('"error"')) errors += 1;
          },
        });
        const bytes = operations(client);
        for (let round = 1; round <= rounds; round += 1) {
          if (!socket.write(bytes)) await once(socket, 'drain');
          const asked = round * PAIRS_AT_ONCE * 2;
          // One round is under way at a time, as deep as a client may pile it up.
          await until(() => answers + errors >= asked, {
            withinMs: 60_000,
            what: () => `${asked} answers (${answers}, errors ${errors})`,
          });
        }
        expect(errors).toBe(0);
        return socket;
      }),
    );
    for (const socket of sockets) socket.destroy();
    await until(async () => (await target.measure()).stats.connectionsOpen === 0, {
      what: 'all clients gone',
    });
  };
  await churn(2);
  const before = await target.measure();
  await churn(ROUNDS);
  const after = await target.measure();
  expect(after.stats.subscriptionsOpen).toBe(0);
  expect(after.stats.itemsWatched).toBe(0);
  expect(after.heapUsed - before.heapUsed).toBeLessThan(HEAP_GROWTH_MAX);
}, 240_000);
