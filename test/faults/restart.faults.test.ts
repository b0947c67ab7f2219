/**
 * Our own process is killed (SIGKILL) again and again at random, under load and inside transactions, while clients come
 * back with `since`: each of them is told everything, in order, and never that something could not be recovered.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { FLAVOURS } from '../support/database-server.ts';
import { until } from '../support/until.ts';
import type { BidEntry } from './ledger.ts';
import { runScenario, type Rig } from './rig.ts';
import { byHand } from './suite.ts';

const KILLS = byHand ? 50 : 4;
/** After a start, milliseconds: a kill comes at random within. */
const KILLED_WITHIN_MS = 1_500;
/** Rounds of a transaction over four tables, long enough to be killed in the middle of: five rows each. */
const ROUNDS = 60;

describe.each(FLAVOURS)('on %s', (flavour) => {
  test('every client is told all of it, in order, and all is recovered', async () => {
    const name = `kill -9 of Gavelcast, ${KILLS.toString()} times`;
    // Longer than any restart takes, and no longer: it is read again at each of them.
    const env = { HISTORY_MINUTES: '3' };
    await runScenario({ name, flavour, env, expects: 'delivered' }, async (rig) => {
      const enough = new AbortController();
      const writing = writeGreatTransactions(rig, enough.signal);
      try {
        const waits: number[] = [];
        for (let kill = 0; kill < KILLS; kill += 1) {
          // Sometimes before anybody was back.
          if (kill % 4 !== 3) await everyoneIsBack(rig);
          const waitMs = Math.floor(Math.random() * KILLED_WITHIN_MS);
          waits.push(waitMs);
          await pause(waitMs);
          await rig.killGavelcast();
        }
        rig.cured();
        await everyoneIsBack(rig);
        const unrecovered = rig.subscribers.flatMap((subscriber) =>
          rig.load.ledger.itemIds.flatMap((itemId) =>
            subscriber.told(itemId).filter((it) => it.kind === 'state' && it.reason === 'missed'),
          ),
        );
        expect(unrecovered, `waits ${waits.join(' ')}; ${rig.logTail}`).toEqual([]);
      } finally {
        enough.abort();
        await writing;
      }
    });
  });
});

async function everyoneIsBack(rig: Rig): Promise<void> {
  await until(() => rig.subscribers.every((subscriber) => subscriber.isConnected), {
    withinMs: 60_000,
    what: 'all clients to be back',
  });
}

/** Transactions of some 300 rows in four tables, with bids on a watched auction among them. */
async function writeGreatTransactions(rig: Rig, signal: AbortSignal): Promise<void> {
  const session = await rig.session();
  const [itemId] = rig.load.spareIds;
  if (itemId === undefined) throw new Error('no spare item');
  for (let turn = 0; !signal.aborted; turn += 1) {
    const bids: BidEntry[] = [];
    await session.beginTransaction();
    for (let round = 0; round < ROUNDS; round += 1) {
      const userId = rig.load.bidderOf(round);
      const name = `Bob ${turn.toString()}.${round.toString()}`;
      await session.query(`INSERT INTO events (type) VALUES ('great'), ('great')`);
      await session.query('UPDATE users SET name = ? WHERE id = ?', [name, userId]);
      if (round % 10 !== 0) continue;
      const bid = rig.load.newBid(itemId);
      await session.query('INSERT INTO bids (id, item_id, bidder_id, amount) VALUES (?, ?, ?, ?)', [
        bid.bidId,
        itemId,
        userId,
        bid.amount,
      ]);
      await session.query('UPDATE items SET current_price = ? WHERE id = ?', [bid.amount, itemId]);
      bids.push(bid);
    }
    await session.commit();
    rig.load.noteCommitted(itemId, ...bids);
    await pause(100);
  }
}
