/** Subscribing while bids pour in: the state joins the first live event with no gap, no overlap and no falling price. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createFeed } from '../../cdc/feed.ts';
import type { Feed } from '../../cdc/feed.ts';
import { createGateway } from '../../server/gateway.ts';
import type { Gateway } from '../../server/gateway-options.ts';
import { FeedLab, memoryLog } from '../cdc/support/feed-lab.ts';
import { FLAVOURS, startDatabase } from '../support/database-server.ts';
import type { DatabaseServer } from '../support/database-server.ts';
import { until } from '../support/until.ts';
import { mint, OPTIONS, TestClient } from './support/gateway-harness.ts';
import { WebSocket } from 'ws';

const HOUR_MS = 3_600_000;
const SUBSCRIBES = 1_000;
const CLIENTS = 10;
const BIDS_PER_SECOND = 200;

class Line implements AsyncDisposable {
  readonly lab: FeedLab;
  readonly feed: Feed;
  readonly gateway: Gateway;
  port = 0;

  constructor(lab: FeedLab) {
    this.lab = lab;
    const log = memoryLog([]);
    this.feed = createFeed(lab.options(), { log, now: Date.now });
    this.gateway = createGateway(
      { ...OPTIONS, messageBurstMax: 100_000, messagesPerSecondMax: 10_000 },
      { log, now: Date.now, reads: this.feed, clockOffsetMs: () => this.feed.clockOffsetMs() },
    );
  }

  async start(): Promise<this> {
    this.feed.onState((state) => {
      this.gateway.feedChanged(state);
    });
    this.port = (await this.gateway.listen()).port;
    await this.feed.start(this.gateway);
    return this;
  }

  dial(userId: number, query = ''): TestClient {
    const url = `ws://127.0.0.1:${this.port.toString()}/?token=${mint({ userId })}&v=2${query}`;
    return new TestClient(new WebSocket(url));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway.stop();
    await this.feed.stop();
  }
}

interface Told {
  readonly type?: unknown;
  readonly itemId?: unknown;
  readonly bidCount?: unknown;
  readonly bidAmount?: unknown;
  readonly state?: { readonly bidCount: number; readonly currentPrice: number };
}

/** Follows what one client heard of one item from a `subscribed` on; how many joins there were. */
function checkJoins(messages: readonly Told[], itemId: number): number {
  let joins = 0;
  let count: number | null = null;
  let price = 0;
  for (const message of messages) {
    if (message.itemId !== itemId) continue;
    if (message.type === 'unsubscribed') count = null;
    if (message.type === 'subscribed' && message.state !== undefined) {
      joins += 1;
      count = message.state.bidCount;
      price = message.state.currentPrice;
    }
    if (message.type !== 'bid_update') continue;
    if (count === null) throw new Error('a bid of an item that is not watched');
    count += 1;
    expect(message.bidCount).toBe(count);
    expect(Number(message.bidAmount)).toBeGreaterThanOrEqual(price);
    price = Number(message.bidAmount);
  }
  return joins;
}

