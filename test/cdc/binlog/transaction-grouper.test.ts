import { describe, expect, test } from 'vitest';
import { StatementReader } from '../../../cdc/binlog/logged-statement.ts';
import { HeldTransactions, TransactionGrouper } from '../../../cdc/binlog/transaction-grouper.ts';
import type { AppendRows, CommittedGroup } from '../../../cdc/binlog/transaction-grouper.ts';
import { labMapping } from '../support/lab-mapping.ts';
import type { RowChange, WatchlistChange } from '../../../src/auction/row-change.ts';
import type { ItemId, UserId } from '../../../src/auction/ids.ts';

const reader = new StatementReader(labMapping());

function row(name: string): AppendRows {
  return (into: RowChange[], index) => {
    const change: WatchlistChange = {
      table: 'watchlist',
      kind: 'insert',
      userId: name as UserId,
      itemId: '1' as ItemId,
      index,
      timestampMs: 0,
    };
    into.push(change);
    return index + 1;
  };
}

/** Feeds a script: statements as text, `+name` for a row, `gtid:…`, `open:…` (MariaDB), `xid`, `prepare:…`, `one:…`. */
function feed(
  script: readonly string[],
  held = heldTransactions(),
): (CommittedGroup | 'dropped')[] {
  const grouper = new TransactionGrouper(held);
  const out: (CommittedGroup | 'dropped')[] = [];
  for (const step of script) {
    const [word = '', rest = ''] = step.split(':');
    const group = ((): CommittedGroup | null => {
      if (step.startsWith('+')) {
        grouper.rows(row(step.slice(1)));
        return null;
      }
      if (word === 'gtid' || word === 'open') {
        if (grouper.begin(rest, { opens: word === 'open' })) out.push('dropped');
        return null;
      }
      if (word === 'xid') return grouper.xid();
      if (word === 'prepare') return grouper.xaPrepare(rest, { onePhase: false });
      if (word === 'one') return grouper.xaPrepare(rest, { onePhase: true });
      return grouper.statement(reader.read(step, 'shop'));
    })();
    if (group !== null) out.push(group);
  }
  return out;
}

function heldTransactions(): HeldTransactions {
  return new HeldTransactions({ transactionsMax: 10, changesMax: 10 });
}

function names(groups: (CommittedGroup | 'dropped')[]): string[] {
  return groups.map((group) =>
    group === 'dropped'
      ? 'dropped'
      : `${group.gtid ?? '-'}: ${group.changes.map((change) => (change.table === 'watchlist' ? `${change.userId}@${change.index.toString()}` : '')).join()}`,
  );
}

describe('groups', () => {
  test.each<[string, string[], string[]]>([
    ['a MySQL transaction', ['gtid:1', 'BEGIN', '+a', '+b', 'xid'], ['1: a@0,b@1']],
    [
      'a MySQL transaction without GTIDs',
      ['BEGIN', '+a', 'xid', 'BEGIN', '+b', 'COMMIT'],
      ['-: a@0', '-: b@0'],
    ],
    ['a MariaDB transaction', ['open:1', '+a', 'xid'], ['1: a@0']],
    ['an engine that ends with COMMIT', ['gtid:1', 'BEGIN', '+a', 'COMMIT'], ['1: a@0']],
    [
      'a rollback',
      ['gtid:1', 'BEGIN', '+a', 'ROLLBACK', 'gtid:2', 'BEGIN', '+b', 'xid'],
      ['1: ', '2: b@0'],
    ],
    ['DDL', ['gtid:1', 'ALTER TABLE x ADD y INT', 'open:2', '+b', 'xid'], ['1: ', '2: b@0']],
    [
      'DDL within',
      ['gtid:1', 'BEGIN', 'CREATE TABLE x (y INT) START TRANSACTION', '+a', 'xid'],
      ['1: a@0'],
    ],
    ['a comment', ['open:1', '# Dummy event', '+a', 'xid', '# Dummy event'], ['1: a@0']],
    ['an unfinished group', ['open:1', '+a', 'open:2', '+b', 'xid'], ['dropped', '2: b@0']],
    [
      'savepoints',
      [
        'open:1',
        'SAVEPOINT `A`',
        '+a',
        'SAVEPOINT b',
        '+b',
        'rollback to `b`',
        '+c',
        'ROLLBACK TO SAVEPOINT a',
        '+d',
        'xid',
      ],
      ['1: d@0'],
    ],
    [
      'a savepoint set twice',
      ['open:1', 'SAVEPOINT a', '+a', 'SAVEPOINT a', '+b', 'ROLLBACK TO a', '+c', 'xid'],
      ['1: a@0,c@1'],
    ],
    [
      'XA',
      [
        'gtid:1',
        "XA START X'61',X'',1",
        '+a',
        "XA END X'61',X'',1",
        'prepare:61,,1',
        'gtid:2',
        'BEGIN',
        '+b',
        'xid',
        'gtid:3',
        "XA COMMIT X'61',X'',1",
      ],
      ['1: ', '2: b@0', '3: a@0'],
    ],
    [
      'XA rolled back',
      ['open:1', '+a', 'prepare:61,,1', 'gtid:2', "XA ROLLBACK X'61',X'',1"],
      ['1: ', '2: '],
    ],
    ['XA in one phase', ['gtid:1', "XA START X'61',X'',1", '+a', 'one:61,,1'], ['1: a@0']],
  ])('%s', (_, script, expected) => {
    expect(names(feed(script))).toEqual(expected);
  });

  test.each<[string, string[], string]>([
    ['rows outside a transaction', ['+a'], 'BINLOG_POSITION_LOST'],
    ['a commit outside a transaction', ['xid'], 'BINLOG_POSITION_LOST'],
    ['rows after a DDL', ['gtid:1', 'DROP TABLE x', '+a'], 'BINLOG_POSITION_LOST'],
    ['an XA COMMIT of unknown rows', ['gtid:1', "XA COMMIT X'61',X'',1"], 'BINLOG_POSITION_LOST'],
    ['a rollback to an unknown savepoint', ['open:1', 'ROLLBACK TO a'], 'ROW_UNDECODABLE'],
  ])('%s is refused', (_, script, code) => {
    expect(() => feed(script)).toThrow(expect.objectContaining({ code }) as Error);
  });

  test('held rows outlive a grouper', () => {
    const held = heldTransactions();
    feed(['open:1', '+a', 'prepare:61,,1'], held);
    expect(names(feed(['gtid:2', "XA COMMIT X'61',X'',1"], held))).toEqual(['2: a@0']);
  });

  test('held rows are bounded, and what did not fit is refused', () => {
    const held = new HeldTransactions({ transactionsMax: 2, changesMax: 1 });
    feed(['open:1', '+a', '+b', 'prepare:great'], held);
    expect(() => held.take('great')).toThrow(/too many to hold/);
    for (const name of ['a', 'b', 'c']) held.hold(name, []);
    expect(() => held.take('a')).toThrow(/before our position/);
    expect(held.take('b')).toEqual([]);
  });
});

