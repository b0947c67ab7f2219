/** Grouping into transactions, ids, positions and resuming, on real servers. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { HeldTransactions } from '../../../cdc/binlog/transaction-grouper.ts';
import { BinlogTail } from '../../../cdc/binlog/binlog-tail.ts';
import type { SourcePosition } from '../../../cdc/source/source-position.ts';
import type { RowChange } from '../../../src/auction/row-change.ts';
import { FLAVOURS, startDatabase } from '../../support/database-server.ts';
import type { DatabaseServer, Flavour } from '../../support/database-server.ts';
import { until } from '../../support/until.ts';
import { TailLab } from '../support/tail-lab.ts';

/** `bids+7`: kind and first id of each change, which is what grouping is about. */
function brief(changes: readonly RowChange[]): string[] {
  return changes.map((change) => {
    const sign = { insert: '+', update: '~', delete: '-' }[change.kind];
    if (change.table === 'watchlist') return `watchlist${sign}${change.userId}/${change.itemId}`;
    const id = { items: 'itemId', bids: 'bidId', users: 'userId' }[change.table];
    return `${change.table}${sign}${String(Reflect.get(change, id))}`;
  });
}

function bid(id: number, item = 1): string {
  return `INSERT INTO bids (id, item_id, user_id, amount) VALUES (${id.toString()}, ${item.toString()}, 1, 1.00)`;
}

const GTID_OFF = { gtid_mode: 'OFF', enforce_gtid_consistency: 'OFF' };
const SERVERS: readonly { name: string; flavour: Flavour; variables: Record<string, string> }[] = [
  ...FLAVOURS.map((flavour) => ({ name: flavour, flavour, variables: {} })),
  ...FLAVOURS.filter((flavour) => flavour === 'mysql').map((flavour) => ({
    name: 'mysql without GTIDs',
    flavour,
    variables: GTID_OFF,
  })),
];
/** MySQL with GTIDs refuses to mix engines in a transaction. */
const MIXING = SERVERS.filter(({ name }) => name !== 'mysql');

