/** What comes to a user without asking item by item: how he stands, his watchlist; and counts of watchers. */
import { describe, expect, test } from 'vitest';
import { itemIdOf, userIdOf } from '../../src/auction/ids.ts';
import type { Money } from '../../src/auction/ids.ts';
import type { FeedState } from '../../src/ports.ts';
import { until } from '../support/until.ts';
import { bidPlaced, listed, outbid } from './support/events.ts';
import { GatewayHarness, mint, type TestClient } from './support/gateway-harness.ts';

async function portal(
  options: Parameters<typeof GatewayHarness.start>[0] = {},
): Promise<GatewayHarness> {
  const harness = await GatewayHarness.start({ messageBurstMax: 100_000, ...options });
  for (let itemId = 1; itemId <= 5; itemId += 1) harness.reads.list(itemId);
  return harness;
}

function address(query: string, userId = 3): string {
  return `/?token=${mint({ userId })}&v=2${query}`;
}

describe('standing', () => {
  test('tells a v2 client that was away too long, from the book as it is when it is sent', async () => {
    await using harness = await portal();
    harness.reads.list(1, { price: '20.00', leaderId: 3 });
    harness.reads.list(2, { price: '31.50', leaderId: 8 });
    harness.reads.list(3, { price: '9.00', status: 'sold' });
    harness.reads.ownBids.set(userIdOf(3), [
      { itemId: itemIdOf(1), amount: '18.00' as Money },
      { itemId: itemIdOf(2), amount: '30.00' as Money },
      { itemId: itemIdOf(3), amount: '9.00' as Money },
    ]);
    const client = harness.dial({ target: address('&since=gone') });
    await client.heard(2);
    expect(client.messages[1]).toEqual({
      type: 'standing',
      items: [
        {
          itemId: 1,
          leading: true,
          currentPrice: 20,
          yourBidAmount: 20,
          endTime: '2030-01-01T00:00:00.000Z',
        },
        {
          itemId: 2,
          leading: false,
          currentPrice: 31.5,
          yourBidAmount: 30,
          endTime: '2030-01-01T00:00:00.000Z',
        },
      ],
    });
    // Amounts keep their digits.
    expect(client.texts[1]).toContain('"currentPrice":31.50');
    harness.publish(outbid(1, 3));
    await client.heard(3);
    expect(client.types).toEqual(['hello', 'standing', 'outbid']);
  });

  test('is not sent to old clients, to those who gave no position, and to those who have recovered', async () => {
    await using harness = await portal();
    const seen = bidPlaced(1, 4, '11.00');
    harness.publish(seen);
    const old = harness.dial({ target: `/?token=${mint({ userId: 3 })}&since=gone` });
    const fresh = harness.dial({ target: address('') });
    const back = harness.dial({ target: address(`&since=${seen.eventId}`) });
    for (const client of [old, fresh, back]) {
      await until(() => client.socket.readyState === client.socket.OPEN);
      await client.settle();
      expect(client.types).not.toContain('standing');
    }
  });

  test('a position given before the history is whole is not judged: the client comes back', async () => {
    const live: FeedState = { state: 'streaming', packetAtMs: Date.now(), committedAtMs: null };
    await using harness = await GatewayHarness.start({}, { state: 'starting' });
    const early = harness.dial({ target: address('&since=gone') });
    expect(await early.closeCode()).toBe(1012);
    expect(early.types).not.toContain('standing');
    harness.reads.feed = live;
    harness.gateway.feedChanged(live);
    const later = harness.dial({ target: address('&since=gone') });
    await until(() => later.types.includes('standing'));
  });

  test('bids that cannot be read close the connection, to come back', async () => {
    await using harness = await portal();
    const client = harness.dial({ target: address('&since=gone') });
    const release = harness.reads.holdReads();
    await until(() => harness.gateway.stats().usersConnected === 1);
    harness.reads.failure = new Error('gone');
    release();
    expect(await client.closeCode()).toBe(1012);
  });
});

