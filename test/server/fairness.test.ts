/** A hot item does not keep the watchers of another one waiting: told by what has arrived first, not by a clock. */
import { expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { Crowd } from './support/crowd.ts';
import { bidPlaced } from './support/events.ts';
import { GatewayHarness, mint } from './support/gateway-harness.ts';
import { clientFrame, RawClient } from './support/raw-client.ts';

const HOT_WATCHERS = 10_000;

async function watcher(harness: GatewayHarness, itemId: number): Promise<RawClient> {
  const client = new RawClient(harness.port);
  await client.upgrade(`/?token=${mint()}`);
  client.socket.write(clientFrame(1, JSON.stringify({ action: 'subscribe', itemId })));
  await client.receives('"subscribed"');
  return client;
}

test('two watchers of one item get theirs before the 10,000 of another have', async () => {
  await using harness = await GatewayHarness.start();
  for (const itemId of [1, 2]) harness.reads.list(itemId);
  const bids = ['11.00', '12.00', '13.00'].map((amount) => bidPlaced(1, 4, amount));
  await using crowd = await Crowd.gather({
    port: harness.port,
    token: mint(),
    itemId: 1,
    watchers: HOT_WATCHERS,
    expected: bids.map(({ eventId }) => eventId),
  });
  const heard = crowd.heard();
  const few = [await watcher(harness, 2), await watcher(harness, 2)];
  const before = harness.gateway.stats().framesDelivered;
  // The hot item's events come first, and go on coming.
  const late = bidPlaced(2, 4, '5.00');
  harness.publish(...bids.slice(0, 2), late);
  await Promise.all(few.map((client) => client.receives(late.eventId)));
  const delivered = harness.gateway.stats().framesDelivered - before;
  expect(delivered).toBeGreaterThanOrEqual(few.length);
  // Each turn writes a slice; the few were written in the first and heard of it long before the last.
  expect(delivered).toBeLessThan(HOT_WATCHERS);
  // What is published meanwhile joins what the hot item's watchers still wait for, in order.
  harness.publish(...bids.slice(2));
  expect(await heard).toBe(HOT_WATCHERS);
  for (const client of few) client.socket.destroy();
  await crowd[Symbol.asyncDispose]();
  await until(() => harness.gateway.stats().connectionsOpen === 0, { what: 'all to be gone' });
}, 60_000);
