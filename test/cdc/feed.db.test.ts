/** The feed on real servers: the same events in every shape and style, names, countdowns, reads beside the stream. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Feed } from '../../cdc/feed.ts';
import type { AuctionView } from '../../src/auction/book.ts';
import type { DomainEvent } from '../../src/auction/domain-event.ts';
import { itemIdOf, userIdOf, type ItemId } from '../../src/auction/ids.ts';
import { FLAVOURS, startDatabase } from '../support/database-server.ts';
import type { DatabaseServer } from '../support/database-server.ts';
import type { BidStyle } from '../support/portal.ts';
import { PORTAL_SHAPES } from '../support/portal-schema.ts';
import { until } from '../support/until.ts';
import { bookOf, FeedLab } from './support/feed-lab.ts';

const HOUR_MS = 3_600_000;

/** An event without its id and without times, which differ from run to run. */
function essence(event: DomainEvent): Record<string, unknown> {
  const times = ['eventId', 'placedAtMs', 'endTimeMs'];
  return Object.fromEntries(Object.entries(event).filter(([field]) => !times.includes(field)));
}

describe.each(FLAVOURS)('%s', (flavour) => {
  let server: DatabaseServer;
  const labs: FeedLab[] = [];

  beforeAll(async () => {
    server = await startDatabase(flavour);
  });
  afterEach(async () => {
    for (const lab of labs.splice(0)) await lab.close();
  });
  afterAll(async () => {
    await server.stop();
  });

  async function createLab(shape: (typeof PORTAL_SHAPES)[number]): Promise<FeedLab> {
    const lab = await FeedLab.create(server, shape);
    labs.push(lab);
    return lab;
  }

  /** A small auction's life, as events without ids; ids of rows are those of an empty database. */
  async function story(lab: FeedLab, style: BidStyle): Promise<unknown[]> {
    const { portal } = lab;
    const seller = await portal.addUser({ name: 'Sue', role: 'seller' });
    const ann = await portal.addUser({ name: 'Ann' });
    const bob = await portal.addUser({ name: 'Bob' });
    const endTime = Date.now() + HOUR_MS;
    const first = await portal.addItem({
      title: 'one',
      startingPrice: '10.00',
      endTime,
      sellerId: seller,
    });
    const run = lab.run();
    await run.started;
    await portal.placeBid({ itemId: first, userId: ann, amount: '11.00', style });
    await portal.placeBid({ itemId: first, userId: bob, amount: '12.50', style });
    const later = await portal.addItem({
      title: 'two',
      startingPrice: '1.00',
      endTime,
      sellerId: seller,
    });
    await portal.placeBid({ itemId: later, userId: ann, amount: '2.00', style });
    await portal.moveEndTime(first, endTime + HOUR_MS);
    await portal.moveEndTime(later, Date.now() - 5_000);
    await portal.complete();
    await portal.setUserStatus(ann, 'banned');
    // 2 + 1 bids, 1 outbid, 1 start, 2 moves, 1 end, 1 ban.
    const events = await run.untilEvents(9);
    expect(bookOf(run.feed)).toEqual(await lab.truth());
    const shown = events.map((event) => ({
      ...essence(event),
      name: run.names.get(event.eventId),
    }));
    await run.stop();
    return shown;
  }

  test('every shape in both styles gives the same events in the same order', async () => {
    const stories = new Map<string, unknown[]>();
    for (const shape of PORTAL_SHAPES) {
      for (const style of ['autocommit', 'transaction'] as const) {
        stories.set(`${shape} ${style}`, await story(await createLab(shape), style));
      }
    }
    const [first] = stories.values();
    expect(first).toMatchInlineSnapshot(`
      [
        {
          "amount": "11.00",
          "bidCount": 1,
          "bidId": "1",
          "bidderId": "2",
          "itemId": "1",
          "name": "Ann",
          "reserveMet": null,
          "type": "BidPlaced",
        },
        {
          "amount": "12.50",
          "bidCount": 2,
          "bidId": "2",
          "bidderId": "3",
          "itemId": "1",
          "name": "Bob",
          "reserveMet": null,
          "type": "BidPlaced",
        },
        {
          "itemId": "1",
          "name": undefined,
          "newBidAmount": "12.50",
          "type": "LeaderOutbid",
          "userId": "2",
          "yourBidAmount": "11.00",
        },
        {
          "currentPrice": "1.00",
          "itemId": "2",
          "name": undefined,
          "type": "AuctionStarted",
        },
        {
          "amount": "2.00",
          "bidCount": 1,
          "bidId": "3",
          "bidderId": "2",
          "itemId": "2",
          "name": "Ann",
          "reserveMet": null,
          "type": "BidPlaced",
        },
        {
          "direction": "later",
          "itemId": "1",
          "name": undefined,
          "type": "EndTimeMoved",
        },
        {
          "direction": "earlier",
          "itemId": "2",
          "name": undefined,
          "type": "EndTimeMoved",
        },
        {
          "finalPrice": "2.00",
          "itemId": "2",
          "name": "Ann",
          "outcome": "sold",
          "sellerId": "1",
          "type": "AuctionEnded",
          "winnerId": "2",
        },
        {
          "mayConnect": false,
          "name": undefined,
          "suspendedUntilMs": null,
          "type": "UserStandingChanged",
          "userId": "2",
        },
      ]
    `);
    for (const [name, events] of stories) expect({ name, events }).toEqual({ name, events: first });
  });

  test('a leading bid that is lowered: the next bid outbids whoever leads then', async () => {
    const lab = await createLab('B-bare');
    const { portal } = lab;
    const sellerId = await portal.addUser({ name: 'Sue', role: 'seller' });
    const ann = await portal.addUser({ name: 'Ann' });
    const bob = await portal.addUser({ name: 'Bob' });
    const cid = await portal.addUser({ name: 'Cid' });
    const endTime = Date.now() + HOUR_MS;
    const item = { title: 'one', startingPrice: '10.00', endTime, sellerId };
    const one = await portal.addItem(item);
    const two = await portal.addItem({ ...item, title: 'two' });
    const style = 'autocommit';
    await portal.placeBid({ itemId: one, userId: ann, amount: '20.00', style });
    await portal.placeBid({ itemId: one, userId: bob, amount: '30.00', style });
    // The feed has seen no bid of its own yet: what the tables have by then must not pass for delivered.
    const run = lab.run();
    await run.started;
    await lab.execute('UPDATE bids SET amount = 15 WHERE amount = 30');
    await lab.execute("UPDATE items SET current_price = 20 WHERE title = 'one'");
    await portal.placeBid({ itemId: one, userId: cid, amount: '25.00', style });
    const events = await run.untilEvents(2);
    expect(events.map(essence)).toEqual([
      expect.objectContaining({ type: 'BidPlaced', amount: '25.00', bidCount: 3 }),
      {
        type: 'LeaderOutbid',
        itemId: String(one),
        userId: String(ann),
        newBidAmount: '25.00',
        yourBidAmount: '20.00',
      },
    ]);
    await lab.pool.query('UPDATE bids SET item_id = ? WHERE amount = 25', [two]);
    await portal.placeBid({ itemId: two, userId: bob, amount: '26.00', style });
    const later = (await run.untilEvents(4)).slice(2);
    expect(later.map(essence)).toEqual([
      expect.objectContaining({ type: 'BidPlaced', itemId: String(two), bidCount: 2 }),
      expect.objectContaining({
        type: 'LeaderOutbid',
        userId: String(cid),
        yourBidAmount: '25.00',
      }),
    ]);
    await lab.untilBookEqualsTables(run);
  });

  test('names follow renames in the order of the stream', async () => {
    const lab = await createLab('A');
    const seller = await lab.portal.addUser({ name: 'Sue' });
    const ann = await lab.portal.addUser({ name: 'Ann' });
    const endTime = Date.now() + HOUR_MS;
    const item = await lab.portal.addItem({
      title: 'one',
      startingPrice: '1.00',
      endTime,
      sellerId: seller,
    });
    const run = lab.run();
    await run.started;
    for (let turn = 2; turn < 12; turn += 1) {
      await lab.portal.placeBid({
        itemId: item,
        userId: ann,
        amount: `${turn.toString()}.00`,
        style: 'transaction',
      });
      await lab.portal.renameUser(ann, `Ann ${turn.toString()}`);
    }
    await lab.portal.placeBid({ itemId: item, userId: ann, amount: '20.00', style: 'transaction' });
    const events = await run.untilEvents(11);
    const shown = events.slice(1).map((event) => run.names.get(event.eventId));
    expect(shown).toEqual(Array.from({ length: 10 }, (_, at) => `Ann ${(at + 2).toString()}`));
  });

  test('countdown steps come on the database clock, and an end that moves re-arms them', async () => {
    const lab = await createLab('B');
    const seller = await lab.portal.addUser({ name: 'Sue' });
    const endTime = Date.now() + HOUR_MS;
    const item = await lab.portal.addItem({
      title: 'one',
      startingPrice: '1.00',
      endTime,
      sellerId: seller,
    });
    const run = lab.run();
    await run.started;
    const stepsTo = (endTimeMs: number): number[] =>
      run.batches.flatMap(({ events }) =>
        events.flatMap((event) =>
          event.type === 'EndingAnnounced' && event.endTimeMs === endTimeMs
            ? [event.secondsRemaining]
            : [],
        ),
      );
    /** Moves the end near, and again where a process stood still so long that a step was too late to be told. */
    const counted = async (steps: readonly number[]): Promise<number> => {
      let end = 0;
      await until(
        async () => {
          if (Date.now() > end) {
            end = Math.floor(Date.now() / 1000) * 1000 + ((steps[0] ?? 0) + 3) * 1000;
            await lab.portal.moveEndTime(item, end);
          }
          return stepsTo(end).join().includes(steps.join());
        },
        { withinMs: 40_000, what: () => `steps ${steps.join()}; there are ${stepsTo(end).join()}` },
      );
      return end;
    };
    await counted([3, 2, 1]);
    const anew = stepsTo(await counted([5, 4]));
    expect(anew[0]).toBe(5);
    for (const batch of run.batches) {
      for (const event of batch.events) {
        if (event.type === 'EndingAnnounced') expect(batch.committedAtMs).toBeNull();
      }
    }
  });

  test('items outside the book and standings are read from the tables', async () => {
    const lab = await createLab('C');
    const seller = await lab.portal.addUser({ name: 'Sue' });
    const ann = await lab.portal.addUser({ name: 'Ann' });
    const endTime = Date.now() + HOUR_MS;
    const over = await lab.portal.addItem({
      title: 'over',
      startingPrice: '1.00',
      endTime,
      sellerId: seller,
      status: 'completed',
    });
    const run = lab.run();
    await run.started;
    expect(run.feed.book.get(itemIdOf(over))).toBeUndefined();
    expect(await read(run.feed, itemIdOf(over))).toMatchObject({
      status: 'sold',
      bidCount: 0,
      currentPrice: '1.00',
    });
    expect(await read(run.feed, itemIdOf(4711))).toBeNull();
    expect(await read(run.feed, itemIdOf('no number'))).toBeNull();
    expect(await run.feed.readStanding(userIdOf(ann))).toEqual({
      mayConnect: true,
      suspendedUntilMs: null,
    });
    expect(await run.feed.readStanding(userIdOf(4711))).toBeNull();
    const untilMs = Math.floor(Date.now() / 1000) * 1000 + HOUR_MS;
    await lab.portal.setUserStatus(ann, 'suspended', untilMs);
    await run.untilEvents(1);
    expect(await run.feed.readStanding(userIdOf(ann))).toEqual({
      mayConnect: false,
      suspendedUntilMs: untilMs,
    });
    expect(run.feed.isFresh()).toBe(true);
    expect(run.feed.feedState().state).toBe('streaming');
    await run.stop();
    expect(run.states.map(({ state }) => state)).toEqual(['starting', 'streaming', 'stopped']);
    expect(run.feed.isFresh()).toBe(false);
  });
});

function read(feed: Feed, itemId: ItemId): Promise<AuctionView | null> {
  return feed.withItems([itemId], (find) => find(itemId));
}
