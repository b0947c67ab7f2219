/**
 * Child of `latency.ts`: places bids at an even rate, as the PHP API does (one transaction), and reports when each commit
 * was sent and acknowledged, on the monotonic clock that all processes of one machine share.
 */
import { createConnection, type ResultSetHeader } from 'mysql2/promise';

import type { Message } from './pinned-process.ts';

export interface Write extends Message {
  readonly type: 'write';
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly itemId: number;
  readonly bidderIds: readonly number[];
  readonly bids: number;
  readonly bidsPerSecond: number;
}

export interface Written extends Message {
  readonly type: 'written';
  readonly commits: readonly Commit[];
}

export interface Commit {
  readonly bidId: number;
  readonly sentAtMs: number;
  readonly acknowledgedAtMs: number;
}

process.once('message', (start: Write) => {
  void run(start);
});
process.on('disconnect', () => process.exit());

async function run(start: Write): Promise<void> {
  const { host, port, user, password, database } = start;
  const connection = await createConnection({ host, port, user, password, database });
  const commits: Commit[] = [];
  const startedAt = now();
  for (let i = 0; i < start.bids; i++) {
    const dueAt = startedAt + (i * 1000) / start.bidsPerSecond;
    while (now() < dueAt)
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueAt - now())));
    const bidder = start.bidderIds[i % start.bidderIds.length] ?? 0;
    const amount = (20 + i / 100).toFixed(2);
    await connection.beginTransaction();
    await connection.execute('SELECT id FROM items WHERE id = ? FOR UPDATE', [start.itemId]);
    const [inserted] = await connection.execute<ResultSetHeader>(
      'INSERT INTO bids (item_id, bidder_id, amount) VALUES (?, ?, ?)',
      [start.itemId, bidder, amount],
    );
    await connection.execute(
      'UPDATE items SET current_price = ?, highest_bidder_id = ? WHERE id = ?',
      [amount, bidder, start.itemId],
    );
    const sentAtMs = now();
    await connection.commit();
    commits.push({ bidId: inserted.insertId, sentAtMs, acknowledgedAtMs: now() });
  }
  await connection.end();
  const written: Written = { type: 'written', commits };
  process.send?.(written, () => {
    process.disconnect();
  });
}

function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
