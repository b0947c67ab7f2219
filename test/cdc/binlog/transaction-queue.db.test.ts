/** Memory: a transaction of 100,000 rows, and a backlog that nobody takes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BinlogTail } from '../../../cdc/binlog/binlog-tail.ts';
import { FLAVOURS, startDatabase } from '../../support/database-server.ts';
import type { DatabaseServer } from '../../support/database-server.ts';
import { settledHeapBytes } from '../support/settled-heap.ts';
import { TailLab } from '../support/tail-lab.ts';

const MIB = 1024 * 1024;
/** Live heap per kept row change that the queue's estimate must cover; see `transaction-queue.ts`. */
const CHANGE_BYTES = 500;

describe.each(FLAVOURS)('%s', (flavour) => {
  let server: DatabaseServer;
  let lab: TailLab;

  beforeAll(async () => {
    server = await startDatabase(flavour);
    lab = await TailLab.create(server);
    const thousand = Array.from(
      { length: 1000 },
      () => `('live', 12.5, '2026-01-01 10:00:00')`,
    ).join();
    for (let at = 0; at < 100; at += 1)
      await lab.run(`INSERT INTO items (status, price, ends_at) VALUES ${thousand}`);
  });
  afterAll(async () => {
    await lab.close();
    await server.stop();
  });

  test('100,000 updated rows in one transaction stay within the bound a change', async () => {
    const from = await lab.position();
    await lab.run('UPDATE items SET price = price + 1');
    const before = await settledHeapBytes();
    const run = lab.tail(from);
    const changes = await run.untilChanges(100_000, 60_000);
    await run.stop();
    const grown = (await settledHeapBytes()) - before;
    expect(changes.at(-1)).toMatchObject({
      kind: 'update',
      index: 99_999,
      after: { currentPrice: '13.50' },
    });
    expect(grown / 100_000).toBeLessThan(CHANGE_BYTES);
  });

  test('100,000 rows that change nothing of ours take no memory', async () => {
    const from = await lab.position();
    await lab.run('UPDATE items SET views = views + 1');
    const before = await settledHeapBytes();
    const run = lab.tail(from);
    await lab.run('INSERT INTO bids (item_id, user_id, amount) VALUES (1, 1, 1)');
    await run.untilChanges(1, 60_000);
    expect(run.tail.counters.rowChanges).toBe(100_001);
    expect((await settledHeapBytes()) - before).toBeLessThan(4 * MIB);
  });

  test('a backlog waits on the server, not here, and comes whole', async () => {
    const from = await lab.position();
    for (let at = 0; at < 2000; at += 1)
      await lab.run(`UPDATE items SET price = price + 1 LIMIT 20`);
    const before = await settledHeapBytes();
    const nothing = (): void => undefined;
    const log = {
      debug: nothing,
      info: nothing,
      warn: nothing,
      error: nothing,
      fatal: nothing,
      child: () => log,
    };
    const tail = new BinlogTail(lab.options({ queueBytesMax: 2 * MIB, heartbeatPeriodMs: 1_500 }), {
      log,
      now: Date.now,
    });
    const abort = new AbortController();
    let taken = 0;
    let most = 0;
    for await (const each of tail.transactions(from, abort.signal)) {
      taken += each.transaction.changes.length;
      if (taken % 4000 === 0) {
        most = Math.max(most, (await settledHeapBytes()) - before);
        // Once longer than the server may be silent.
        await new Promise((resolve) => setTimeout(resolve, taken === 4000 ? 6000 : 350));
      }
      if (taken === 40_000) abort.abort();
    }
    expect(taken).toBe(40_000);
    expect(most).toBeLessThan(10 * MIB);
  });
});