describe.each(SERVERS)('$name', ({ name, flavour, variables }) => {
  let server: DatabaseServer;
  let lab: TailLab;

  beforeAll(async () => {
    server = await startDatabase(flavour, { variables });
    lab = await TailLab.create(server);
  });
  afterEach(async () => {
    await lab.stopRuns();
    await lab.run(
      'DELETE FROM bids',
      'DELETE FROM items',
      'DELETE FROM watchlist',
      'DELETE FROM users',
    );
  });
  afterAll(async () => {
    await lab.close();
    await server.stop();
  });

  /** Runs statements, then a last bid that marks the end; returns the transactions that changed something. */
  async function tailed(...statements: readonly string[]): Promise<string[][]> {
    const from = await lab.position();
    const run = lab.tail(from);
    await lab.run(...statements, bid(999));
    await until(() => brief(run.changes()).includes('bids+999') || run.ended(), {
      what: 'the mark',
    });
    if (run.error() !== null) throw run.error() ?? new Error('no error');
    const groups = run.transactions.map((each) => brief(each.transaction.changes));
    return groups.filter((group) => group.length > 0).slice(0, -1);
  }

  test('statements of one transaction come together, in order, and autocommits alone', async () => {
    const groups = await tailed(
      `INSERT INTO items (id) VALUES (1), (2)`,
      'BEGIN',
      bid(1),
      `UPDATE items SET price = 5 WHERE id = 1`,
      `DELETE FROM items WHERE id = 2`,
      'COMMIT',
      bid(2),
    );
    expect(groups).toEqual([['items+1', 'items+2'], ['bids+1', 'items~1', 'items-2'], ['bids+2']]);
  });

  test('a rollback publishes nothing', async () => {
    expect(await tailed('BEGIN', bid(1), 'ROLLBACK', 'BEGIN', bid(2), 'ROLLBACK')).toEqual([]);
  });

  test('what a rollback to a savepoint undid is not published', async () => {
    const groups = await tailed(
      'BEGIN',
      bid(1),
      'SAVEPOINT a',
      bid(2),
      'ROLLBACK TO a',
      bid(3),
      'COMMIT',
    );
    expect(groups).toEqual([['bids+1', 'bids+3']]);
  });

  if (MIXING.some((each) => each.name === name)) {
    test('a rollback publishes nothing, also where an engine without transactions took part', async () => {
      await lab.run('CREATE TABLE plain (id INT PRIMARY KEY) ENGINE=MyISAM');
      const groups = await tailed(
        'BEGIN',
        bid(1),
        'INSERT INTO plain VALUES (1)',
        bid(2),
        'ROLLBACK',
        'DROP TABLE plain',
      );
      expect(groups).toEqual([]);
    });

    test('rows of a MyISAM table are published though their transaction rolled back: they were written', async () => {
      const plain = await TailLab.create(server);
      try {
        await plain.run('ALTER TABLE bids ENGINE=MyISAM');
        const run = plain.tail(await plain.position());
        await plain.run(
          bid(1),
          'BEGIN',
          'INSERT INTO items (id) VALUES (1)',
          bid(2),
          'ROLLBACK',
          bid(3),
        );
        expect(brief(await run.untilChanges(3))).toEqual(['bids+1', 'bids+2', 'bids+3']);
      } finally {
        await plain.close();
      }
    });

    test('rows after a savepoint that the log shows undone are not published', async () => {
      await lab.run('CREATE TABLE plain (id INT PRIMARY KEY) ENGINE=MyISAM');
      const groups = await tailed(
        'BEGIN',
        'SAVEPOINT early',
        bid(1),
        'SAVEPOINT `odd ``name`',
        bid(2),
        'INSERT INTO plain VALUES (1)',
        'ROLLBACK TO `odd ``name`',
        bid(3),
        'COMMIT',
        'BEGIN',
        'SAVEPOINT a',
        'INSERT INTO plain VALUES (2)',
        bid(4),
        'ROLLBACK TO SAVEPOINT a',
        'COMMIT',
        'DROP TABLE plain',
      );
      expect(groups).toEqual([['bids+1', 'bids+3']]);
    });
  }

  test('XA: commit in one phase, commit and rollback after preparing, across a reconnect', async () => {
    const from = await lab.position();
    const tail = new BinlogTail(lab.options(), { log: silent(), now: Date.now });
    const first = lab.follow(tail, from);
    await lab.run(
      `XA START 'one','',1`,
      bid(1),
      `XA END 'one','',1`,
      `XA COMMIT 'one','',1 ONE PHASE`,
    );
    await lab.run(`XA START 'two'`, bid(2), `XA END 'two'`, `XA PREPARE 'two'`);
    const other = await server.connect({ database: lab.database });
    await other.query(bid(3));
    await first.untilChanges(2);
    expect(brief(first.changes())).toEqual(['bids+1', 'bids+3']);
    const between = first.transactions.at(-1)?.end();
    await first.stop();
    if (between === undefined) throw new Error('no position');
    const second = lab.follow(tail, between);
    await other.end();
    await lab.run(`XA COMMIT 'two'`);
    const status = await lab.position();
    expect(brief(await second.untilChanges(1))).toEqual(['bids+2']);
    const committed = second.transactions.find((each) => each.transaction.changes.length > 0);
    expect(committed?.end()).toEqual(status);
    await lab.run(
      `XA START 'three'`,
      bid(4),
      `XA END 'three'`,
      `XA PREPARE 'three'`,
      `XA ROLLBACK 'three'`,
    );
    await lab.run(bid(5));
    expect(brief(await second.untilChanges(2))).toEqual(['bids+2', 'bids+5']);
  });

  test('an XA COMMIT of rows prepared before the start is refused, never empty', async () => {
    await lab.run(`XA START 'old'`, bid(1), `XA END 'old'`, `XA PREPARE 'old'`);
    const run = lab.tail(await lab.position());
    await lab.run(`XA COMMIT 'old'`);
    await run.untilEnded();
    expect(run.error()?.code).toBe('BINLOG_POSITION_LOST');
  });

  test('triggers, cascades, REPLACE, ON DUPLICATE KEY and multi-table statements come as their rows', async () => {
    const web = await TailLab.create(server);
    try {
      await web.run(
        'ALTER TABLE bids ADD UNIQUE KEY one_per_user (item_id, user_id)',
        'INSERT INTO items (id, price) VALUES (1, 1), (2, 1)',
        'CREATE TRIGGER raise AFTER INSERT ON bids FOR EACH ROW UPDATE items SET price = NEW.amount WHERE id = NEW.item_id',
      );
      const run = web.tail(await web.position());
      await web.run(
        'INSERT INTO bids (id, item_id, user_id, amount) VALUES (1, 1, 1, 2), (2, 2, 1, 3)',
        'INSERT INTO bids (item_id, user_id, amount) VALUES (1, 1, 9) ON DUPLICATE KEY UPDATE amount = 4',
        'REPLACE INTO bids (id, item_id, user_id, amount) VALUES (5, 1, 1, 5)',
        'UPDATE items JOIN bids ON bids.item_id = items.id SET items.price = 7, bids.amount = 7 WHERE items.id = 2',
      );
      const changes = await run.untilChanges(10);
      const bids = ['bids+1', 'bids+2', 'bids+5', 'bids-1', 'bids~1', 'bids~2'];
      const items = ['items~1', 'items~1', 'items~2', 'items~2'];
      expect(brief(changes).sort()).toEqual([...bids, ...items].sort());
    } finally {
      await web.close();
    }
  });

  test('places are counted over all rows of mapped tables, dropped ones too', async () => {
    const from = await lab.position();
    const run = lab.tail(from);
    await lab.run(
      'BEGIN',
      'INSERT INTO items (id) VALUES (1)',
      bid(1),
      'UPDATE items SET views = 5',
      'UPDATE bids SET note = 1',
      "INSERT INTO others (text) VALUES ('x')",
      'UPDATE items SET id = 9',
      bid(2),
      'COMMIT',
    );
    const changes = await run.untilChanges(5);
    expect(brief(changes)).toEqual(['items+1', 'bids+1', 'items-1', 'items+9', 'bids+2']);
    expect(changes.map((change) => change.index)).toEqual([0, 1, 4, 5, 6]);
    expect(run.tail.counters.rowChanges).toBe(6);
  });

  test('DDL on a mapped table marks the transaction; on others it does not', async () => {
    const web = await TailLab.create(server);
    try {
      const run = web.tail(await web.position());
      await web.run(
        'CREATE TABLE x (id INT PRIMARY KEY, item_id BIGINT UNSIGNED, FOREIGN KEY (item_id) REFERENCES items (id))',
        'TRUNCATE TABLE watchlist',
        bid(1),
        'DROP TABLE x',
        'ALTER TABLE items ADD COLUMN extra INT',
        bid(2),
      );
      await run.untilChanges(2);
      expect(run.transactions.filter((each) => each.schemaChanged)).toHaveLength(2);
      expect(web.logged.filter((event) => event === 'mapped table ddl')).toHaveLength(2);
    } finally {
      await web.close();
    }
  });

  test('writes in statement format raise an alarm and a counter', async () => {
    const from = await lab.position();
    const run = lab.tail(from);
    const session = await server.connect({ database: lab.database });
    await session.query(`SET SESSION binlog_format = 'STATEMENT'`);
    await session.query(bid(1));
    await session.query(`INSERT INTO others (text) VALUES ('items bids')`);
    await session.query(`UPDATE bids SET note = 'x'`);
    await session.end();
    await lab.run(bid(2));
    await run.untilChanges(1);
    expect(run.tail.counters.statementWrites).toBe(2);
    expect(lab.logged.filter((event) => event === 'statement format write')).toHaveLength(1);
  });

  test.each(['gtid', 'file'] as const)(
    'resumes by %s from every position without loss or repeat',
    async (how) => {
      const from = await lab.position(how);
      const run = lab.tail(from);
      const statements = ['INSERT INTO items (id) VALUES (1)'];
      for (let at = 1; at <= 6; at += 1) {
        statements.push('BEGIN', bid(at), `UPDATE items SET price = ${at.toString()}`, 'COMMIT');
        statements.push(`INSERT INTO others (text) VALUES ('x')`);
        if (at === 3) statements.push('FLUSH BINARY LOGS');
      }
      await lab.run(...statements);
      const all = await run.untilChanges(13);
      await run.stop();
      const positions: [SourcePosition, number][] = [[from, 0]];
      let seen = 0;
      for (const each of run.transactions) {
        seen += each.transaction.changes.length;
        positions.push([each.end(), seen]);
      }
      expect(positions.length).toBeGreaterThan(10);
      for (const [position, done] of positions) {
        const rest = lab.tail(position);
        await lab.run(bid(100));
        const changes = await rest.untilChanges(all.length - done + 1);
        expect(changes.slice(0, -1)).toEqual(all.slice(done));
        await rest.stop();
        await lab.run('DELETE FROM bids WHERE id = 100');
        all.push(
          changes.at(-1) ?? neverMissing(),
          ...(await deletionOf(position, all.length + 1 - done)),
        );
      }
    },
  );

  /** The deletion of the mark, as the stream from `position` tells it at place `at`. */
  async function deletionOf(position: SourcePosition, at: number): Promise<RowChange[]> {
    const run = lab.tail(position);
    const changes = await run.untilChanges(at + 1);
    await run.stop();
    return changes.slice(at);
  }

  test('positions follow tables that are not mapped, and rotations', async () => {
    const run = lab.tail(await lab.position('file'));
    await lab.run(`INSERT INTO others (text) VALUES ('x')`);
    await until(() => run.transactions.length > 0);
    await lab.run('FLUSH BINARY LOGS');
    const { binlog } = await lab.position('file');
    await until(() => run.transactions.at(-1)?.end().binlog.file === binlog.file);
    await until(() => run.tail.seen?.file === binlog.file && run.tail.seen.offset >= binlog.offset);
    expect(run.changes()).toEqual([]);
  });

  test('an idle stream reaches a watermark by heartbeats', async () => {
    await lab.run(`INSERT INTO others (text) VALUES ('x')`);
    const from = await lab.position();
    const run = lab.tail(from, { heartbeatPeriodMs: 1_500 });
    await until(() => run.tail.seen !== null && run.tail.seen.offset >= from.binlog.offset);
    const packets = run.tail.counters.packets;
    const askedAtMs = Date.now();
    await until(() => run.tail.counters.packets >= packets + 3);
    expect(run.tail.packetAtMs).toBeGreaterThanOrEqual(askedAtMs);
  });

  test('GTID text of an end stays right after later commits', async () => {
    const run = lab.tail(await lab.position());
    await lab.run(bid(1));
    const after = await lab.position();
    await lab.run(bid(2), bid(3));
    await run.untilChanges(3);
    expect(
      run.transactions.find((each) => brief(each.transaction.changes)[0] === 'bids+1')?.end(),
    ).toEqual(after);
  });
});

test('held XA rows are bounded, and what did not fit is refused', () => {
  const held = new HeldTransactions({ transactionsMax: 2, changesMax: 1 });
  const change = {
    table: 'watchlist',
    kind: 'insert',
    userId: '1',
    itemId: '1',
    index: 0,
    timestampMs: 0,
  };
  const changes = [change, change] as unknown as RowChange[];
  held.hold('great', changes);
  expect(() => held.take('great')).toThrow(/too many to hold/);
  held.hold('a', []);
  held.hold('b', []);
  held.hold('c', []);
  expect(() => held.take('a')).toThrow(/before our position/);
  expect(held.take('b')).toEqual([]);
});

function neverMissing(): never {
  throw new Error('no change');
}

function silent(): ConstructorParameters<typeof BinlogTail>[1]['log'] {
  const nothing = (): void => undefined;
  const log = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: nothing,
    fatal: nothing,
    child: () => log,
  };
  return log;
}
