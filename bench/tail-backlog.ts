/**
 * A backlog of bids in a private server's binlog: transactions of one row each, a bid and its item's new price by turns,
 * as an API that commits each statement writes them. Written by the server itself, as fast as it can.
 */
import type { RowDataPacket } from 'mysql2';

import { setStage, type Stage } from '../test/support/stage.ts';
import type { Flavour } from '../test/support/database-server.ts';

export interface Backlog {
  readonly stage: Stage;
  readonly from: { readonly file: string; readonly offset: number };
  readonly until: { readonly file: string; readonly offset: number };
  readonly transactions: number;
  /** Of the binlog between the two. */
  readonly bytes: number;
}

const ITEMS = 500;
const USERS = 50;

/** One binlog file holds it all, so that positions can be subtracted. */
const VARIABLES = { max_binlog_size: '1073741824' };

/** Starts a server and writes the backlog. The caller stops the stage. */
export async function writeBacklog(flavour: Flavour, transactions: number): Promise<Backlog> {
  const stage = await setStage(flavour, { variables: VARIABLES });
  const { portal, pool } = stage;
  const seller = await portal.addUser({ name: 'Seller', role: 'seller' });
  for (let user = 1; user < USERS; user += 1) await portal.addUser({ name: `Bidder ${user}` });
  const row = `('Lot', 'A lot', 1, 1, '2037-01-01 00:00:00', ${seller}, 'active')`;
  const rows = Array.from({ length: ITEMS }, () => row).join(', ');
  await pool.query(
    `INSERT INTO items (title, description, starting_price, current_price, end_time, seller_id, status) VALUES ${rows}`,
  );
  await pool.query(`CREATE PROCEDURE write_backlog(turns INT) BEGIN
    DECLARE turn INT DEFAULT 0;
    WHILE turn < turns DO
      INSERT INTO bids (item_id, bidder_id, amount)
        VALUES (1 + turn % ${ITEMS}, 1 + turn % ${USERS}, 2 + turn / 100);
      UPDATE items SET current_price = 2 + turn / 100, highest_bidder_id = 1 + turn % ${USERS}
        WHERE id = 1 + turn % ${ITEMS};
      SET turn = turn + 1;
    END WHILE;
  END`);
  await pool.query('FLUSH BINARY LOGS');
  const from = await binlogEnd(stage);
  await pool.query('CALL write_backlog(?)', [Math.ceil(transactions / 2)]);
  const until = await binlogEnd(stage);
  if (from.file !== until.file) {
    throw new Error('the backlog does not fit into one binlog file: say fewer --transactions');
  }
  return { stage, from, until, transactions, bytes: until.offset - from.offset };
}

async function binlogEnd({ pool, server }: Stage): Promise<Backlog['from']> {
  const sql = server.flavour === 'mysql' ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS';
  const [rows] = await pool.query<RowDataPacket[]>(sql);
  return { file: String(rows[0]?.['File']), offset: Number(rows[0]?.['Position']) };
}
