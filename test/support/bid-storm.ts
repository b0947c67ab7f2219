/**
 * Many writers bidding at once, with a ledger of what was committed: the truth that clients are compared with.
 *
 * Every bid goes through one transaction that locks its item first, so that the ledger's order per item is the order of
 * commits. Some transactions are rolled back; their amounts are remembered as poison that must never be seen.
 */
import type { Pool } from 'mysql2/promise';
import type { ResultSetHeader, RowDataPacket } from 'mysql2';

export interface StormOptions {
  readonly pool: Pool;
  readonly itemIds: readonly number[];
  readonly bidderIds: readonly number[];
  readonly bids: number;
  readonly writers: number;
  /** One in so many transactions is rolled back after its writes; 0 for none. */
  readonly rollbackEvery: number;
  /** One in so many bids comes with a second one, in the same transaction. */
  readonly doubleEvery?: number;
}

export interface CommittedBid {
  readonly bidId: number;
  readonly itemId: number;
  readonly bidderId: number;
  /** Exactly as written, for example `12.50`. */
  readonly amount: string;
}

export interface Ledger {
  /** Per item, in commit order. */
  readonly committed: ReadonlyMap<number, readonly CommittedBid[]>;
  /** Ids of bids that were inserted and rolled back. */
  readonly rolledBack: ReadonlySet<number>;
}

/** Writes `bids` committed bids and returns the ledger. */
export async function bidStorm(options: StormOptions): Promise<Ledger> {
  const committed = new Map<number, CommittedBid[]>(options.itemIds.map((id) => [id, []]));
  const rolledBack = new Set<number>();
  let started = 0;
  let done = 0;

  const writer = async (): Promise<void> => {
    while (done < options.bids) {
      const turn = started++;
      const itemId = options.itemIds[turn % options.itemIds.length];
      const bidderId = options.bidderIds[(turn * 7) % options.bidderIds.length];
      if (itemId === undefined || bidderId === undefined) throw new Error('nobody to bid');
      const rollback = options.rollbackEvery > 0 && turn % options.rollbackEvery === 1;
      const double = options.doubleEvery !== undefined && turn % options.doubleEvery === 2;
      const bids = await bid(options.pool, { itemId, bidderId, count: double ? 2 : 1, rollback });
      if (rollback) {
        for (const { bidId } of bids) rolledBack.add(bidId);
      } else {
        committed.get(itemId)?.push(...bids);
        done += bids.length;
      }
    }
  };
  await Promise.all(Array.from({ length: options.writers }, writer));
  // Two writers may note their commits of one item in the wrong order; the lock gave ids in the right one.
  for (const bids of committed.values()) bids.sort((a, b) => a.bidId - b.bidId);
  return { committed, rolledBack };
}

async function bid(
  pool: Pool,
  what: { itemId: number; bidderId: number; count: number; rollback: boolean },
): Promise<CommittedBid[]> {
  const connection = await pool.getConnection();
  try {
    await connection.beginTransaction();
    const [rows] = await connection.execute<RowDataPacket[]>(
      'SELECT CAST(current_price * 100 AS SIGNED) AS cents FROM items WHERE id = ? FOR UPDATE',
      [what.itemId],
    );
    let cents = Number(rows[0]?.['cents']);
    const bids: CommittedBid[] = [];
    for (let i = 0; i < what.count; i++) {
      cents += 1 + ((what.itemId + cents) % 250);
      const amount = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
      const [inserted] = await connection.execute<ResultSetHeader>(
        'INSERT INTO bids (item_id, bidder_id, amount) VALUES (?, ?, ?)',
        [what.itemId, what.bidderId, amount],
      );
      bids.push({ bidId: inserted.insertId, itemId: what.itemId, bidderId: what.bidderId, amount });
    }
    await connection.execute(
      'UPDATE items SET current_price = ?, highest_bidder_id = ? WHERE id = ?',
      [bids.at(-1)?.amount ?? null, what.bidderId, what.itemId],
    );
    await (what.rollback ? connection.rollback() : connection.commit());
    return bids;
  } finally {
    connection.release();
  }
}
