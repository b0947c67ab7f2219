import { expect, test } from 'vitest';
import { ANY_NUMBER, ANY_TEXT } from './support/any-value.ts';
import { bidPlaced, endMoved, ended, outbid, started } from './support/events.ts';
import { GatewayHarness } from './support/gateway-harness.ts';
import { itemIdOf } from '../../src/auction/ids.ts';
import { until } from '../support/until.ts';

const STATE_1 = {
  status: 'active',
  currentPrice: 12.5,
  bidCount: 3,
  highestBidderId: 3,
  endTime: '2030-01-01T00:00:00.000Z',
  reserveMet: false,
};

async function portal(): Promise<GatewayHarness> {
  const harness = await GatewayHarness.start();
  harness.reads.list(1, { price: '12.50', leaderId: 3, bidCount: 3, reserve: '99.00' });
  harness.reads.list(2);
  return harness;
}

test('golden: what an old client says and hears in a life', async () => {
  await using harness = await portal();
  const client = await harness.client({ userId: 3 });
  client.say('{"action":"subscribe","itemId":1}');
  client.say('{"action":"subscribe","channel":"notifications"}');
  client.say('{"type":"ping"}');
  await client.heard(2);
  harness.publish(bidPlaced(1, 4, '15.00'), outbid(1, 3), endMoved(1, 'later'), ended(1, 4, 9));
  await client.heard(6);
  client.say('{"action":"unsubscribe","itemId":1}');
  client.say('{"action":"subscribe","itemId":404}');
  client.say('not json');
  client.say('{"action":"subscribe","itemId":"abc"}');
  client.say('{"action":"dance"}');
  const heard = await client.heard(11);
  expect(heard).toEqual([
    { type: 'subscribed', itemId: 1, state: STATE_1, serverTime: ANY_TEXT },
    { type: 'pong', serverTime: ANY_TEXT },
    {
      type: 'bid_update',
      eventId: ANY_TEXT,
      itemId: 1,
      bidAmount: 15,
      bidderId: 4,
      bidderName: 'User 4',
      timestamp: '2026-02-01T10:30:00.000Z',
      reserveMet: null,
      bidId: ANY_NUMBER,
      bidCount: ANY_NUMBER,
    },
    {
      type: 'outbid',
      eventId: ANY_TEXT,
      itemId: 1,
      newBidAmount: 15,
      yourBidAmount: 12.5,
    },
    {
      type: 'auction_extended',
      eventId: ANY_TEXT,
      itemId: 1,
      newEndTime: '2026-02-01T10:34:00.000Z',
    },
    {
      type: 'auction_ended',
      eventId: ANY_TEXT,
      itemId: 1,
      finalPrice: 15,
      winnerId: 4,
      winnerName: 'User 4',
      outcome: 'sold',
    },
    { type: 'unsubscribed', itemId: 1 },
    {
      type: 'error',
      code: 'item_not_found',
      message: 'Item not found',
      action: 'subscribe',
      itemId: 404,
    },
    { type: 'error', code: 'invalid_message', message: 'Invalid message' },
    {
      type: 'error',
      code: 'invalid_item_id',
      message: 'Invalid item ID',
      action: 'subscribe',
    },
    { type: 'error', code: 'unknown_action', message: 'Unknown action' },
  ]);
});

test('amounts go out with exactly the digits of their column', async () => {
  await using harness = await portal();
  const client = await harness.client();
  await client.ask({ action: 'subscribe', itemId: 1 });
  expect(client.texts[0]).toContain('"currentPrice":12.50,');
  harness.publish(bidPlaced(1, 4, '12345678901234567.80'));
  await client.heard(2);
  expect(client.texts[1]).toContain('"bidAmount":12345678901234567.80,');
});

test('the reserve price never leaves', async () => {
  await using harness = await portal();
  const client = await harness.client({ v2: true });
  await client.ask({ action: 'subscribe', itemId: 1 });
  expect(client.texts.join()).not.toContain('99');
});

test('an item id may be text; several are answered in order; subscribing again is answered again', async () => {
  await using harness = await portal();
  const client = await harness.client();
  client.say({ action: 'subscribe', itemId: '1' });
  client.say({ action: 'subscribe', itemIds: [2, 404, 1] });
  const heard = await client.heard(4);
  expect(heard.map((it) => [it['type'], it['itemId']])).toEqual([
    ['subscribed', 1],
    ['subscribed', 2],
    ['error', 404],
    ['subscribed', 1],
  ]);
  expect(harness.gateway.stats()).toMatchObject({ subscriptionsOpen: 2, itemsWatched: 2 });
  harness.publish(bidPlaced(1, 4, '15.00'));
  await client.settle();
  expect(client.types.filter((it) => it === 'bid_update')).toHaveLength(1);
});