describe('watchlist', () => {
  test('is watched from the start, and followed', async () => {
    await using harness = await portal();
    harness.reads.watchlists.set(userIdOf(3), [itemIdOf(1), itemIdOf(2)]);
    const client = harness.dial({ target: address('&watchlist=1') });
    const other = await harness.client({ userId: 4, v2: true });
    await client.heard(3);
    harness.publish(listed(3, 4, true), listed(4, 5, true));
    await client.heard(4);
    harness.publish(bidPlaced(1, 8, '1.00'), bidPlaced(4, 8, '2.00'), bidPlaced(5, 8, '3.00'));
    await client.heard(6);
    harness.publish(listed(3, 1, false), bidPlaced(1, 8, '4.00'));
    await client.heard(7);
    await client.settle();
    expect(client.messages.slice(1).map((it) => [it['type'], it['itemId']])).toEqual([
      ['subscribed', 1],
      ['subscribed', 2],
      ['subscribed', 4],
      ['bid_update', 1],
      ['bid_update', 4],
      // The bid after it came too late.
      ['unsubscribed', 1],
    ]);
    await other.settle();
    expect(other.texts).toEqual([]);
  });

  test('what changes while it is read goes by the last change', async () => {
    await using harness = await portal();
    harness.reads.watchlists.set(userIdOf(3), [itemIdOf(1), itemIdOf(2)]);
    const release = harness.reads.holdReads();
    const client = harness.dial({ target: address('&watchlist=1') });
    await until(() => harness.gateway.stats().usersConnected === 1);
    release();
    const again = harness.reads.holdReads();
    await client.heard(1);
    harness.publish(
      listed(3, 1, false),
      listed(3, 3, true),
      listed(3, 4, true),
      listed(3, 4, false),
    );
    again();
    await client.heard(3);
    await client.settle();
    expect(client.messages.slice(1).map((it) => it['itemId'])).toEqual([2, 3]);
  });

  test('what the client asked for by name stays when it leaves the watchlist', async () => {
    await using harness = await portal();
    harness.reads.watchlists.set(userIdOf(3), [itemIdOf(1)]);
    const client = harness.dial({ target: address('&watchlist=1') });
    await client.heard(2);
    await client.ask({ action: 'subscribe', itemId: 1 });
    harness.publish(listed(3, 1, false));
    await client.settle();
    harness.publish(bidPlaced(1, 8, '4.00'));
    await client.heard(4);
    expect(client.types).toEqual(['hello', 'subscribed', 'subscribed', 'bid_update']);
  });

  test('the limit holds, and is told once', async () => {
    await using harness = await portal({ subscriptionsMax: 2 });
    harness.reads.watchlists.set(
      userIdOf(3),
      [1, 2, 3, 4].map((id) => itemIdOf(id)),
    );
    const client = harness.dial({ target: address('&watchlist=1') });
    await client.heard(4);
    await client.settle();
    expect(client.messages.slice(1).map((it) => [it['type'], it['itemId']])).toEqual([
      ['subscribed', 1],
      ['subscribed', 2],
      ['error', 3],
    ]);
  });

  test('is for v2 clients', async () => {
    await using harness = await portal();
    harness.reads.watchlists.set(userIdOf(3), [itemIdOf(1)]);
    const client = harness.dial({ target: `/?token=${mint({ userId: 3 })}&watchlist=1` });
    await until(() => client.socket.readyState === client.socket.OPEN);
    await client.settle();
    expect(client.texts).toEqual([]);
  });

  test('comes back with what was missed, each event once, though it is asked for again by name', async () => {
    await using harness = await portal();
    harness.reads.watchlists.set(userIdOf(3), [itemIdOf(1)]);
    const seen = bidPlaced(1, 4, '11.00');
    const missed = [bidPlaced(1, 4, '12.00'), outbid(2, 3), bidPlaced(1, 4, '13.00')];
    harness.publish(seen, ...missed);
    const client = harness.dial({ target: address(`&watchlist=1&since=${seen.eventId}`) });
    await client.heard(5);
    client.say({ action: 'subscribe', itemId: 1, since: seen.eventId });
    await client.heard(6);
    await client.settle();
    expect(client.types.slice(1)).toEqual([
      'subscribed',
      'bid_update',
      'outbid',
      'bid_update',
      'subscribed',
    ]);
    const ids = client.messages.flatMap((it) => ('eventId' in it ? [it['eventId']] : []));
    expect(ids).toEqual(missed.map((it) => it.eventId));
  });
});

describe('watchers', () => {
  test('are counted for those who asked, and told when the count has changed', async () => {
    await using harness = await portal();
    const curious = await harness.client({ v2: true });
    const plain = await harness.client({ v2: true });
    const old = await harness.client();
    await curious.ask({ action: 'subscribe', itemId: 1, watchers: true });
    await old.ask({ action: 'subscribe', itemId: 1, watchers: true });
    await plain.ask({ action: 'subscribe', itemId: 1 });
    await toldOf(curious, 3);
    await plain.leave();
    await toldOf(curious, 2);
    await curious.ask({ action: 'unsubscribe', itemId: 1 });
    const late = await harness.client({ v2: true });
    await late.ask({ action: 'subscribe', itemId: 1, watchers: true });
    await toldOf(late, 2);
    expect(curious.types.at(-1)).toBe('unsubscribed');
    expect([...old.types, ...plain.types]).not.toContain('watchers');
  });
});

/** Waits for the count; a sample may have fallen between two arrivals before. */
async function toldOf(client: TestClient, count: number): Promise<void> {
  await until(() => client.messages.at(-1)?.['count'] === count, {
    everyMs: 2,
    what: () => `a count of ${count}; heard ${client.texts.join(' ')}`,
  });
  expect(client.messages.at(-1)).toEqual({ type: 'watchers', itemId: 1, count });
}
