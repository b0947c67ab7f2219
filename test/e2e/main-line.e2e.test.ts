/**
 * The whole line on real servers: SQL as the PHP API writes it in, WebSocket messages out.
 */
import { readFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AuctionClient, mintToken, type Received } from '../support/auction-client.ts';
import { bidStorm } from '../support/bid-storm.ts';
import { FLAVOURS } from '../support/database-server.ts';
import { startGavelcast, type GavelcastProcess } from '../support/gavelcast-process.ts';
import { connectRawWatcher } from '../support/raw-watcher.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const ITEMS = 50;
const CLIENTS = 200;
const ITEMS_PER_CLIENT = 5;
const BIDS = 10_000;
const WRITERS = 20;

const SECOND = 1000;
const HOUR = 3600 * SECOND;

describe.each(FLAVOURS)('on %s', (flavour) => {
  let stage: Stage;
  let gavelcast: GavelcastProcess;

  beforeAll(async () => {
    stage = await setStage(flavour);
    gavelcast = await startGavelcast(stage.source);
  });
  afterAll(async () => {
    await gavelcast.stop();
    await stage.stop();
  });

  const newItem = async (options: { reservePrice?: string } = {}) => {
    const seller = await stage.portal.addUser({ name: 'Sally', role: 'seller' });
    const itemId = await stage.portal.addItem({
      title: 'A clock',
      startingPrice: '10.00',
      endTime: Date.now() + HOUR,
      sellerId: seller,
      ...(options.reservePrice === undefined ? {} : { reservePrice: options.reservePrice }),
    });
    return { itemId, seller };
  };

  /** Has the auction end soon, and again where a process stood still so long that the step was too late to be told. */
  const countedTo = async (
    watcher: AuctionClient,
    { itemId, step }: { itemId: number; step: number },
  ): Promise<Received> => {
    let stepAtMs = 0;
    return until(
      async () => {
        if (Date.now() > stepAtMs + 5 * SECOND) {
          stepAtMs = Date.now() + 3 * SECOND;
          await stage.portal.moveEndTime(itemId, stepAtMs + step * SECOND);
        }
        return watcher.of('auction_ending').find((m) => m['secondsRemaining'] === step);
      },
      { withinMs: 40_000, what: () => `step ${String(step)}; got ${watcher.texts.join('\n')}` },
    );
  };

  test.each(['autocommit', 'transaction'] as const)(
    'a bid in the %s style reaches watchers, and the outbid leader alone',
    async (style) => {
      const { itemId, seller } = await newItem({ reservePrice: '20.00' });
      const bob = await stage.portal.addUser({ name: 'Bob' });
      const carol = await stage.portal.addUser({ name: 'Carol' });
      const watcher = await AuctionClient.connect(gavelcast.url, { userId: seller });
      const bobs = await Promise.all(
        [1, 2].map(() => AuctionClient.connect(gavelcast.url, { userId: bob })),
      );
      const carols = await AuctionClient.connect(gavelcast.url, { userId: carol });
      await watcher.subscribe(itemId);

      const first = await stage.portal.placeBid({ itemId, userId: bob, amount: '12.50', style });
      const second = await stage.portal.placeBid({ itemId, userId: carol, amount: '25.00', style });

      await watcher.next('bid_update', (m) => m['bidId'] === second);
      expect(watcher.of('bid_update')).toMatchObject([
        {
          itemId,
          bidId: first,
          bidAmount: 12.5,
          bidderId: bob,
          bidderName: 'Bob',
          reserveMet: false,
          bidCount: 1,
        },
        { bidId: second, bidAmount: 25, bidderName: 'Carol', reserveMet: true, bidCount: 2 },
      ]);
      expect(watcher.texts.find((text) => text.includes('"bidAmount":25.00'))).toBeDefined();
      for (const client of bobs) {
        expect(await client.next('outbid')).toMatchObject({
          itemId,
          newBidAmount: 25,
          yourBidAmount: 12.5,
        });
      }
      expect([...watcher.of('outbid'), ...carols.of('outbid')]).toEqual([]);
      await Promise.all([watcher, carols, ...bobs].map((client) => client.close()));
    },
  );

  test('an auction counts down, is extended by a late bid, and ends for watchers, winner and seller', async () => {
    const { itemId, seller } = await newItem();
    const bob = await stage.portal.addUser({ name: 'Bob' });
    const watcher = await AuctionClient.connect(gavelcast.url, {
      userId: await stage.portal.addUser({ name: 'Wanda' }),
    });
    const winner = await AuctionClient.connect(gavelcast.url, { userId: bob });
    const sellers = await AuctionClient.connect(gavelcast.url, { userId: seller });
    await watcher.subscribe(itemId);

    // With time enough for the bid.
    const tick = await countedTo(watcher, { itemId, step: 30 });
    expect(String(tick['eventId'])).toMatch(/^~/);

    await stage.portal.placeBid({ itemId, userId: bob, amount: '11.00', style: 'autocommit' });
    const extended = Date.parse(String(tick['endTime'])) + 120 * SECOND;
    await watcher.next('auction_extended', (m) => Date.parse(String(m['newEndTime'])) === extended);
    const before = watcher.of('auction_ending').length;

    await countedTo(watcher, { itemId, step: 0 });
    expect(watcher.of('auction_ending').slice(before).at(-1)).toMatchObject({
      secondsRemaining: 0,
    });
    expect(watcher.of('auction_ended')).toEqual([]);

    await until(async () => (await stage.portal.complete()).length > 0, { what: 'the cron' });
    const ended = { itemId, finalPrice: 11, winnerId: bob, winnerName: 'Bob', outcome: 'sold' };
    for (const client of [watcher, winner, sellers]) {
      expect(await client.next('auction_ended')).toMatchObject(ended);
      expect(client.of('auction_ended')).toHaveLength(1);
    }
    await Promise.all([watcher, winner, sellers].map((client) => client.close()));
  }, 120_000);

  test(`${String(BIDS)} bids by ${String(WRITERS)} writers reach ${String(CLIENTS)} clients in commit order, digit for digit`, async () => {
    const bidderIds = await Promise.all(
      Array.from({ length: 40 }, (_, i) => stage.portal.addUser({ name: `Bidder ${String(i)}` })),
    );
    const itemIds: number[] = [];
    for (let i = 0; i < ITEMS; i++) itemIds.push((await newItem()).itemId);
    const watched = (client: number): number[] =>
      Array.from(
        { length: ITEMS_PER_CLIENT },
        (_, i) => itemIds[(client * 3 + i * 11) % ITEMS] ?? Number.NaN,
      );
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, async (_, i) => {
        const client = await AuctionClient.connect(gavelcast.url, { userId: 900_000 + i });
        await client.subscribe(...watched(i));
        return client;
      }),
    );

    const ledger = await bidStorm({
      pool: stage.pool,
      itemIds,
      bidderIds,
      bids: BIDS,
      writers: WRITERS,
      rollbackEvery: 10,
      doubleEvery: 10,
    });
    expect(ledger.rolledBack.size).toBeGreaterThan(500);

    for (const [i, client] of clients.entries()) {
      const expected = new Map(watched(i).map((id) => [id, ledger.committed.get(id) ?? []]));
      const total = [...expected.values()].reduce((sum, bids) => sum + bids.length, 0);
      await until(() => client.of('bid_update').length >= total, {
        withinMs: 60_000,
        what: () =>
          `client ${String(i)}: ${String(client.of('bid_update').length)} of ${String(total)}`,
      });
      const seen = new Map<number, string[]>(watched(i).map((id) => [id, []]));
      for (const text of client.texts) {
        if (!text.startsWith('{"type":"bid_update"')) continue;
        const [, itemId, amount] = /"itemId":(\d+),"bidAmount":([\d.]+)/.exec(text) ?? [];
        const [, bidId] = /"bidId":(\d+)/.exec(text) ?? [];
        seen.get(Number(itemId))?.push(`${String(bidId)} ${String(amount)}`);
      }
      for (const [itemId, bids] of expected) {
        expect(seen.get(itemId)).toEqual(bids.map((bid) => `${String(bid.bidId)} ${bid.amount}`));
      }
      const ids = client.received.map((m) => m['eventId']).filter((id) => id !== undefined);
      expect(new Set(ids).size).toBe(ids.length);
    }
    await Promise.all(clients.map((client) => client.close()));
  }, 240_000);

  test('a transaction of 100,000 rows passes with bounded memory and reaches its watcher whole', async () => {
    const rows = 100_000;
    const { itemId } = await newItem();
    const bidder = await stage.portal.addUser({ name: 'Bulk' });
    /** Bids that were told of, or counted by an update that stands for them, as it does for a reader that stood still. */
    let told = 0;
    const faults: string[] = [];
    let subscribed = false;
    const client = await connectRawWatcher({
      port: gavelcast.port,
      token: mintToken(bidder),
      messages: [JSON.stringify({ action: 'subscribe', itemId })],
      onText: (payload) => {
        const text = payload.toString('latin1');
        subscribed ||= text.includes('"type":"subscribed"');
        if (!text.includes('"type":"bid_update"')) return;
        told += 1 + Number(/"skipped":(\d+)/.exec(text)?.[1] ?? 0);
        if (Number(/"bidCount":(\d+)/.exec(text)?.[1]) !== told) faults.push(text);
      },
    });
    await until(() => subscribed, { what: 'the subscription' });
    const before = residentBytes(gavelcast);
    let peak = before;
    const sampling = setInterval(() => {
      peak = Math.max(peak, residentBytes(gavelcast));
    }, 20);
    await stage.pool.query(
      `INSERT INTO bids (item_id, bidder_id, amount)
       WITH d (d) AS (${Array.from({ length: 10 }, (_, d) => `SELECT ${String(d)}`).join(' UNION ALL ')})
       SELECT ?, ?, 20 + (a.d * 10000 + b.d * 1000 + c.d * 100 + e.d * 10 + f.d) / 100
       FROM d a, d b, d c, d e, d f`,
      [itemId, bidder],
    );
    await until(() => told >= rows, {
      withinMs: 120_000,
      what: () => `${String(told)} of ${String(rows)} bids`,
    });
    clearInterval(sampling);
    expect({ told, faults: faults.slice(0, 3) }).toEqual({ told: rows, faults: [] });
    const grownMiB = (peak - before) / 2 ** 20;
    process.stdout.write(
      `100,000 rows on ${flavour}: resident memory grew by ${grownMiB.toFixed(0)} MiB\n`,
    );
    expect(grownMiB).toBeLessThan(300);
    client.destroy();
  }, 240_000);
});

/** Resident bytes of the server process, from /proc. */
function residentBytes(gavelcast: GavelcastProcess): number {
  const status = readFileSync(`/proc/${String(gavelcast.child.pid)}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}