test('unsubscribing is always answered, and stops the stream', async () => {
  await using harness = await portal();
  const client = await harness.client();
  client.say({ action: 'subscribe', itemIds: [1, 2] });
  client.say({ action: 'unsubscribe', itemIds: [1, 777] });
  const heard = await client.heard(4);
  expect(heard.slice(2)).toEqual([
    { type: 'unsubscribed', itemId: 1 },
    { type: 'unsubscribed', itemId: 777 },
  ]);
  harness.publish(bidPlaced(1, 4, '15.00'), bidPlaced(2, 4, '15.00'));
  await client.settle();
  expect(client.messages.slice(4).map((it) => it['itemId'])).toEqual([2]);
});

test('an item the book does not hold is answered from the table', async () => {
  await using harness = await portal();
  harness.reads.table(50, { status: 'sold', price: '77.10', leaderId: 8 });
  const client = await harness.client();
  expect(await client.ask({ action: 'subscribe', itemId: 50 })).toMatchObject({
    type: 'subscribed',
    itemId: 50,
    state: { status: 'sold', currentPrice: 77.1, highestBidderId: 8 },
  });
  expect(harness.reads.itemsRead).toEqual(['50']);
});

test('messages wait behind one that asks the table, and the socket is not read without bound', async () => {
  await using harness = await portal();
  harness.reads.table(50);
  const client = await harness.client();
  const release = harness.reads.holdReads();
  client.say({ action: 'subscribe', itemIds: [2, 50, 1] });
  for (let at = 0; at < 60; at += 1) client.say({ action: 'unsubscribe', itemId: 1000 + at });
  expect(await client.heard(1)).toMatchObject([{ type: 'subscribed', itemId: 2 }]);
  release();
  const heard = await client.heard(63);
  expect(heard.slice(0, 3).map((it) => it['itemId'])).toEqual([2, 50, 1]);
  expect(heard.slice(3).map((it) => it['itemId'])).toEqual(
    Array.from({ length: 60 }, (_, at) => 1000 + at),
  );
});

test('the book is looked at again after the table: live events join on its state', async () => {
  await using harness = await portal();
  harness.reads.table(50, { price: '1.00' });
  const client = await harness.client();
  const release = harness.reads.holdReads();
  client.say({ action: 'subscribe', itemId: 50 });
  await until(() => harness.reads.itemsRead.length > 0, { what: 'the table to be asked' });
  expect(harness.reads.itemsRead).toEqual(['50']);
  harness.reads.list(50, { price: '2.00' });
  harness.publish(bidPlaced(50, 4, '2.00'));
  release();
  await client.heard(1);
  harness.publish(bidPlaced(50, 4, '3.00'));
  const heard = await client.heard(2);
  expect(heard).toMatchObject([
    { type: 'subscribed', state: { currentPrice: 2 } },
    { type: 'bid_update', bidAmount: 3 },
  ]);
});

test('a table that cannot be read closes with 1012 rather than lie', async () => {
  await using harness = await portal();
  const client = await harness.client();
  harness.reads.failure = new Error('gone away');
  client.say({ action: 'subscribe', itemId: 50 });
  expect(await client.closeCode()).toBe(1012);
});

test('an upcoming item is there for its seller only', async () => {
  await using harness = await portal();
  harness.reads.list(60, { status: 'upcoming', sellerId: 7 });
  harness.reads.table(61, { status: 'upcoming', sellerId: 7 });
  const seller = await harness.client({ userId: 7, v2: true });
  const other = await harness.client({ userId: 8, v2: true });
  for (const itemId of [60, 61]) {
    expect(await seller.ask({ action: 'subscribe', itemId })).toMatchObject({
      type: 'subscribed',
      state: { status: 'upcoming' },
    });
    expect(await other.ask({ action: 'subscribe', itemId })).toEqual({
      type: 'error',
      code: 'item_not_found',
      message: 'Item not found',
      action: 'subscribe',
      itemId,
    });
  }
  harness.publish(started(60));
  await seller.settle();
  await other.settle();
  expect(seller.types).toContain('auction_started');
  expect(other.types).not.toContain('auction_started');
});

test('without a history nothing is recovered, and the client is told so', async () => {
  await using harness = await portal();
  const client = await harness.client();
  expect(await client.ask({ action: 'subscribe', itemIds: [1], since: 'e1' })).toMatchObject({
    recovered: false,
  });
  expect(await client.ask({ action: 'subscribe', itemId: 1 })).not.toHaveProperty('recovered');
});

