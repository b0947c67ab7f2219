import { once } from 'node:events';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { z } from 'zod';
import { bidPlaced, ended, endMoved, outbid, started } from './support/events.ts';
import { decodeFrames } from './support/frame-decoder.ts';
import { GatewayHarness, mint, type TestClient } from './support/gateway-harness.ts';
import { clientFrame, RawClient, upgradeRequest } from './support/raw-client.ts';

async function portal(items = 3): Promise<GatewayHarness> {
  const harness = await GatewayHarness.start({ messageBurstMax: 100_000 });
  for (let itemId = 1; itemId <= items; itemId += 1) harness.reads.list(itemId);
  return harness;
}

test('outbid goes to every connection of the previous leader and to no one else', async () => {
  await using harness = await portal();
  const leader = [
    await harness.client({ userId: 3 }),
    await harness.client({ userId: 3, v2: true }),
  ];
  const others = [await harness.client({ userId: 4 }), await harness.client({ userId: 33 })];
  // Watching or not makes no difference.
  for (const client of [leader[0], others[0]])
    await client?.ask({ action: 'subscribe', itemId: 1 });
  harness.publish(outbid(1, 3));
  for (const client of [...leader, ...others]) await client.settle();
  expect(leader.map((it) => it.types.at(-1))).toEqual(['outbid', 'outbid']);
  expect(others.map((it) => it.types)).toEqual([['subscribed'], []]);
});

test('auction_ended goes to watchers, winner and seller, once each', async () => {
  await using harness = await portal();
  const winner = await harness.client({ userId: 3 });
  const winnerWatching = await harness.client({ userId: 3 });
  const seller = await harness.client({ userId: 9 });
  const watcher = await harness.client({ userId: 5 });
  const stranger = await harness.client({ userId: 6 });
  for (const client of [winnerWatching, watcher]) {
    await client.ask({ action: 'subscribe', itemId: 1 });
  }
  harness.publish(ended(1, 3, 9), ended(2, 9, 9));
  const clients = [winner, winnerWatching, seller, watcher, stranger];
  for (const client of clients) await client.settle();
  const endings = clients.map((it) =>
    it.messages.filter((m) => m['type'] === 'auction_ended').map((m) => m['itemId']),
  );
  expect(endings).toEqual([[1], [1], [1, 2], [1], []]);
});

test('new event types go to clients that asked for v2 only', async () => {
  await using harness = await portal();
  const old = await harness.client();
  const modern = await harness.client({ v2: true });
  for (const client of [old, modern]) await client.ask({ action: 'subscribe', itemId: 1 });
  harness.publish(started(1), endMoved(1, 'earlier'), endMoved(1, 'later'));
  for (const client of [old, modern]) await client.settle();
  expect(old.types).toEqual(['subscribed', 'auction_extended']);
  expect(modern.types).toEqual([
    'subscribed',
    'auction_started',
    'auction_rescheduled',
    'auction_extended',
  ]);
});

test('large events arrive whole in every frame length', async () => {
  const names = ['n'.repeat(100), 'ü'.repeat(500), '€'.repeat(40_000)];
  await using harness = await portal();
  const client = await harness.client();
  await client.ask({ action: 'subscribe', itemId: 1 });
  for (const name of names) {
    harness.gateway.publish({
      events: [bidPlaced(1, 4, '11.00')],
      nameOf: () => name,
      committedAtMs: null,
    });
  }
  const heard = await client.heard(4);
  expect(heard.slice(1).map((it) => it['bidderName'])).toEqual(names);
});