describe('statements', () => {
  test.each([
    ['TRUNCATE TABLE bids', true],
    ['DROP TABLE `x`,`bids` /* generated by server */', true],
    ['TRUNCATE items', undefined],
    ['DROP TABLE _bids_old', undefined],
    ['RENAME TABLE bids TO _bids_old, _bids_new TO bids', undefined],
    ['ALTER TABLE bids ADD COLUMN x INT', undefined],
  ])('%s: the bids are gone: %s', (sql, emptiesBids) => {
    expect(reader.read(sql, 'shop')).toMatchObject({ kind: 'ddl' });
    expect(Reflect.get(reader.read(sql, 'shop'), 'emptiesBids')).toBe(emptiesBids);
  });

  const touches = (sql: string, database = 'shop'): string => {
    const statement = reader.read(sql, database);
    return statement.kind === 'ddl' || statement.kind === 'dml'
      ? `${statement.kind} ${statement.verb} ${statement.touchesMapped ? 'ours' : 'other'}`
      : statement.kind;
  };

  test.each([
    ['ALTER TABLE items ADD COLUMN x INT', 'ddl ALTER ours'],
    ['alter table `shop`.`Items` drop x', 'ddl ALTER ours'],
    ['ALTER TABLE x ADD FOREIGN KEY (a) REFERENCES items (id)', 'ddl ALTER other'],
    ['ALTER TABLE x RENAME TO items', 'ddl ALTER ours'],
    ['CREATE TABLE x (a INT REFERENCES items (id))', 'ddl CREATE other'],
    ['CREATE TABLE `items` (id INT)', 'ddl CREATE ours'],
    ['CREATE TEMPORARY TABLE items (id INT)', 'ddl CREATE other'],
    ['CREATE TRIGGER t AFTER INSERT ON bids FOR EACH ROW SET @a = 1', 'ddl CREATE other'],
    ['/* by hand */ TRUNCATE bids', 'ddl TRUNCATE ours'],
    ['DROP TABLE `x`,`bids` /* generated by server */', 'ddl DROP ours'],
    ['RENAME TABLE bids TO _bids_del, _bids_gho TO bids', 'ddl RENAME ours'],
    ['DROP DATABASE shop', 'ddl DROP ours'],
    ['DROP DATABASE shopping', 'ddl DROP other'],
    ['TRUNCATE other.bids', 'ddl TRUNCATE other'],
    ['INSERT INTO bids VALUES (1)', 'dml INSERT ours'],
    ["UPDATE x SET a = 'bids items'", 'dml UPDATE other'],
    ['DELETE FROM my_bids', 'dml DELETE other'],
    ['DELETE b FROM bids b', 'dml DELETE ours'],
    ["LOAD DATA INFILE 'x' INTO TABLE `bids`", 'dml LOAD ours'],
    ['SAVEPOINT x', 'savepoint'],
    ['GRANT SELECT ON items TO x', 'other'],
  ])('%s: %s', (sql, expected) => {
    expect(touches(sql)).toBe(expected);
  });

  test('a bare name belongs to the session’s database', () => {
    expect(touches('INSERT INTO bids VALUES (1)', 'else')).toBe('dml INSERT other');
    expect(touches('INSERT INTO shop.bids VALUES (1)', 'else')).toBe('dml INSERT ours');
    expect(touches('INSERT INTO `shop`.`bids` VALUES (1)', 'else')).toBe('dml INSERT ours');
  });
});