test('subscriptions are limited; a full client may still repeat one it has', async () => {
  await using harness = await GatewayHarness.start({ subscriptionsMax: 2 });
  for (const itemId of [1, 2, 3, 4]) harness.reads.list(itemId);
  const client = await harness.client();
  client.say({ action: 'subscribe', itemIds: [1, 2, 3, 4] });
  client.say({ action: 'subscribe', itemId: 2 });
  client.say({ action: 'unsubscribe', itemId: 1 });
  client.say({ action: 'subscribe', itemId: 4 });
  const heard = await client.heard(6);
  expect(heard.map((it) => [it['type'], it['itemId']])).toEqual([
    ['subscribed', 1],
    ['subscribed', 2],
    ['error', 3],
    ['subscribed', 2],
    ['unsubscribed', 1],
    ['subscribed', 4],
  ]);
  expect(heard[2]).toMatchObject({
    code: 'too_many_subscriptions',
    message: 'Too many subscriptions',
  });
});

test('the notifications channel: accepted in silence for old clients, answered for v2', async () => {
  await using harness = await portal();
  const old = await harness.client({ userId: 3 });
  const modern = await harness.client({ userId: 3, v2: true });
  for (const client of [old, modern]) {
    client.say({ action: 'subscribe', channel: 'notifications' });
    client.say({ action: 'unsubscribe', channel: 'notifications' });
    await client.settle();
  }
  expect(old.texts).toEqual([]);
  expect(modern.messages).toMatchObject([
    { type: 'subscribed', channel: 'notifications' },
    { type: 'unsubscribed', channel: 'notifications' },
  ]);
  harness.publish(outbid(1, 3));
  expect(await old.heard(1)).toMatchObject([{ type: 'outbid' }]);
});

test('both forms of ping are answered', async () => {
  await using harness = await portal();
  const client = await harness.client();
  for (const ping of ['{"action":"ping"}', '{"type":"ping"}']) {
    const askedAtMs = Date.now();
    const pong = await client.ask(ping);
    expect(pong['type']).toBe('pong');
    const saidAtMs = Date.parse(String(pong['serverTime']));
    expect(saidAtMs).toBeGreaterThanOrEqual(askedAtMs);
    expect(saidAtMs).toBeLessThanOrEqual(Date.now());
  }
});

test('too many messages: told so, then closed with 4005', async () => {
  await using harness = await GatewayHarness.start({
    messagesPerSecondMax: 5,
    messageBurstMax: 10,
  });
  const client = await harness.client();
  for (let at = 0; at < 100; at += 1) client.say({ action: 'ping' });
  expect(await client.closeCode()).toBe(4005);
  const errors = client.messages.filter((it) => it['type'] === 'error');
  expect(errors.length).toBeGreaterThan(0);
  expect(errors.length).toBeLessThan(10);
  expect(errors[0]).toEqual({
    type: 'error',
    code: 'rate_limited',
    message: 'Rate limit exceeded',
  });
});

test('binary, oversize and non-UTF-8 messages close with 1003, 1009 and 1007', async () => {
  await using harness = await portal();
  const binary = await harness.client();
  binary.socket.send(Buffer.from('{"action":"ping"}'), { binary: true });
  expect(await binary.closeCode()).toBe(1003);
  const big = await harness.client();
  big.say('x'.repeat(16_385));
  expect(await big.closeCode()).toBe(1009);
  const largest = await harness.client();
  expect(await largest.ask('x'.repeat(16_384))).toMatchObject({ code: 'invalid_message' });
  const garbled = await harness.client();
  garbled.socket.send(Buffer.from([0x22, 0xff, 0xfe, 0x22]), { binary: false });
  expect(await garbled.closeCode()).toBe(1007);
});

test('a client that leaves while the table is read leaves nothing behind', async () => {
  await using harness = await portal();
  harness.reads.table(50);
  const client = await harness.client();
  const release = harness.reads.holdReads();
  client.say({ action: 'subscribe', itemId: 50 });
  await until(() => harness.reads.itemsRead.length > 0, { what: 'the table to be asked' });
  expect(harness.reads.itemsRead).toEqual([itemIdOf(50)]);
  client.socket.terminate();
  await harness.empty();
  release();
  const next = await harness.client();
  await next.settle();
  expect(harness.gateway.stats()).toMatchObject({ subscriptionsOpen: 0, itemsWatched: 0 });
});
