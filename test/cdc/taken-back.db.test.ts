/** Bids that are deleted or altered on real servers: who leads then, who is told, and what a row image leaves out. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { DomainEvent } from '../../src/auction/domain-event.ts';
import { FLAVOURS, startDatabase } from '../support/database-server.ts';
import type { DatabaseServer } from '../support/database-server.ts';
import type { PortalShape } from '../support/portal-schema.ts';
import { bookOf, FeedLab } from './support/feed-lab.ts';
import type { FeedRun } from './support/feed-lab.ts';

const HOUR_MS = 3_600_000;

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

  /** An auction with bids of 20 (Ann), 30 (Bob) and, where asked for, 25 (Ann, beside the others) in that order. */
  async function bidOn(shape: PortalShape) {
    const lab = await FeedLab.create(server, shape);
    labs.push(lab);
    const { portal } = lab;
    const sellerId = await portal.addUser({ name: 'Sue', role: 'seller' });
    const [ann, bob, cid] = [
      await portal.addUser({ name: 'Ann' }),
      await portal.addUser({ name: 'Bob' }),
      await portal.addUser({ name: 'Cid' }),
    ];
    const endTime = Date.now() + HOUR_MS;
    const item = await portal.addItem({ title: 'one', startingPrice: '10.00', endTime, sellerId });
    const bid = (userId: number, amount: string): Promise<number> =>
      portal.placeBid({ itemId: item, userId, amount, style: 'autocommit' });
    return { lab, portal, item, ann, bob, cid, bid };
  }

  test('the leading bid is deleted: who leads then is known before anything else happens', async () => {
    const { lab, portal, item, ann, bob, cid, bid } = await bidOn('B-bare');
    await bid(ann, '20.00');
    const leading = await bid(bob, '30.00');
    const run = lab.run();
    await run.started;
    await portal.deleteBid(leading);
    await lab.untilBookEqualsTables(run);
    expect([...bookOf(run.feed).values()]).toEqual([`20.00 1 ${ann.toString()}`]);
    await bid(cid, '25.00');
    const events = await run.untilEvents(3);
    expect(events.map(({ type }) => type)).toEqual(['BidRetracted', 'BidPlaced', 'LeaderOutbid']);
    expect(events[2]).toMatchObject(outbid(item, ann, '25.00', '20.00'));
  });

  test('deleted in one transaction with a new bid, and with the end of the auction: nobody is passed over', async () => {
    const { lab, item, ann, bob, cid, bid } = await bidOn('B-bare');
    await bid(ann, '20.00');
    const leading = await bid(bob, '30.00');
    const run = lab.run();
    await run.started;
    const session = await lab.server.connect({ database: lab.database });
    await session.beginTransaction();
    await session.query('DELETE FROM bids WHERE id = ?', [leading]);
    await session.query('INSERT INTO bids (item_id, bidder_id, amount) VALUES (?, ?, 22)', [
      item,
      cid,
    ]);
    await session.commit();
    const events = await run.untilEvents(3);
    expect(events[2]).toMatchObject(outbid(item, ann, '22.00', '20.00'));
    await session.beginTransaction();
    await session.query('DELETE FROM bids WHERE amount = 22');
    await session.query("UPDATE items SET status = 'sold', current_price = 20");
    await session.commit();
    await session.end();
    const ended = (await run.untilEvents(5)).at(-1);
    expect(ended).toMatchObject({ type: 'AuctionEnded', outcome: 'sold', winnerId: String(ann) });
  });

  test('leaders deleted under many bids: each outbid goes to whom the tables then name', async () => {
    const { lab, portal, item, ann, bob, cid, bid } = await bidOn('B-bare');
    const bidders = [ann, bob, cid];
    await bid(ann, '20.00');
    const run = lab.run();
    await run.started;
    let leaders: { userId: number; amount: string; bidId: number }[] = [
      { userId: ann, amount: '20.00', bidId: 1 },
    ];
    const expected: object[] = [];
    for (let turn = 0; turn < 30; turn += 1) {
      const userId = bidders[(turn * 2 + 1) % 3] ?? bob;
      const amount = `${(21 + turn).toString()}.00`;
      const before = leaders.at(-1);
      const bidId = await bid(userId, amount);
      if (before !== undefined && before.userId !== userId) {
        expected.push(outbid(item, before.userId, amount, before.amount));
      }
      leaders.push({ userId, amount, bidId });
      if (turn % 3 !== 2) continue;
      await portal.deleteBid(bidId);
      leaders = leaders.slice(0, -1);
    }
    const events = await run.untilEvents(30 + 10 + expected.length);
    expect(events.filter(({ type }) => type === 'LeaderOutbid')).toMatchObject(expected);
    await lab.untilBookEqualsTables(run);
  });

  describe.each(['A', 'B-bare'] as const)('row image MINIMAL, shape %s', (shape) => {
    test('a bid of late is deleted: its watchers are told, as if the image named the item', async () => {
      const { lab, ann, bob, bid } = await bidOn(shape);
      const run = lab.run();
      await run.started;
      await bid(ann, '20.00');
      const last = await bid(bob, '30.00');
      const before = (await run.untilEvents(3)).length;
      await minimal(lab, `DELETE FROM bids WHERE id = ${last.toString()}`);
      const events = (await run.untilEvents(before + 1)).slice(before);
      expect(events).toMatchObject([{ type: 'BidRetracted', bidId: String(last) }]);
      expect(logged(run, 'bid without item')).toBe(0);
    });

    test('a bid that nobody remembers is deleted: the book is read again at once, and said so', async () => {
      const { lab, ann, bob, cid, bid } = await bidOn(shape);
      const first = await bid(ann, '20.00');
      await bid(bob, '30.00');
      const run = lab.run();
      await run.started;
      await minimal(lab, `DELETE FROM bids WHERE id = ${first.toString()}`);
      await lab.untilBookEqualsTables(run);
      expect(logged(run, 'bid without item')).toBe(1);
      await bid(cid, '31.00');
      const events = await run.untilEvents(2);
      expect(events.map(counted)).toEqual([2, null]);
      expect(run.resets).toEqual([]);
    });
  });

  test('row image MINIMAL: a leading bid that is lowered is found in its table', async () => {
    const { lab, item, ann, bob, cid, bid } = await bidOn('B-bare');
    await bid(ann, '20.00');
    const leading = await bid(bob, '30.00');
    const run = lab.run();
    await run.started;
    await minimal(lab, `UPDATE bids SET amount = 15 WHERE id = ${leading.toString()}`);
    await lab.execute('UPDATE items SET current_price = 20');
    await lab.untilBookEqualsTables(run);
    await bid(cid, '25.00');
    const events = await run.untilEvents(2);
    expect(events[1]).toMatchObject(outbid(item, ann, '25.00', '20.00'));
    expect(logged(run, 'bid without item')).toBe(0);
  });
});

function outbid(item: number, user: number, amount: string, before: string): object {
  const [itemId, userId] = [String(item), String(user)];
  return { type: 'LeaderOutbid', itemId, userId, newBidAmount: amount, yourBidAmount: before };
}

/** Runs a statement in a session that writes its row images so. */
async function minimal(lab: FeedLab, sql: string): Promise<void> {
  const session = await lab.server.connect({ database: lab.database });
  await session.query('SET SESSION binlog_row_image = MINIMAL');
  await session.query(sql);
  await session.end();
}

function logged(run: FeedRun, event: string): number {
  return run.log.filter((line) => line.event === event).length;
}

function counted(event: DomainEvent): number | null {
  return event.type === 'BidPlaced' ? event.bidCount : null;
}
