/**
 * What else can stand in a binlog: each is right, down to digits and order, while others bid on.
 */
import { describe, expect, test } from 'vitest';
import { FLAVOURS } from '../support/database-server.ts';
import { until } from '../support/until.ts';
import type { BidEntry, Entry } from './ledger.ts';
import { runScenario, type Rig } from './rig.ts';
import { byHand, casesOf, testByHand } from './suite.ts';

const ROWS = byHand ? 1_000_000 : 100_000;
const END: () => Entry = () => ({ kind: 'ended', state: 'pending' });

describe.each(FLAVOURS)('on %s', (flavour) => {
  test.each(casesOf(['MINIMAL', 'NOBLOB'], ['MINIMAL']))(
    'sessions write with binlog_row_image=%s',
    async (image) => {
      await runScenario(
        {
          name: `binlog_row_image=${image} in half of the sessions`,
          flavour,
          expects: 'delivered',
        },
        async (rig) => {
          rig.load.setup = [`SET SESSION binlog_row_image = ${image}`];
          await rig.load.more(200);
          rig.cured();
        },
      );
    },
  );

  test('XA: prepared, lost sight of, committed; rolled back; one phase', async () => {
    await runScenario({ name: 'XA transactions', flavour, expects: 'delivered' }, async (rig) => {
      const [itemId, other] = spare(rig);
      const session = await rig.session();
      const xa = async (xid: string, item: number, ...ends: string[]): Promise<BidEntry> => {
        const bid = rig.load.newBid(item);
        for (const sql of [`XA START '${xid}'`, insert(rig, item, bid), `XA END '${xid}'`, ...ends])
          await session.query(sql);
        return bid;
      };
      rig.load.noteCommitted(other, await xa('one', other, `XA COMMIT 'one' ONE PHASE`));
      await xa('never', other, `XA PREPARE 'never'`, `XA ROLLBACK 'never'`);
      const held = await xa('held', itemId, `XA PREPARE 'held'`);
      await rig.load.more(30);
      rig.proxy.cut();
      await rig.load.more(30);
      await session.query(`XA COMMIT 'held'`);
      rig.load.noteCommitted(itemId, held);
      rig.cured();
    });
  });

  testByHand('savepoints', async () => {
    await runScenario({ name: 'savepoints', flavour, expects: 'delivered' }, async (rig) => {
      const [itemId] = spare(rig);
      const session = await rig.session();
      for (let i = 0; i < 5; i += 1) {
        const [first, undone, last] = [0, 1, 2].map(() => rig.load.newBid(itemId));
        if (first === undefined || undone === undefined || last === undefined) return;
        await session.beginTransaction();
        await session.query(insert(rig, itemId, first));
        await session.query('SAVEPOINT `a b`');
        await session.query(insert(rig, itemId, undone));
        await session.query('SAVEPOINT inner_one');
        await session.query('ROLLBACK TO SAVEPOINT `a b`');
        await session.query(insert(rig, itemId, last));
        await session.query('RELEASE SAVEPOINT `a b`');
        await session.commit();
        rig.load.noteCommitted(itemId, first, last);
      }
      rig.cured();
    });
  });

  testByHand('one statement writes to several tables and rows', async () => {
    await runScenario(
      { name: 'multi-table statements', flavour, expects: 'delivered' },
      async (rig) => {
        const items = spare(rig);
        const bids = items.map((itemId) => rig.load.newBid(itemId));
        const values = bids.map((bid, at) => row(rig, items[at] ?? 0, bid));
        await rig.sql(
          `INSERT INTO bids (id, item_id, bidder_id, amount) VALUES ${values.join(', ')}`,
        );
        for (const [at, bid] of bids.entries()) rig.load.noteCommitted(items[at] ?? 0, bid);
        const [a, b] = items;
        await rig.sql(
          `UPDATE items i JOIN bids b ON b.item_id = i.id JOIN users u ON u.id = b.bidder_id
         SET i.status = 'completed', u.name = CONCAT(u.name, '!'), i.current_price = b.amount
         WHERE i.id IN (${a}, ${b})`,
        );
        rig.load.noteCommitted(a, END());
        rig.load.noteCommitted(b, END());
        rig.cured();
      },
    );
  });

  testByHand('a trigger of another table writes the bids', async () => {
    await runScenario({ name: 'triggers', flavour, expects: 'delivered' }, async (rig) => {
      const [itemId] = spare(rig);
      await rig.sql(
        'CREATE TABLE requests (bid_id INT, item_id INT, bidder_id INT, amount DECIMAL(10,2))',
        `CREATE TRIGGER requests_insert AFTER INSERT ON requests FOR EACH ROW
           INSERT INTO bids (id, item_id, bidder_id, amount)
           VALUES (NEW.bid_id, NEW.item_id, NEW.bidder_id, NEW.amount)`,
        `CREATE TRIGGER bids_raise AFTER INSERT ON bids FOR EACH ROW
           UPDATE items SET current_price = NEW.amount WHERE id = NEW.item_id`,
      );
      for (let i = 0; i < 10; i += 1) {
        const bid = rig.load.newBid(itemId);
        await rig.sql(`INSERT INTO requests VALUES ${row(rig, itemId, bid)}`);
        rig.load.noteCommitted(itemId, bid);
      }
      rig.cured();
    });
  });

  testByHand('REPLACE and ON DUPLICATE KEY', async () => {
    await runScenario(
      { name: 'REPLACE, ON DUPLICATE KEY', flavour, expects: 'delivered' },
      async (rig) => {
        const [itemId] = spare(rig);
        const columns = '(id, item_id, bidder_id, amount)';
        for (let i = 0; i < 5; i += 1) {
          const [first, second] = [rig.load.newBid(itemId), rig.load.newBid(itemId)];
          await rig.sql(`REPLACE INTO bids ${columns} VALUES ${row(rig, itemId, first)}`);
          rig.load.noteCommitted(itemId, first);
          const again = `${row(rig, itemId, first)} ON DUPLICATE KEY UPDATE updated_at = NOW()`;
          await rig.sql(`INSERT INTO bids ${columns} VALUES ${again}`);
          const fresh = `${row(rig, itemId, second)} ON DUPLICATE KEY UPDATE amount = 0`;
          await rig.sql(`INSERT INTO bids ${columns} VALUES ${fresh}`);
          rig.load.noteCommitted(itemId, second);
        }
        rig.cured();
      },
    );
  });

  testByHand('an item is deleted, and its bids with it by a foreign key', async () => {
    await runScenario({ name: 'cascade delete', flavour, expects: 'delivered' }, async (rig) => {
      const [itemId] = spare(rig);
      await rig.sql(
        'ALTER TABLE bids DROP FOREIGN KEY bids_ibfk_1',
        'ALTER TABLE bids ADD FOREIGN KEY (item_id) REFERENCES items (id) ON DELETE CASCADE',
      );
      const bid = rig.load.newBid(itemId);
      await rig.sql(insert(rig, itemId, bid));
      rig.load.noteCommitted(itemId, bid);
      await rig.sql(`DELETE FROM items WHERE id = ${itemId}`);
      rig.load.noteCommitted(itemId, END());
      rig.cured();
    });
  });

  testByHand('bids in a MyISAM table', async () => {
    await runScenario({ name: 'MyISAM table', flavour, expects: 'delivered' }, async (rig) => {
      const [itemId] = spare(rig);
      await rig.load.stop();
      await rig.sql(
        'ALTER TABLE bids DROP FOREIGN KEY bids_ibfk_1, DROP FOREIGN KEY bids_ibfk_2',
        'ALTER TABLE bids ENGINE = MyISAM',
      );
      for (let i = 0; i < 20; i += 1) {
        const bid = rig.load.newBid(itemId);
        await rig.sql(insert(rig, itemId, bid));
        rig.load.noteCommitted(itemId, bid);
      }
      await rig.sql('ALTER TABLE bids ENGINE = InnoDB');
      rig.cured();
    });
  });

  if (flavour === 'mariadb') {
    testByHand('log_bin_compress', async () => {
      const variables = { log_bin_compress: 'ON', log_bin_compress_min_len: '10' };
      await runScenario(
        { name: 'log_bin_compress', flavour, variables, expects: 'delivered' },
        bulk,
      );
    });
  } else {
    testByHand('binlog_transaction_compression everywhere', async () => {
      const variables = { binlog_transaction_compression: 'ON' };
      const name = 'binlog_transaction_compression everywhere';
      await runScenario({ name, flavour, variables, expects: 'delivered' }, bulk);
    });

    testByHand('binlog_transaction_compression in half of the sessions', async () => {
      await runScenario(
        { name: 'binlog_transaction_compression in sessions', flavour, expects: 'delivered' },
        async (rig) => {
          rig.load.setup = ['SET SESSION binlog_transaction_compression = ON'];
          await rig.load.more(200);
          await rig.sql('SET SESSION binlog_transaction_compression = ON');
          await bulk(rig);
        },
      );
    });
  }

  testByHand('a row of 64 MB in a column that is not mapped', async () => {
    const log = flavour === 'mysql' ? 'innodb_redo_log_capacity' : 'innodb_log_file_size';
    const variables = { max_allowed_packet: '256M', [log]: '1G' };
    await runScenario(
      { name: 'row of 64 MB', flavour, variables, expects: 'delivered' },
      async (rig) => {
        const [itemId] = spare(rig);
        await rig.load.stop();
        await rig.sql('ALTER TABLE items ADD COLUMN scan LONGBLOB');
        rig.load.start();
        await rig.sql(`UPDATE items SET scan = REPEAT('x', 64 * 1024 * 1024) WHERE id = ${itemId}`);
        const bid = rig.load.newBid(itemId);
        await rig.sql(insert(rig, itemId, bid));
        rig.load.noteCommitted(itemId, bid);
        await rig.sql(`UPDATE items SET status = 'completed' WHERE id = ${itemId}`);
        rig.load.noteCommitted(itemId, END());
        rig.cured();
      },
    );
  });

  testByHand('a session writes statements, which have no rows', async () => {
    const name = 'statement-format write beside the rows';
    await runScenario({ name, flavour, expects: 'delivered' }, async (rig) => {
      const seller = await rig.stage.portal.addUser({ name: 'Sid', role: 'seller' });
      const endTime = Date.now() + 3_600_000;
      const item = { title: 'not watched', startingPrice: '1.00', endTime, sellerId: seller };
      const itemId = await rig.stage.portal.addItem(item);
      const session = await rig.session();
      await session.query('SET SESSION binlog_format = STATEMENT');
      await session.query(insert(rig, itemId, rig.load.newBid(rig.load.spareIds[0] ?? 0)));
      await rig.load.more(30);
      rig.cured();
      await until(() => rig.logged('statement format write').length > 0, { what: 'the alarm' });
    });
  });

  test('one UPDATE of very many rows', async () => {
    await runScenario(
      {
        name: `one UPDATE of ${ROWS.toLocaleString('en')} rows`,
        flavour,
        catchUpMs: 300_000,
        expects: 'delivered',
      },
      async (rig) => {
        const digits = Array.from({ length: 10 }, (_, d) => `SELECT ${d} d`).join(' UNION ALL ');
        await rig.sql(`CREATE TABLE digits AS ${digits}`);
        // Not watched: only the changes of the others are to come through.
        const [unwatched] = await rig.rows(`SELECT MAX(id) + 1 AS id FROM items`);
        const id = Number(unwatched?.['id']);
        await rig.sql(
          `INSERT INTO items (id, title, description, starting_price, current_price, end_time, seller_id)
           SELECT ${id}, title, '', 1, 1, end_time, seller_id FROM items LIMIT 1`,
        );
        const tables = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `digits ${name}`);
        const bidder = rig.load.bidderOf(1);
        for (let million = 0; million < ROWS / 1e5; million += 1) {
          await rig.sql(
            `INSERT INTO bids (id, item_id, bidder_id, amount)
             SELECT 1000000000 + ${million} * 100000 + a.d * 10000 + b.d * 1000 + c.d * 100 + d.d * 10 + e.d,
               ${id}, ${bidder}, 1.00 FROM ${tables.slice(0, 5).join(', ')}`,
          );
        }
        // What the UPDATE costs is not to be what the rows before it cost.
        await rig.caughtUp();
        const beforeMiB = rig.residentMiB();
        await rig.sql(`UPDATE bids SET amount = amount + 0.01 WHERE item_id = ${id}`);
        rig.cured();
        await rig.caughtUp();
        const afterMiB = rig.residentMiB();
        process.stdout.write(`${flavour}: resident ${beforeMiB} MiB, then ${afterMiB} MiB\n`);
        // The heap breathes; a transaction that was held whole would need many times as much.
        expect(afterMiB).toBeLessThan(beforeMiB + 400);
      },
    );
  });
});

function spare(rig: Rig): [number, number, ...number[]] {
  const [first, second, ...more] = rig.load.spareIds;
  if (first === undefined || second === undefined) throw new Error('no spare items');
  return [first, second, ...more];
}

function row(rig: Rig, itemId: number, { bidId, amount }: BidEntry): string {
  return `(${bidId}, ${itemId}, ${rig.load.bidderOf(bidId)}, ${amount})`;
}

function insert(rig: Rig, itemId: number, bid: BidEntry): string {
  return `INSERT INTO bids (id, item_id, bidder_id, amount) VALUES ${row(rig, itemId, bid)}`;
}

/** Many bids in one transaction, so that there is something to compress. */
async function bulk(rig: Rig): Promise<void> {
  const [itemId] = spare(rig);
  const bids = Array.from({ length: 500 }, () => rig.load.newBid(itemId));
  const values = bids.map((bid) => row(rig, itemId, bid)).join(', ');
  await rig.sql(`INSERT INTO bids (id, item_id, bidder_id, amount) VALUES ${values}`);
  rig.load.noteCommitted(itemId, ...bids);
  await rig.load.more(100);
  rig.cured();
}
