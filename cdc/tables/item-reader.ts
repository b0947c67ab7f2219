/**
 * Auctions by id from the tables, for items that are not in the book or whose entry went stale.
 *
 * What is read is the state of now, and the stream may be behind it: bids that are still on their way are in the count
 * already. So each entry carries the ids of its newest bids (`countedBids`), and `translate` does not count those again.
 */
import { compareBidIds } from '../../src/auction/bid-rows.ts';
import type { Auction, LeadingBid } from '../../src/auction/book.ts';
import type { BidId, ItemId } from '../../src/auction/ids.ts';
import { compareMoney } from '../../src/auction/money.ts';
import { quoted } from '../source/database-pool.ts';
import type { DatabasePool, Queryable, Row } from '../source/database-pool.ts';
import type { RowReader } from './row-reader.ts';

/** Newest bids of an item whose ids are kept: how many bids behind the stream may be without counting one twice. */
export const COUNTED_BIDS_MAX = 200;
/** Items in one SELECT; UNIONs of one SELECT an item stay well below the servers' limits. */
const BATCH_MAX = 50;

export interface ReadOptions {
  /** Newest bid that the stream has delivered, where keys are integers: later ones leave the lead to the stream. */
  readonly newestStreamed?: BidId | null;
}

/** Reads from the pool, each batch in one consistent view. @throws AppError */
export async function readItems(
  pool: DatabasePool,
  rows: RowReader,
  itemIds: readonly ItemId[],
  options: ReadOptions = {},
): Promise<Map<ItemId, Auction>> {
  const found = new Map<ItemId, Auction>();
  for (const batch of batches(itemIds)) {
    await pool.use(async (session) => {
      await session.query('START TRANSACTION READ ONLY');
      await readBatch({ session, rows, found, options }, batch);
      await session.query('COMMIT');
    });
  }
  return found;
}

/** Reads from a session whose transaction is open already: what that transaction sees, and no ids of counted bids. */
export async function readItemsSeenBy(
  session: Queryable,
  rows: RowReader,
  itemIds: readonly ItemId[],
): Promise<Map<ItemId, Auction>> {
  const found = new Map<ItemId, Auction>();
  for (const batch of batches(itemIds)) {
    await readBatch({ session, rows, found, options: {} }, batch);
  }
  for (const auction of found.values()) auction.countedBids = null;
  return found;
}

interface Reading {
  readonly session: Queryable;
  readonly rows: RowReader;
  readonly found: Map<ItemId, Auction>;
  readonly options: ReadOptions;
}

async function readBatch(reading: Reading, itemIds: readonly ItemId[]): Promise<void> {
  const { session, rows, found } = reading;
  const { items } = rows.mapping;
  const asked = rows.keys(items.columns.itemId, itemIds);
  if (asked.length === 0) return;
  const itemRows = await session.query(
    `SELECT ${rows.itemColumns()} FROM ${rows.tableName(items)}` +
      ` WHERE ${quoted(items.columns.itemId.name)} IN (?)`,
    [asked],
  );
  const read: Auction[] = [];
  for (const row of itemRows) {
    const auction = rows.auction(row);
    found.set(auction.itemId, auction);
    read.push(auction);
  }
  if (read.length === 0) return;
  await countBids(reading, read);
  await noteNewestBids(reading, read);
  if (!rows.schema.leaderColumn) await findLeaders(reading, read);
}

async function countBids(
  { session, rows, found }: Reading,
  read: readonly Auction[],
): Promise<void> {
  const { bids } = rows.mapping;
  const itemId = quoted(bids.columns.itemId.name);
  const counts = await session.query(
    `SELECT ${itemId}, COUNT(*) FROM ${rows.tableName(bids)} WHERE ${itemId} IN (?) GROUP BY ${itemId}`,
    [read.map((auction) => auction.itemId)],
  );
  for (const row of counts) {
    const auction = found.get(rows.itemId(row[0]));
    if (auction !== undefined) auction.bidCount = Number(row[1]);
  }
}

async function noteNewestBids(
  { session, rows, found }: Reading,
  read: readonly Auction[],
): Promise<void> {
  const { bidId, itemId } = names(rows);
  const newest = await session.query(
    union(
      read,
      `SELECT ${itemId}, ${bidId} FROM ${rows.tableName(rows.mapping.bids)} WHERE ${itemId} = ?` +
        ` ORDER BY ${bidId} DESC LIMIT ${COUNTED_BIDS_MAX.toString()}`,
    ),
    read.map((auction) => auction.itemId),
  );
  for (const row of newest) {
    const auction = found.get(rows.itemId(row[0]));
    if (auction === undefined) continue;
    auction.countedBids ??= new Set();
    auction.countedBids.add(rows.bidId(row[1]));
  }
}

