/** A hot item does not keep the watchers of another one waiting: told by what has arrived first, not by a clock. */
import { expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { bidPlaced } from './support/events.ts';
import { GatewayHarness, mint } from './support/gateway-harness.ts';
import { clientFrame, RawClient } from './support/raw-client.ts';

const HOT_WATCHERS = 4_000;
/** Sockets that are connecting at once. */
const CONNECTING = 200;

async function watcher(harness: GatewayHarness, itemId: number): Promise<RawClient> {
  const client = new RawClient(harness.port);
  await client.upgrade(`/?token=${mint()}`);
  client.socket.write(clientFrame(1, JSON.stringify({ action: 'subscribe', itemId })));
  await client.receives('"subscribed"');
  return client;
}

test('two watchers of one item get theirs before the 4,000 of another have', async () => {
  await using harness = await GatewayHarness.start();
  for (const itemId of [1, 2]) harness.reads.list(itemId);
  const hot: RawClient[] = [];
  while (hot.length < HOT_WATCHERS) {
    const some = Array.from({ length: CONNECTING }, () => watcher(harness, 1));
    hot.push(...(await Promise.all(some)));
  }
  const few = [await watcher(harness, 2), await watcher(harness, 2)];
  const before = harness.gateway.stats().framesDelivered;
  // The hot item's events come first, and go on coming.
  const bids = [bidPlaced(1, 4, '11.00'), bidPlaced(1, 4, '12.00')];
  const late = bidPlaced(2, 4, '5.00');
  harness.publish(...bids, late);
  await Promise.all(few.map((client) => client.receives(late.eventId)));
  const delivered = harness.gateway.stats().framesDelivered - before;
  expect(delivered).toBeGreaterThanOrEqual(few.length);
  // Each turn writes a slice; the few were written in the first and heard of it long before the last.
  expect(delivered).toBeLessThan(HOT_WATCHERS);
  // What is published meanwhile joins what the hot item's watchers still wait for, in order.
  const more = bidPlaced(1, 4, '13.00');
  harness.publish(more);
  await Promise.all(hot.map((client) => client.receives(more.eventId)));
  const order = [...bids, more].map(({ eventId }) => `"eventId":"${eventId}"`);
  for (const client of hot) {
    const places = order.map((id) => client.text.indexOf(id));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places.every((place) => place > 0)).toBe(true);
    client.socket.destroy();
  }
  for (const client of few) client.socket.destroy();
  await until(() => harness.gateway.stats().connectionsOpen === 0, { what: 'all to be gone' });
}, 60_000);
