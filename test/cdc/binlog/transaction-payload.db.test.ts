/** Compressed transactions of MySQL: the same changes, ids and order as uncompressed ones. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FLAVOURS, startDatabase } from '../../support/database-server.ts';
import type { DatabaseServer } from '../../support/database-server.ts';
import { until } from '../../support/until.ts';
import { TailLab } from '../support/tail-lab.ts';

const CASES = FLAVOURS.filter((flavour) => flavour === 'mysql').flatMap((flavour) => [
  { flavour, metadata: 'MINIMAL', checksum: 'CRC32' },
  { flavour, metadata: 'FULL', checksum: 'NONE' },
]);

describe.each(CASES)(
  'mysql, $metadata metadata, checksum $checksum',
  ({ flavour, metadata, checksum }) => {
    let server: DatabaseServer;
    let lab: TailLab;

    beforeAll(async () => {
      server = await startDatabase(flavour, {
        variables: { binlog_row_metadata: metadata, binlog_checksum: checksum },
      });
      lab = await TailLab.create(server);
    });
    afterEach(async () => {
      await lab.stopRuns();
      await lab.run(
        'SET SESSION binlog_transaction_compression = OFF',
        'DELETE FROM bids',
        'DELETE FROM items',
      );
    });
    afterAll(async () => {
      await lab.close();
      await server.stop();
    });

    async function bids(first: number, count: number): Promise<void> {
      const rows = Array.from(
        { length: count },
        (_, at) => `(${(first + at).toString()}, 1, 1, 2.50, REPEAT('x', 40))`,
      );
      await lab.run(`INSERT INTO bids (id, item_id, user_id, amount, note) VALUES ${rows.join()}`);
    }

    test.each([1, 2, 50, 1000, 30_000])(
      'a payload of %i rows between plain transactions',
      async (count) => {
        const from = await lab.position();
        const run = lab.tail(from);
        await bids(1, 1);
        await lab.run('SET SESSION binlog_transaction_compression = ON');
        await bids(2, count);
        await lab.run(
          'BEGIN',
          'INSERT INTO items (id) VALUES (1)',
          'UPDATE items SET price = 3',
          'COMMIT',
        );
        await lab.run('SET SESSION binlog_transaction_compression = OFF');
        await bids(count + 2, 1);
        const changes = await run.untilChanges(count + 4);
        expect(changes.map((change) => change.table)).toEqual([
          ...Array.from({ length: count + 1 }, () => 'bids'),
          'items',
          'items',
          'bids',
        ]);
        expect(changes.slice(1, count + 1).map((change) => field(change, 'bidId'))).toEqual(
          Array.from({ length: count }, (_, at) => (at + 2).toString()),
        );
        const end = await lab.position();
        expect(run.transactions.at(-1)?.end()).toEqual(end);
        const withRows = run.transactions.filter((each) => each.transaction.changes.length > 0);
        expect(withRows).toHaveLength(4);
        // Each end is a place to go on from.
        for (const [at, each] of withRows.entries()) {
          const rest = lab.tail({ ...each.end(), gtidSet: null });
          const left = withRows.slice(at + 1).flatMap((one) => [...one.transaction.changes]);
          await bids(900_000 + at, 1);
          const got = await rest.untilChanges(left.length + 1);
          expect(got.slice(0, left.length)).toEqual(left);
          await rest.stop();
        }
      },
    );

    test('a payload greater than the queue and than one turn of the loop', async () => {
      const run = lab.tail(await lab.position(), { queueBytesMax: 10_000 });
      await lab.run('SET SESSION binlog_transaction_compression = ON', 'BEGIN');
      for (let at = 0; at < 20; at += 1)
        await lab.run(`INSERT INTO others (text) VALUES (REPEAT('ab', 1000000))`);
      await bids(1, 3000);
      await lab.run('COMMIT');
      await bids(5000, 1);
      expect(await run.untilChanges(3001, 30_000)).toHaveLength(3001);
    });

    test('rollbacks, savepoints and XA inside payloads', async () => {
      const run = lab.tail(await lab.position());
      await lab.run('SET SESSION binlog_transaction_compression = ON', 'BEGIN');
      await bids(1, 5);
      await lab.run('SAVEPOINT a');
      await bids(10, 5);
      await lab.run('ROLLBACK TO a', 'COMMIT', `XA START 'x'`);
      await bids(20, 5);
      await lab.run(`XA END 'x'`, `XA PREPARE 'x'`, `XA COMMIT 'x'`);
      const changes = await run.untilChanges(10);
      expect(changes.map((change) => field(change, 'bidId'))).toEqual(
        [1, 2, 3, 4, 5, 20, 21, 22, 23, 24].map(String),
      );
      await until(() => run.transactions.length >= 2);
    });
  },
);

test('partial updates of JSON columns stop the tail by name', async () => {
  for (const flavour of FLAVOURS.filter((each) => each === 'mysql')) {
    const server = await startDatabase(flavour);
    const lab = await TailLab.create(server);
    try {
      await lab.run(
        `ALTER TABLE items ADD extra JSON`,
        `INSERT INTO items (id, extra) VALUES (1, '{"a":"aaaaaaaaaaaaaaaaaaaaaa","b":1}')`,
      );
      await lab.remap();
      const run = lab.tail(await lab.position());
      await lab.run(
        `SET SESSION binlog_row_value_options = 'PARTIAL_JSON'`,
        `UPDATE items SET extra = JSON_SET(extra, '$.b', 2)`,
      );
      await run.untilEnded();
      expect(run.error()).toMatchObject({ code: 'ROW_UNDECODABLE' });
      expect(run.error()?.message).toContain('binlog_row_value_options');
    } finally {
      await lab.close();
      await server.stop();
    }
  }
});

/** A field that only some kinds of change have. */
function field(of: object, name: string): unknown {
  return Reflect.get(of, name);
}
