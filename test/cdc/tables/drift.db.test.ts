/** The book is compared with the tables: what was written past the binlog is found, and what is in flight is no alarm. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { itemIdOf } from '../../../src/auction/ids.ts';
import { bidStorm } from '../../support/bid-storm.ts';
import { FLAVOURS, startDatabase } from '../../support/database-server.ts';
import type { DatabaseServer } from '../../support/database-server.ts';
import { PORTAL_NAMES } from '../../support/portal-schema.ts';
import type { PortalShape } from '../../support/portal-schema.ts';
import { until } from '../../support/until.ts';
import { bookOf, FeedLab } from '../support/feed-lab.ts';
import type { FeedRun } from '../support/feed-lab.ts';

const HOUR_MS = 3_600_000;
const OFTEN = { driftEveryMs: 200, driftConfirmAfterMs: 300 };

/** Ids and fields of every drift that was logged. */
function drifts(run: FeedRun): { itemId: string; fields: string[] }[] {
  return run.log
    .filter((line) => line.event === 'book drift')
    .flatMap((line) => line.fields['items'] as { itemId: string; fields: string[] }[]);
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

  async function market(shape: PortalShape, lots: number) {
    const lab = await FeedLab.create(server, shape);
    labs.push(lab);
    const users = [
      await lab.portal.addUser({ name: 'Ann' }),
      await lab.portal.addUser({ name: 'Bob' }),
    ];
    const itemIds: number[] = [];
    for (let lot = 0; lot < lots; lot += 1) {
      itemIds.push(
        await lab.portal.addItem({
          title: 'lot',
          startingPrice: '1.00',
          endTime: Date.now() + HOUR_MS,
          sellerId: users[0] ?? 0,
        }),
      );
    }
    return { lab, users, itemIds };
  }

  /** Runs statements in a session that keeps them out of the binlog. */
  async function unlogged(lab: FeedLab, statements: readonly string[]): Promise<void> {
    const sql = await server.connect({ database: lab.database });
    try {
      await sql.query('SET SESSION sql_log_bin = 0, SESSION foreign_key_checks = 0');
      for (const statement of statements) await sql.query(statement);
    } finally {
      await sql.end();
    }
  }

  test.each(['A', 'B-bare'] as const)(
    'shape %s: each kind of write past the binlog is found, named once per comparison, and the book is left alone',
    async (shape) => {
      const { lab, users, itemIds } = await market(shape, 6);
      const { itemKey, hasHighestBidder } = PORTAL_NAMES[shape];
      const [price = 0, hidden = 0, ended = 0, moved = 0, deleted = 0, fine = 0] = itemIds;
      const run = lab.run(OFTEN);
      await run.started;
      const before = bookOf(run.feed);
      const values = `1.00, '2031-01-01 00:00:00', ${String(users[0])}, 'active'`;
      await unlogged(lab, [
        `UPDATE items SET current_price = 77 WHERE ${itemKey} = ${price.toString()}`,
        `INSERT INTO bids (item_id, bidder_id, amount) VALUES (${hidden.toString()}, ${String(users[1])}, 5)`,
        `UPDATE items SET status = '${PORTAL_NAMES[shape].words.won}' WHERE ${itemKey} = ${ended.toString()}`,
        `UPDATE items SET end_time = end_time + INTERVAL 1 DAY WHERE ${itemKey} = ${moved.toString()}`,
        `DELETE FROM items WHERE ${itemKey} = ${deleted.toString()}`,
        `INSERT INTO items (${itemKey}, title, description, starting_price, current_price, end_time, seller_id, status)
         VALUES (900, 'new', '', 1.00, ${values})`,
      ]);
      const drifted = (): number => new Set(drifts(run).map(({ itemId }) => itemId)).size;
      await until(() => drifted() >= 6, { withinMs: 40_000, what: 'six drifts' });
      const found = new Map(drifts(run).map(({ itemId, fields }) => [itemId, fields]));
      expect(found).toEqual(
        new Map([
          [price.toString(), ['currentPrice']],
          [hidden.toString(), expect.arrayContaining(['bidCount'])],
          [ended.toString(), ['status']],
          [moved.toString(), ['endTime']],
          [deleted.toString(), ['status']],
          ['900', ['status']],
        ]),
      );
      expect(found.get(hidden.toString())).toEqual(
        hasHighestBidder ? ['bidCount'] : ['bidCount', 'leadingAmount'],
      );
      expect(found.has(fine.toString())).toBe(false);
      expect(bookOf(run.feed)).toEqual(before);
      expect(run.feed.book.get(itemIdOf('900'))).toBeUndefined();
      expect(run.feed.counters()).toMatchObject({ driftedAuctions: expect.any(Number) as number });
      expect(run.feed.counters().driftedAuctions).toBeGreaterThanOrEqual(6);
      expect(run.log.find((line) => line.event === 'book drift')?.level).toBe('error');
      expect(JSON.stringify(run.log)).not.toContain('77.00');
    },
  );

  test('no false alarm while hundreds of bids a second are in flight', async () => {
    const { lab, users, itemIds } = await market('A', 12);
    const run = lab.run({ driftEveryMs: 50, driftConfirmAfterMs: 100 });
    await run.started;
    await bidStorm({
      pool: lab.pool,
      itemIds,
      bidderIds: users,
      bids: 2_000,
      writers: 4,
      rollbackEvery: 10,
      doubleEvery: 7,
    });
    const { driftChecks } = run.feed.counters();
    expect(driftChecks).toBeGreaterThan(0);
    // Comparisons of the settled book as well: none may have a tail of suspicion.
    await until(() => run.feed.counters().driftChecks >= driftChecks + 3, { withinMs: 20_000 });
    expect(drifts(run)).toEqual([]);
    expect(run.feed.counters().driftedAuctions).toBe(0);
    expect(bookOf(run.feed)).toEqual(await lab.truth());
  });

  test('a table of more rows than one step takes is walked to its end', async () => {
    const { lab, users } = await market('A', 1);
    const row = `('x', '', 1, 1, '2031-01-01 00:00:00', ${String(users[0])}, 'expired')`;
    const rows = Array.from({ length: 4_500 }, () => row).join(', ');
    await lab.execute(
      `INSERT INTO items (title, description, starting_price, current_price, end_time, seller_id, status) VALUES ${rows}`,
    );
    const run = lab.run(OFTEN);
    await run.started;
    const [last] = await lab.rows('SELECT MAX(id) AS id FROM items');
    const id = String(last?.['id']);
    await unlogged(lab, [`UPDATE items SET status = 'active' WHERE id = ${id}`]);
    await until(() => drifts(run).length > 0, { withinMs: 20_000, what: 'the drift' });
    expect(drifts(run)[0]).toEqual({ itemId: id, fields: ['status'] });
  });

  test('an auction that nobody completes is told once, and no more once it is completed', async () => {
    const { lab, itemIds } = await market('A', 3);
    const [first = 0, second = 0] = itemIds;
    await lab.portal.moveEndTime(first, Date.now() - 60_000);
    const run = lab.run({ overdueAfterMs: 1_000, driftEveryMs: 0 });
    await run.started;
    const overdue = (): unknown[][] =>
      run.log
        .filter((line) => line.event === 'auction overdue')
        .map((line) => line.fields['items'] as unknown[]);
    await until(() => overdue().length === 1, { what: 'the one that was late at the start' });
    await lab.portal.moveEndTime(second, Date.now() + 1_000);
    await until(() => overdue().length === 2, { what: 'the one that became late' });
    expect(overdue()).toEqual([[first.toString()], [second.toString()]]);
    expect(run.feed.counters()).toMatchObject({ overdueAuctions: 2, overdueNow: 2 });
    await lab.portal.complete();
    await until(() => run.feed.counters().overdueNow === 0, { what: 'completion to be noticed' });
    expect(overdue()).toHaveLength(2);
    expect(run.feed.counters().driftChecks).toBe(0);
  });
});