describe.each(FLAVOURS)('%s', (flavour) => {
  let server: DatabaseServer;
  const labs: FeedLab[] = [];
  const createLab = async (): Promise<FeedLab> => {
    const lab = await FeedLab.create(server, 'A');
    labs.push(lab);
    return lab;
  };

  beforeAll(async () => {
    server = await startDatabase(flavour);
  });
  afterEach(async () => {
    for (const lab of labs.splice(0)) await lab.close();
  });
  afterAll(async () => {
    await server.stop();
  });

  test('1,000 subscribes to an item bid on 200 times a second', async () => {
    const lab = await createLab();
    const sellerId = await lab.portal.addUser({ name: 'Sue', role: 'seller' });
    const bidders = [
      await lab.portal.addUser({ name: 'Ann' }),
      await lab.portal.addUser({ name: 'Bob' }),
    ];
    const item = { title: 'hot', startingPrice: '1.00', sellerId, endTime: Date.now() + HOUR_MS };
    const itemId = await lab.portal.addItem(item);
    await using line = await new Line(lab).start();
    const clients = Array.from({ length: CLIENTS }, () => line.dial(sellerId));
    for (const client of clients) await client.heard(1);
    const stop = new AbortController();
    const startedAt = performance.now();
    let bids = 0;
    const writing = (async () => {
      while (!stop.signal.aborted) {
        bids += 1;
        await lab.portal.placeBid({
          itemId,
          userId: bidders[bids % 2] ?? 0,
          amount: `${(bids + 1).toString()}.00`,
          style: 'transaction',
        });
        const aheadMs = (bids * 1000) / BIDS_PER_SECOND - (performance.now() - startedAt);
        if (aheadMs > 0) await delay(aheadMs);
      }
    })();
    for (let round = 0; round < SUBSCRIBES / CLIENTS; round += 1) {
      for (const client of clients) client.say({ action: 'subscribe', itemId });
      const before = bids;
      await until(() => bids >= before + 5, { everyMs: 1 });
      for (const client of clients) client.say({ action: 'unsubscribe', itemId });
    }
    for (const client of clients) {
      await until(
        () =>
          client.types.filter((type) => type === 'unsubscribed').length === SUBSCRIBES / CLIENTS,
        {
          withinMs: 30_000,
        },
      );
    }
    stop.abort();
    await writing;
    let joins = 0;
    let updates = 0;
    for (const client of clients) {
      const messages: readonly Told[] = client.messages;
      joins += checkJoins(messages, itemId);
      updates += messages.filter(({ type }) => type === 'bid_update').length;
    }
    expect(joins).toBe(SUBSCRIBES);
    // The bids really went on meanwhile.
    expect(updates).toBeGreaterThan(SUBSCRIBES);
  });

  test('items the book does not have yet, while the stream is behind the tables', async () => {
    const lab = await createLab();
    const sellerId = await lab.portal.addUser({ name: 'Sue', role: 'seller' });
    const bidderId = await lab.portal.addUser({ name: 'Ann' });
    await using line = await new Line(lab).start();
    const client = line.dial(bidderId);
    await client.heard(1);
    const filler = await lab.portal.addItem({
      title: 'f',
      startingPrice: '1.00',
      sellerId,
      endTime: Date.now() + HOUR_MS,
    });
    const itemIds: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      // Much for the stream to do, so that it has not come to the item when the client asks.
      const rows = Array.from(
        { length: 3_000 },
        (_, i) => `(${filler}, ${bidderId}, ${(i + 2).toString()}.00)`,
      );
      await lab.execute(`INSERT INTO bids (item_id, bidder_id, amount) VALUES ${rows.join(',')}`);
      const itemId = await lab.portal.addItem({
        title: 'n',
        startingPrice: '1.00',
        sellerId,
        endTime: Date.now() + HOUR_MS,
      });
      itemIds.push(itemId);
      const bid = (amount: number): Promise<number> =>
        lab.portal.placeBid({
          itemId,
          userId: bidderId,
          amount: `${amount.toString()}.00`,
          style: 'transaction',
        });
      await bid(2);
      await bid(3);
      client.say({ action: 'subscribe', itemId });
      for (let amount = 4; amount < 8; amount += 1) await bid(amount);
    }
    await until(
      () => {
        const last = client.messages.findLast((it) => it['type'] === 'bid_update');
        return last?.['itemId'] === itemIds.at(-1) && last?.['bidAmount'] === 7;
      },
      { withinMs: 30_000 },
    );
    for (const itemId of itemIds) {
      expect(checkJoins(client.messages, itemId)).toBe(1);
      const last = client.messages.findLast((it) => it['itemId'] === itemId);
      const state = last?.['state'] as { bidCount: number } | undefined;
      expect(last?.['bidCount'] ?? state?.bidCount).toBe(6);
    }
  });

  test('ended items and unknown ones, from the table; a watchlist and a standing, from the tables too', async () => {
    const lab = await createLab();
    const sellerId = await lab.portal.addUser({ name: 'Sue', role: 'seller' });
    const [ann, bob] = [
      await lab.portal.addUser({ name: 'Ann' }),
      await lab.portal.addUser({ name: 'Bob' }),
    ];
    const item = { title: 'i', startingPrice: '1.00', sellerId, endTime: Date.now() + HOUR_MS };
    const over = await lab.portal.addItem({ ...item, status: 'completed' });
    const [led, lost] = [await lab.portal.addItem(item), await lab.portal.addItem(item)];
    await lab.portal.placeBid({ itemId: led, userId: ann, amount: '2.00', style: 'transaction' });
    await lab.portal.placeBid({
      itemId: lost,
      userId: ann,
      amount: '2.50',
      style: 'transaction',
    });
    await lab.portal.placeBid({
      itemId: lost,
      userId: bob,
      amount: '3.00',
      style: 'transaction',
    });
    await lab.portal.watch(ann, over);
    await lab.portal.watch(ann, led);
    await using line = await new Line(lab).start();
    const plain = line.dial(bob);
    await plain.heard(1);
    plain.say({ action: 'subscribe', itemIds: [over, 4711, led] });
    await plain.heard(4);
    expect(plain.messages.slice(1)).toMatchObject([
      { type: 'subscribed', itemId: over, state: { status: 'sold' } },
      { type: 'error', code: 'item_not_found', itemId: 4711 },
      { type: 'subscribed', itemId: led, state: { currentPrice: 2, bidCount: 1 } },
    ]);
    const client = line.dial(ann, '&watchlist=1&since=gone');
    await client.heard(4);
    expect(client.messages.slice(1)).toMatchObject([
      // Live ones first.
      { type: 'subscribed', itemId: led, recovered: false },
      { type: 'subscribed', itemId: over, recovered: false },
      {
        type: 'standing',
        items: [
          { itemId: led, leading: true, currentPrice: 2, yourBidAmount: 2 },
          { itemId: lost, leading: false, currentPrice: 3, yourBidAmount: 2.5 },
        ],
      },
    ]);
    await lab.portal.watch(ann, lost);
    await client.heard(5);
    await lab.portal.unwatch(ann, led);
    await client.heard(6);
    expect(client.messages.slice(4)).toMatchObject([
      { type: 'subscribed', itemId: lost },
      { type: 'unsubscribed', itemId: led },
    ]);
  });
});