test('on the wire: our frames and those of ws (pongs, close) never interleave', async () => {
  await using harness = await portal();
  const client = new RawClient(harness.port);
  await client.upgrade(`/?token=${mint()}`);
  client.socket.write(clientFrame(1, '{"action":"subscribe","itemId":1}'));
  await client.receives('subscribed');
  const amounts: string[] = [];
  for (let round = 0; round < 50; round += 1) {
    client.socket.write(clientFrame(9, `ping ${round}`));
    for (let bid = 0; bid < 3; bid += 1) {
      const amount = `${round * 3 + bid + 1}.00`;
      amounts.push(amount);
      harness.publish(bidPlaced(1, 4, amount));
    }
    await client.receives(`ping ${round}`);
  }
  await client.receives(`"bidAmount":${amounts.at(-1) ?? ''}`);
  harness.gateway.sourceReset('test');
  harness.publish(bidPlaced(1, 4, '999.00'));
  // The close frame is the last one: 0x88, 14 bytes, 4004 and its reason.
  await client.receives('source changed');
  const frames = decodeFrames(client.bytes);
  expect(frames.every((frame) => frame.fin)).toBe(true);
  const texts = frames.filter((it) => it.opcode === 1).map((it) => it.payload.toString());
  expect(texts.slice(1).map((text) => /"bidAmount":([\d.]+)/.exec(text)?.[1])).toEqual(amounts);
  const pongs = frames.filter((it) => it.opcode === 10).map((it) => it.payload.toString());
  expect(pongs).toEqual(Array.from({ length: 50 }, (_, round) => `ping ${round}`));
  expect(frames.at(-1)?.opcode).toBe(8);
  expect(frames.at(-1)?.payload.readUInt16BE(0)).toBe(4004);
  client.socket.destroy();
});

test('events of one turn leave in one write, shared by all that are owed the same', async () => {
  await using harness = await portal();
  const clients = [await harness.client(), await harness.client()];
  for (const client of clients) await client.ask({ action: 'subscribe', itemId: 1 });
  const before = harness.gateway.stats();
  harness.publish(bidPlaced(1, 4, '11.00'), bidPlaced(1, 4, '12.00'));
  harness.publish(bidPlaced(1, 4, '13.00'));
  // Nothing has left yet: publishing only takes the events.
  expect(harness.gateway.stats().framesDelivered).toBe(before.framesDelivered);
  for (const client of clients) await client.heard(4);
  const after = harness.gateway.stats();
  expect(after.framesDelivered - before.framesDelivered).toBe(6);
  expect(after.eventsPublished - before.eventsPublished).toBe(3);
});

test('what a client is told first comes in one piece with the answer to its handshake', async () => {
  await using harness = await portal();
  const client = new RawClient(harness.port);
  const first = once(client.socket, 'data');
  client.socket.write(upgradeRequest(`/?token=${mint()}&v=2`));
  const [chunk] = z.tuple([z.instanceof(Buffer)]).parse(await first);
  const text = chunk.toString('latin1');
  expect(text).toMatch(/^HTTP\/1\.1 101 /);
  const [hello] = decodeFrames(chunk.subarray(text.indexOf('\r\n\r\n') + 4));
  expect(hello?.payload.toString()).toContain('"type":"hello"');
  client.socket.destroy();
});

test('a client that there is nothing to tell is answered all the same, and so is one that is turned away', async () => {
  await using harness = await portal();
  const silent = new RawClient(harness.port);
  await silent.upgrade(`/?token=${mint()}`);
  expect(silent.bytes).toHaveLength(0);
  const refused = new RawClient(harness.port);
  await refused.upgrade('/?token=none');
  await refused.receives('unauthorized');
  const release = harness.reads.holdReads();
  const waiting = new RawClient(harness.port);
  await waiting.upgrade(`/?token=${mint()}&v=2`);
  expect(waiting.bytes).toHaveLength(0);
  release();
  await waiting.receives('"type":"hello"');
  for (const { socket } of [silent, refused, waiting]) socket.destroy();
});

