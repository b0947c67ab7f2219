/**
 * A portal with very many live auctions, written by the database server itself and left out of its binlog.
 */
import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';

import type { Stage } from '../test/support/stage.ts';
import { thousands } from './report.ts';

const USERS = 1_000;
/** The first rows, which the others are copies of. */
const FIRST_ROWS = 1_000;
/** Rows in one statement: its transaction must fit the server's memory. */
const ROWS_MAX = 100_000;

export interface AuctionCounts {
  readonly auctions: number;
  /** Bids on each of them. */
  readonly bidsEach: number;
}

/** Writes live auctions that end on some second of the coming year, and bids on them. */
export async function writeAuctions(
  { server, source, portal }: Stage,
  { auctions, bidsEach }: AuctionCounts,
): Promise<void> {
  const sellerId = await portal.addUser({ name: 'Sally', role: 'seller' });
  const connection = await server.connect({ database: source.database });
  try {
    await connection.query('SET SESSION sql_log_bin = 0');
    await writeUsers(connection);
    await writeItems(connection, sellerId, auctions);
    for (let round = 0; round < bidsEach; round += 1) await bidOnEach(connection);
    await connection.query('ANALYZE TABLE items, bids');
  } finally {
    await connection.end();
  }
}

async function writeUsers(connection: Connection): Promise<void> {
  const rows = Array.from(
    { length: USERS },
    (_, at) => `('bidder${at}@example.com', 'x', 'Bidder ${at}', 'buyer')`,
  );
  await connection.query(
    `INSERT INTO users (email, password_hash, name, role) VALUES ${rows.join(', ')}`,
  );
}

async function writeItems(connection: Connection, sellerId: number, total: number): Promise<void> {
  const columns =
    'title, description, starting_price, current_price, end_time, seller_id, highest_bidder_id,' +
    ' status, reserve_price';
  const first = Math.min(FIRST_ROWS, total);
  const row = `('A clock', 'It ticks.', 10, 10, NOW() + INTERVAL 30 DAY, ${sellerId}, NULL, 'active', 15)`;
  const rows = Array.from({ length: first }, () => row).join(', ');
  await connection.query(`INSERT INTO items (${columns}) VALUES ${rows}`);
  const copy =
    `INSERT INTO items (${columns}) SELECT title, description, starting_price,` +
    ' 10 + FLOOR(RAND() * 90000) / 100,' +
    ' NOW() + INTERVAL 1 DAY + INTERVAL FLOOR(RAND() * 31000000) SECOND,' +
    ` seller_id, ${sellerId} + 1 + FLOOR(RAND() * ${USERS}), status, reserve_price FROM items LIMIT ?`;
  for (let written = first; written < total;) {
    const wanted = Math.min(written, ROWS_MAX, total - written);
    const [{ affectedRows }] = await connection.query<ResultSetHeader>(copy, [wanted]);
    written += affectedRows;
    tell(`${thousands(written)} of ${thousands(total)} auctions`);
  }
}

/** One more bid on every item. */
async function bidOnEach(connection: Connection): Promise<void> {
  const [[last]] = await connection.query<RowDataPacket[]>('SELECT MAX(id) AS id FROM items');
  const lastId = Number(last?.['id']);
  for (let from = 0; from < lastId; from += ROWS_MAX) {
    await connection.query(
      'INSERT INTO bids (item_id, bidder_id, amount)' +
        ' SELECT id, COALESCE(highest_bidder_id, seller_id), current_price FROM items' +
        ' WHERE id > ? AND id <= ?',
      [from, from + ROWS_MAX],
    );
    tell(`bids up to item ${thousands(Math.min(from + ROWS_MAX, lastId))} of ${thousands(lastId)}`);
  }
}

/** A million take a while. */
function tell(written: string): void {
  process.stderr.write(`written: ${written}\n`);
}
