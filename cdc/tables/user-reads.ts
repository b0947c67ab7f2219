/**
 * What the tables say of one user: his watchlist, and his bids on live auctions. Each is one bounded SELECT.
 */
import type { ItemId, UserId } from '../../src/auction/ids.ts';
import type { OwnBid } from '../../src/ports.ts';
import { quoted } from '../source/database-pool.ts';
import type { Queryable } from '../source/database-pool.ts';
import type { RowReader } from './row-reader.ts';

interface Asked {
  readonly database: Queryable;
  readonly rows: RowReader;
  readonly userId: UserId;
  /** Most rows read. */
  readonly max: number;
}

/** Items on the watchlist that exist, live ones first, then the newest. Empty where no such table is mapped. @throws AppError */
export async function readWatchlist(asked: Asked): Promise<readonly ItemId[]> {
  const { database, rows, userId, max } = asked;
  const { items, watchlist } = rows.mapping;
  if (watchlist === null) return [];
  const [user] = rows.keys(watchlist.columns.userId, [userId]);
  if (user === undefined) return [];
  const itemId = `i.${quoted(items.columns.itemId.name)}`;
  const found = await database.query(
    `SELECT ${itemId} FROM ${rows.tableName(watchlist)} w JOIN ${rows.tableName(items)} i` +
      ` ON ${itemId} = w.${quoted(watchlist.columns.itemId.name)}` +
      ` WHERE w.${quoted(watchlist.columns.userId.name)} = ?` +
      ` ORDER BY i.${quoted(items.columns.status.name)} IN (?) DESC, ${itemId} DESC LIMIT ${max.toString()}`,
    [user, rows.activeWords()],
  );
  // A table without a unique key may hold a row twice.
  return [...new Set(found.map((row) => rows.itemId(row[0])))];
}

/** The user's highest bid on each live auction he has bid on, those that end first first. @throws AppError */
export async function readOwnBids(asked: Asked): Promise<readonly OwnBid[]> {
  const { database, rows, userId, max } = asked;
  const { items, bids } = rows.mapping;
  const [user] = rows.keys(bids.columns.bidderId, [userId]);
  if (user === undefined) return [];
  const itemId = `b.${quoted(bids.columns.itemId.name)}`;
  const amount = bids.columns.amount;
  const found = await database.query(
    `SELECT ${itemId}, MAX(b.${quoted(amount.name)}) FROM ${rows.tableName(bids)} b` +
      ` JOIN ${rows.tableName(items)} i ON i.${quoted(items.columns.itemId.name)} = ${itemId}` +
      ` WHERE b.${quoted(bids.columns.bidderId.name)} = ? AND i.${quoted(items.columns.status.name)} IN (?)` +
      ` GROUP BY ${itemId} ORDER BY MIN(i.${quoted(items.columns.endTime.name)}) LIMIT ${max.toString()}`,
    [user, rows.activeWords()],
  );
  return found.flatMap((row) => {
    const highest = rows.money(amount, row[1]);
    return highest === null ? [] : [{ itemId: rows.itemId(row[0]), amount: highest }];
  });
}