test('a client that does not read is closed with 4002 and cut; the others miss nothing', async () => {
  await using harness = await portal();
  const healthy = await harness.client();
  await healthy.ask({ action: 'subscribe', itemId: 1 });
  const stuck = new RawClient(harness.port);
  await stuck.upgrade(`/?token=${mint()}`);
  stuck.socket.write(clientFrame(1, '{"action":"subscribe","itemId":1}'));
  await stuck.receives('subscribed');
  stuck.socket.pause();
  let published = 0;
  while (harness.gateway.stats().slowCloses.size === 0) {
    if (published > 2000) throw new Error('the stuck client was never found');
    for (let at = 0; at < 4; at += 1) {
      harness.gateway.publish({
        // Must be delivered, so it cannot be conflated.
        events: [ended(1, 4, 9)],
        nameOf: () => 'n'.repeat(16_000),
        committedAtMs: null,
      });
      published += 1;
    }
    await healthy.heard(published + 1);
  }
  expect(harness.gateway.stats().subscriptionsOpen).toBe(1);
  await until(() => harness.gateway.stats().connectionsOpen === 1, { what: 'the cut' });
  harness.publish(bidPlaced(1, 4, '12.00'));
  await healthy.heard(published + 2);
  stuck.socket.destroy();
});

type Step =
  | { readonly do: 'subscribe' | 'unsubscribe'; readonly client: number; readonly item: number }
  | { readonly do: 'publish'; readonly items: readonly number[] }
  | { readonly do: 'turn' };

const ITEMS = 4;
const CLIENTS = 3;
const item = fc.integer({ min: 1, max: ITEMS });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom('subscribe' as const, 'unsubscribe' as const),
    client: fc.integer({ min: 0, max: CLIENTS - 1 }),
    item,
  }),
  fc.record({ do: fc.constant('publish' as const), items: fc.array(item, { maxLength: 4 }) }),
  fc.record({ do: fc.constant('turn' as const) }),
);

/**
 * What one client must have heard: between `subscribed` and `unsubscribed` of an item every event of it, and the whole
 * in the order of publishing. When a message of the client is taken is up to the network, so the answers say when.
 */
function check(
  client: TestClient,
  published: readonly (readonly [item: number, amount: number])[],
): void {
  const watched = new Map<number, number>();
  let last = 0;
  for (const message of client.messages) {
    const itemId = Number(message['itemId']);
    if (message['type'] === 'bid_update') {
      const amount = Number(message['bidAmount']);
      expect(amount, 'commit order').toBeGreaterThan(last);
      last = amount;
      const seen = watched.get(itemId);
      expect(seen, 'only what is watched').toBeDefined();
      const next = published.find(([of, at]) => of === itemId && at > (seen ?? 0));
      expect(amount, 'no gap, no repeat').toBe(next?.[1]);
      watched.set(itemId, amount);
    } else if (message['type'] === 'subscribed') {
      const { bidCount } = message['state'] as { readonly bidCount: number };
      if (!watched.has(itemId)) watched.set(itemId, bidCount);
    } else {
      expect(message['type']).toBe('unsubscribed');
      watched.delete(itemId);
    }
  }
  for (const [itemId, seen] of watched) {
    expect(
      published.filter(([of, at]) => of === itemId && at > seen),
      'nothing missing',
    ).toEqual([]);
  }
}

test('law: each connection hears what it watches, gapless and in commit order', async () => {
  await using harness = await portal(ITEMS);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      for (let itemId = 1; itemId <= ITEMS; itemId += 1) harness.reads.list(itemId);
      const clients: TestClient[] = [];
      for (let at = 0; at < CLIENTS; at += 1) clients.push(await harness.client());
      const published: (readonly [number, number])[] = [];
      for (const it of steps) {
        if (it.do === 'turn') await new Promise((done) => setTimeout(done, 0));
        else if (it.do === 'publish') {
          const events = it.items.map((itemId) => {
            published.push([itemId, published.length + 1]);
            // The state that a `subscribed` tells is the number of the item's newest event.
            harness.reads.list(itemId, { bidCount: published.length });
            return bidPlaced(itemId, 4, `${published.length}.00`);
          });
          harness.publish(...events);
        } else clients[it.client]?.say({ action: it.do, itemId: it.item });
      }
      for (const client of clients) {
        await client.settle();
        check(client, published);
        await client.leave();
      }
      await harness.empty();
      expect(harness.gateway.stats()).toMatchObject({ itemsWatched: 0, subscriptionsOpen: 0 });
    }),
    { numRuns: 60 },
  );
}, 60_000);
