/**
 * The book is loaded with no gap while the tables change under it: at the end it equals them. Writers insert and delete
 * bids, move prices and leaders, start and end auctions, some in long transactions that straddle the snapshot.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Pool, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { startDatabase } from '../../support/database-server.ts';
import type { DatabaseServer } from '../../support/database-server.ts';
import type { PortalShape } from '../../support/portal-schema.ts';
import { SOURCE_KINDS } from '../../support/source-kinds.ts';
import { until } from '../../support/until.ts';
import { bookOf, FeedLab } from '../support/feed-lab.ts';

const WRITERS = 20;
const ITEMS = 30;
const LOADS = 3;

describe.each(SOURCE_KINDS)('$name', ({ flavour, variables }) => {
  let server: DatabaseServer;
  let lab: FeedLab | null = null;

  beforeAll(async () => {
    server = await startDatabase(flavour, { variables });
  });
  afterEach(async () => {
    await lab?.close();
  });
  afterAll(async () => {
    await server.stop();
  });

  test.each<PortalShape>(['A', 'B-bare'])('shape %s: the book equals the tables', async (shape) => {
    const current = await FeedLab.create(server, shape);
    lab = current;
    await fill(current);
    for (let load = 0; load < LOADS; load += 1) {
      const stopWriters = new AbortController();
      const writers = Array.from({ length: WRITERS }, (_, writer) =>
        write(current.pool, { seed: load * WRITERS + writer, shape, signal: stopWriters.signal }),
      );
      const run = current.run();
      await run.started;
      await run.untilEvents(50);
      stopWriters.abort();
      const written = await Promise.all(writers);
      expect(Math.min(...written)).toBeGreaterThan(0);
      const truth = await current.truth();
      await until(() => difference(bookOf(run.feed), truth) === '', {
        what: () => `the book to equal the tables: ${difference(bookOf(run.feed), truth)}`,
      });
      const ids = run.events().map((event) => event.eventId);
      expect(new Set(ids).size).toBe(ids.length);
      await run.stop();
    }
  });
});

async function fill(lab: FeedLab): Promise<void> {
  for (const name of ['Sue', 'Ann', 'Bob', 'Cid']) await lab.portal.addUser({ name });
  const endTime = Date.now() + 3_600_000;
  for (let item = 0; item < ITEMS; item += 1) {
    await lab.portal.addItem({
      title: `item ${item.toString()}`,
      startingPrice: '1.00',
      endTime,
      sellerId: 1,
    });
  }
}

/** Writes at random until told to stop. @returns how many transactions committed */
async function write(
  pool: Pool,
  options: { readonly seed: number; readonly shape: PortalShape; readonly signal: AbortSignal },
): Promise<number> {
  let state = options.seed + 1;
  const random = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  const leader = options.shape === 'B-bare' ? '' : ', highest_bidder_id = ?';
  const over = options.shape === 'B-bare' ? 'ended' : 'expired';
  let committed = 0;
  const mine: number[] = [];
  while (!options.signal.aborted) {
    const connection = await pool.getConnection();
    const run = (sql: string, values: (string | number)[]) =>
      connection.query<ResultSetHeader>(sql, values);
    try {
      await connection.beginTransaction();
      const item = 1 + random(ITEMS);
      await connection.query<RowDataPacket[]>('SELECT 1 FROM items WHERE id = ? FOR UPDATE', [
        item,
      ]);
      const kind = random(10);
      const added: number[] = [];
      const bidder = 2 + random(3);
      const amount = `${(1 + random(5_000)).toString()}.50`;
      if (kind < 6) {
        const sql = 'INSERT INTO bids (item_id, bidder_id, amount) VALUES (?, ?, ?)';
        const [first] = await run(sql, [item, bidder, amount]);
        added.push(first.insertId);
        const values = leader === '' ? [amount, item] : [amount, bidder, item];
        await run(`UPDATE items SET current_price = ?${leader} WHERE id = ?`, values);
      } else if (kind < 9) {
        const bid = mine.splice(random(Math.max(1, mine.length)), 1)[0];
        if (bid !== undefined) await run('DELETE FROM bids WHERE id = ?', [bid]);
      } else {
        const sql = `UPDATE items SET status = IF(status = 'active', ?, 'active') WHERE id = ?`;
        await run(sql, [over, item]);
      }
      // Long ones are open while a snapshot begins.
      if (random(8) === 0) await connection.query(`SELECT SLEEP(0.05)`);
      await connection.commit();
      mine.push(...added);
      committed += 1;
    } catch (error) {
      await connection.rollback();
      const isDeadlock = error instanceof Error && 'errno' in error && error.errno === 1213;
      if (!isDeadlock) throw error;
    } finally {
      connection.release();
    }
  }
  return committed;
}

function difference(book: ReadonlyMap<string, string>, truth: ReadonlyMap<string, string>): string {
  const ids = new Set([...book.keys(), ...truth.keys()]);
  const lines = [...ids]
    .filter((id) => book.get(id) !== truth.get(id))
    .map((id) => `${id}: book ${book.get(id) ?? 'none'}, table ${truth.get(id) ?? 'none'}`);
  return lines.slice(0, 8).join('; ');
}