async function findLeaders(
  { session, rows, found, options }: Reading,
  read: readonly Auction[],
): Promise<void> {
  const { bidId, itemId, bidderId, amount } = names(rows);
  const newest = options.newestStreamed ?? null;
  const upTo = newest === null ? '' : ` AND ${bidId} <= ?`;
  const leaders = await session.query(
    union(
      read,
      `SELECT ${itemId}, ${bidId}, ${bidderId}, ${amount} FROM ${rows.tableName(rows.mapping.bids)}` +
        ` WHERE ${itemId} = ?${upTo} ORDER BY ${amount} DESC, ${bidId} LIMIT 1`,
    ),
    read.flatMap((auction) => (newest === null ? [auction.itemId] : [auction.itemId, newest])),
  );
  for (const row of leaders) {
    const auction = found.get(rows.itemId(row[0]));
    if (auction !== undefined) setLeader(rows, auction, row);
  }
}

/**
 * Who would lead each item if these bids, and those newer than `newest`, had never been, as a session's transaction sees
 * it; null where nobody would. Empty where the schema has a leader column.
 */
export async function readLeadersWithout(
  session: Queryable,
  rows: RowReader,
  bids: ReadonlyMap<ItemId, ReadonlySet<BidId>>,
  newest: BidId | null = null,
): Promise<Map<ItemId, LeadingBid | null>> {
  const leaders = new Map<ItemId, LeadingBid | null>();
  if (rows.schema.leaderColumn) return leaders;
  const { bidId, itemId, bidderId, amount } = names(rows);
  const upTo = newest === null ? '' : ` AND ${bidId} <= ?`;
  for (const batch of batches([...bids.keys()])) {
    // Of so many bids one at least is not left out.
    const limits = batch.map((id) => (bids.get(id)?.size ?? 0) + 1);
    const best = await session.query(
      limits
        .map(
          (limit) =>
            `(SELECT ${itemId}, ${bidId}, ${bidderId}, ${amount}` +
            ` FROM ${rows.tableName(rows.mapping.bids)} WHERE ${itemId} = ?${upTo}` +
            ` ORDER BY ${amount} DESC, ${bidId} LIMIT ${limit.toString()})`,
        )
        .join(' UNION ALL '),
      newest === null ? batch : batch.flatMap((id) => [id, newest]),
    );
    for (const id of batch) leaders.set(id, null);
    for (const row of best) {
      const bid = bidOf(rows, row);
      const id = rows.itemId(row[0]);
      if (bid === null || bids.get(id)?.has(bid.bidId) !== false) continue;
      const known = leaders.get(id) ?? null;
      if (known === null || isBetter(bid, known)) leaders.set(id, bid);
    }
  }
  return leaders;
}

/** The union of ordered SELECTs promises no order. */
function isBetter(bid: LeadingBid, other: LeadingBid): boolean {
  const byAmount = compareMoney(bid.amount, other.amount);
  return byAmount > 0 || (byAmount === 0 && compareBidIds(bid.bidId, other.bidId) < 0);
}

function bidOf(rows: RowReader, row: Row): LeadingBid | null {
  const amount = rows.money(rows.mapping.bids.columns.amount, row[3]);
  if (amount === null) return null;
  return { bidId: rows.bidId(row[1]), bidderId: rows.userId(row[2]), amount };
}

/** Makes the bid of a row (item, bid, bidder, amount) the leading one. */
export function setLeader(rows: RowReader, auction: Auction, row: Row): void {
  auction.leadingBidId = rows.bidId(row[1]);
  auction.leaderId = rows.userId(row[2]);
  auction.leadingAmount = rows.money(rows.mapping.bids.columns.amount, row[3]);
}

function names(rows: RowReader) {
  const { columns } = rows.mapping.bids;
  return {
    bidId: quoted(columns.bidId.name),
    itemId: quoted(columns.itemId.name),
    bidderId: quoted(columns.bidderId.name),
    amount: quoted(columns.amount.name),
  };
}

function union(read: readonly Auction[], select: string): string {
  return read.map(() => `(${select})`).join(' UNION ALL ');
}

function* batches(itemIds: readonly ItemId[]): Generator<readonly ItemId[]> {
  const unique = [...new Set(itemIds)];
  for (let at = 0; at < unique.length; at += BATCH_MAX) yield unique.slice(at, at + BATCH_MAX);
}
