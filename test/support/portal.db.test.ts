import { createPool } from 'mysql2/promise';
import type { Pool, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FLAVOURS, startDatabase } from './database-server.ts';
import type { DatabaseServer, Flavour } from './database-server.ts';
import { createPortalTables, PORTAL_NAMES, PORTAL_SHAPES } from './portal-schema.ts';
import { BidRejected, Portal, SOFT_CLOSE_SECONDS } from './portal.ts';
import type { BidStyle } from './portal.ts';

const HOUR_MS = 3_600_000;
const STYLES: readonly BidStyle[] = ['autocommit', 'transaction'];

interface Row {
  readonly [column: string]: unknown;
}

describe.each(FLAVOURS)('the fixture portal on %s', (flavour: Flavour) => {
  let server: DatabaseServer;

  beforeAll(async () => {
    server = await startDatabase(flavour);
  });

  afterAll(() => server.stop());

  describe.each(PORTAL_SHAPES)('in shape %s', (shape) => {
    const names = PORTAL_NAMES[shape];
    let pool: Pool;
    let portal: Portal;
    let sellerId: number;
    let bidderIds: readonly [number, number];

    beforeAll(async () => {
      const database = `portal_${shape.replace('-', '_').toLowerCase()}`;
      const connection = await server.connect();
      await connection.query(`CREATE DATABASE ${database}`);
      await connection.query(`USE ${database}`);
      await createPortalTables(connection, shape);
      await connection.end();
      const { host, port } = server;
      pool = createPool({ host, port, ...server.admin, database, dateStrings: true });
      portal = new Portal(pool, shape);
      sellerId = await portal.addUser({ name: 'Sam', role: 'seller' });
      bidderIds = [await portal.addUser({ name: 'Bob' }), await portal.addUser({ name: 'Carol' })];
    });

    afterAll(() => pool.end());

    const addItem = (options: { endInMs?: number; reservePrice?: string } = {}): Promise<number> =>
      portal.addItem({
        title: 'Clock',
        startingPrice: '10.00',
        endTime: Date.now() + (options.endInMs ?? HOUR_MS),
        sellerId,
        ...(options.reservePrice !== undefined && { reservePrice: options.reservePrice }),
      });

    const rows = async (sql: string, values: readonly (number | string)[]): Promise<Row[]> => {
      const [found] = await pool.query<RowDataPacket[]>(sql, [...values]);
      return found;
    };

    const item = async (itemId: number): Promise<Row> => {
      const columns = `*, CAST(UNIX_TIMESTAMP(end_time) AS SIGNED) AS end_seconds`;
      const found = await rows(`SELECT ${columns} FROM items WHERE ${names.itemKey} = ?`, [itemId]);
      return found[0] ?? {};
    };

    const bids = (itemId: number): Promise<Row[]> =>
      rows(`SELECT * FROM bids WHERE item_id = ? ORDER BY ${names.bidKey}`, [itemId]);

    test.each(STYLES)('a bid moves price and leader (%s)', async (style) => {
      const itemId = await addItem();
      const bidId = await portal.placeBid({ itemId, userId: bidderIds[0], amount: '12.50', style });
      await portal.placeBid({ itemId, userId: bidderIds[1], amount: '15.00', style });
      expect(await bids(itemId)).toMatchObject([
        { [names.bidKey]: bidId, bidder_id: bidderIds[0], amount: '12.50' },
        { bidder_id: bidderIds[1], amount: '15.00' },
      ]);
      const after = await item(itemId);
      expect(after['current_price']).toBe('15.00');
      if (names.hasHighestBidder) expect(after['highest_bidder_id']).toBe(bidderIds[1]);
      if (names.hasProxyBids) expect(after['bid_count']).toBe(2);
    });

    test.each(STYLES)('rejects bids that the API rejects (%s)', async (style) => {
      const userId = bidderIds[0];
      const itemId = await addItem();
      const endedId = await addItem({ endInMs: -HOUR_MS });
      const bid = { userId, amount: '10.00', style };
      await expect(portal.placeBid({ ...bid, itemId })).rejects.toThrow(new BidRejected('too_low'));
      await expect(portal.placeBid({ ...bid, itemId: endedId })).rejects.toThrow(
        new BidRejected('past_end'),
      );
      await portal.cancel(itemId);
      await expect(portal.placeBid({ ...bid, itemId })).rejects.toThrow(
        new BidRejected('not_active'),
      );
      await expect(portal.placeBid({ ...bid, itemId: 999_999 })).rejects.toThrow(
        new BidRejected('unknown_item'),
      );
      expect(await bids(itemId)).toEqual([]);
    });

    test.each(STYLES)('a late bid moves the end (%s)', async (style) => {
      const itemId = await addItem({ endInMs: 60_000 });
      const before = Number((await item(itemId))['end_seconds']);
      await portal.placeBid({ itemId, userId: bidderIds[0], amount: '11.00', style });
      expect((await item(itemId))['end_seconds']).toBe(before + SOFT_CLOSE_SECONDS);
    });

    const reserveStyles = names.hasReserve ? STYLES : [];
    test.each(reserveStyles)('a bid meets the reserve (%s)', async (style) => {
      const itemId = await addItem({ reservePrice: '20.00' });
      await portal.placeBid({ itemId, userId: bidderIds[0], amount: '19.99', style });
      expect((await item(itemId))['reserve_met']).toBe(0);
      await portal.placeBid({ itemId, userId: bidderIds[1], amount: '20.00', style });
      expect((await item(itemId))['reserve_met']).toBe(1);
    });

    test('concurrent bidders leave whole bids and the highest price', async () => {
      const itemId = await addItem();
      const amounts = Array.from({ length: 12 }, (_, index) => (11 + index).toFixed(2));
      const placed = await Promise.allSettled(
        amounts.map((amount, index) =>
          portal.placeBid({
            itemId,
            userId: index % 2 === 0 ? bidderIds[0] : bidderIds[1],
            amount,
            style: 'transaction',
          }),
        ),
      );
      const accepted = placed.filter(({ status }) => status === 'fulfilled');
      expect(await bids(itemId)).toHaveLength(accepted.length);
      expect((await item(itemId))['current_price']).toBe('22.00');
    });

    test('the cron job completes what is past its end and nothing else', async () => {
      const openId = await addItem();
      const wonId = await addItem();
      const unsoldId = await addItem();
      await portal.placeBid({
        itemId: wonId,
        userId: bidderIds[0],
        amount: '11.00',
        style: 'autocommit',
      });
      for (const itemId of [wonId, unsoldId]) {
        await portal.moveEndTime(itemId, Date.now() - 5000);
      }
      const completed = await portal.complete();
      expect(completed).toContainEqual({ itemId: wonId, status: names.words.won });
      expect(completed).toContainEqual({ itemId: unsoldId, status: names.words.withoutBids });
      expect((await item(wonId))['status']).toBe(names.words.won);
      expect((await item(unsoldId))['status']).toBe(names.words.withoutBids);
      expect((await item(openId))['status']).toBe('active');
    });

    test('deleting bids lowers the price and gives the lead back', async () => {
      const itemId = await addItem();
      const bid = { itemId, style: 'autocommit' } as const;
      const first = await portal.placeBid({ ...bid, userId: bidderIds[0], amount: '11.00' });
      const second = await portal.placeBid({ ...bid, userId: bidderIds[1], amount: '12.00' });
      await portal.deleteBid(second);
      const after = await item(itemId);
      expect(after['current_price']).toBe('11.00');
      if (names.hasHighestBidder) expect(after['highest_bidder_id']).toBe(bidderIds[0]);
      await portal.deleteBid(first);
      expect((await item(itemId))['current_price']).toBe('10.00');
      await portal.deleteItem(itemId);
      expect(await item(itemId)).toEqual({});
    });

    test('admins rename and suspend users; users watch items', async () => {
      const itemId = await addItem();
      const userId = await portal.addUser({ name: 'Dan' });
      await portal.renameUser(userId, 'Daniel');
      await portal.setUserStatus(userId, 'suspended', Date.now() + HOUR_MS);
      const users = `SELECT name, status FROM users WHERE ${names.userKey} = ?`;
      expect(await rows(users, [userId])).toEqual([{ name: 'Daniel', status: 'suspended' }]);
      const watchlist = 'SELECT item_id FROM watchlist WHERE user_id = ?';
      await portal.watch(userId, itemId);
      expect(await rows(watchlist, [userId])).toEqual([{ item_id: itemId }]);
      await portal.unwatch(userId, itemId);
      expect(await rows(watchlist, [userId])).toEqual([]);
    });
  });
});
