/** Values and row images as real servers write them. */
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parseZone } from '../../../src/auction/zone.ts';
import { FLAVOURS, startDatabase } from '../../support/database-server.ts';
import type { DatabaseServer } from '../../support/database-server.ts';
import { TailLab } from '../support/tail-lab.ts';

/** MariaDB's default writes no metadata at all, and MySQL's only signs and character sets. */
const METADATA = { mariadb: ['NO_LOG', 'MINIMAL', 'FULL'], mysql: ['MINIMAL', 'FULL'] } as const;
const CASES = FLAVOURS.flatMap((flavour) =>
  METADATA[flavour].map((metadata) => [flavour, metadata] as const),
);

const BIG = `${'9'.repeat(63)}.99`;

describe.each(CASES)('%s with %s metadata', (flavour, metadata) => {
  let server: DatabaseServer;
  let lab: TailLab;

  beforeAll(async () => {
    server = await startDatabase(flavour, { variables: { binlog_row_metadata: metadata } });
    lab = await TailLab.create(server);
    await lab.run(`SET sql_mode = ''`, `SET time_zone = '+02:00'`);
  });
  afterEach(async () => {
    await lab.stopRuns();
  });
  afterAll(async () => {
    await lab.close();
    await server.stop();
  });

  test('decimals, big ids, labels with comma and quote, zero dates and fractions', async () => {
    const run = lab.tail(await lab.position());
    await lab.run(
      `INSERT INTO items (id, status, price, ends_at) VALUES
        (18446744073709551615, 'it''s, over', ${BIG}, '2026-07-01 12:00:00.25'),
        (2, 'live', -0.05, '0000-00-00 00:00:00'),
        (3, 'sold', NULL, NULL)`,
    );
    const changes = await run.untilChanges(3);
    expect(changes.map((change) => [field(change, 'itemId'), field(change, 'after')])).toEqual([
      [
        '18446744073709551615',
        { status: 'unsold', currentPrice: BIG, endTimeMs: Date.UTC(2026, 6, 1, 12, 0, 0, 250) },
      ],
      ['2', { status: 'active', currentPrice: '-0.05', endTimeMs: null }],
      ['3', { status: 'sold', currentPrice: null, endTimeMs: null }],
    ]);
  });

  test('DATETIME is of the configured zone, TIMESTAMP of none, whatever the session says', async () => {
    const zone = parseZone('Europe/Berlin');
    if (zone === null) throw new Error('no zone');
    const run = lab.tail(await lab.position(), { zone });
    await lab.run(
      `INSERT INTO items (id, ends_at) VALUES (20, '2026-07-01 12:00:00'), (21, '2026-12-01 12:00:00')`,
      `SET time_zone = '-05:00'`,
      `INSERT INTO bids (item_id, user_id, amount, created_at) VALUES (1, 1, 1, '2026-07-01 12:00:00.12')`,
      `SET time_zone = '+02:00'`,
    );
    const changes = await run.untilChanges(3);
    expect(changes.map((change) => field(change, 'after'))).toMatchObject([
      { endTimeMs: Date.UTC(2026, 6, 1, 10) },
      { endTimeMs: Date.UTC(2026, 11, 1, 11) },
      { placedAtMs: Date.UTC(2026, 6, 1, 17, 0, 0, 120) },
    ]);
  });

  test('text in latin1 reads as a SELECT does', async () => {
    const run = lab.tail(await lab.position());
    await lab.run(`INSERT INTO users (name, status) VALUES ('Zoë €', 'BANNED')`);
    const [rows] = await lab.sql.query<RowDataPacket[]>('SELECT name FROM users');
    const [change] = await run.untilChanges(1);
    expect(change).toMatchObject({ after: { name: String(rows[0]?.['name']), mayConnect: false } });
    expect(rows[0]?.['name']).toBe('Zoë €');
  });

  test.each(['MINIMAL', 'NOBLOB'])(
    'row image %s: what is absent is absent, not null',
    async (image) => {
      await lab.run(`INSERT INTO items (id, price) VALUES (30, 1)`);
      const run = lab.tail(await lab.position());
      await lab.run(
        `SET SESSION binlog_row_image = '${image}'`,
        `UPDATE items SET views = 3 WHERE id = 30`,
        `UPDATE items SET price = 2 WHERE id = 30`,
        `INSERT INTO bids (id, item_id, user_id, amount) VALUES (300, 30, 1, 2)`,
        `UPDATE items SET price = NULL WHERE id = 30`,
        `DELETE FROM bids WHERE id = 300`,
        `DELETE FROM items WHERE id = 30`,
        `SET SESSION binlog_row_image = 'FULL'`,
      );
      const changes = await run.untilChanges(5);
      expect(changes.map((change) => change.kind)).toEqual([
        'update',
        'insert',
        'update',
        'delete',
        'delete',
      ]);
      expect(changes[0]).toMatchObject({ itemId: '30', after: { currentPrice: '2.00' } });
      expect(changes[1]).toMatchObject({
        bidId: '300',
        after: { itemId: '30', bidderId: '1', amount: '2.00' },
      });
      expect(changes[2]).toMatchObject({ after: { currentPrice: null } });
      if (image === 'MINIMAL') {
        expect(changes[0]).toMatchObject({ before: {} });
        expect(field(changes[0] ?? {}, 'before')).toEqual({});
        expect(field(changes[2] ?? {}, 'after')).toEqual({ currentPrice: null });
        expect(field(changes[3] ?? {}, 'before')).toEqual({});
      }
    },
  );

  test('a status word that the mapping does not know stops the tail by name', async () => {
    const words = new Map(lab.mapping.statusWords);
    words.delete('sold');
    const run = lab.tail(await lab.position(), { mapping: { ...lab.mapping, statusWords: words } });
    await lab.run(`INSERT INTO items (id, status) VALUES (40, 'live'), (41, 'sold')`);
    await run.untilEnded();
    expect(run.error()).toMatchObject({ code: 'ROW_UNDECODABLE' });
    expect(run.error()?.message).toContain('items.status holds the word "sold"');
    expect(run.changes()).toEqual([]);
  });

  test('an ALTER while we lag: right by names, or stopped by name', async () => {
    const web = await TailLab.create(server);
    try {
      const before = web.mapping;
      const run = web.tail(await web.position());
      await web.run(
        `INSERT INTO bids (id, item_id, user_id, amount) VALUES (1, 7, 8, 9.5)`,
        `ALTER TABLE bids ADD COLUMN early INT FIRST`,
        `INSERT INTO bids (id, item_id, user_id, amount) VALUES (2, 7, 8, 9.5)`,
      );
      if (metadata === 'FULL') {
        const changes = await run.untilChanges(2);
        expect(changes[1]).toMatchObject({
          bidId: '2',
          after: { itemId: '7', bidderId: '8', amount: '9.50' },
        });
        await web.run(`ALTER TABLE bids RENAME COLUMN user_id TO bidder`);
        await web.run(`INSERT INTO bids (id, item_id, bidder, amount) VALUES (3, 7, 8, 9.5)`);
      }
      await run.untilEnded();
      expect(run.error()).toMatchObject({ code: 'SCHEMA_CHANGED' });
      expect(run.error()?.message).toMatch(metadata === 'FULL' ? /bids\.user_id/ : /bids\.id/);
      expect(before.bids.definition).toHaveLength(6);
    } finally {
      await web.close();
    }
  });
});

describe.each(FLAVOURS.filter((flavour) => flavour === 'mariadb'))(
  '%s’s old times and compressed columns',
  (flavour) => {
    test.each(['NO_LOG', 'FULL'])('of every precision, with %s metadata', async (metadata) => {
      const server = await startDatabase(flavour, {
        variables: { binlog_row_metadata: metadata, mysql56_temporal_format: 'OFF' },
      });
      try {
        for (const digits of [0, 1, 2, 3, 4, 5, 6]) {
          const precision = digits.toString();
          const lab = await TailLab.create(server, [
            `CREATE TABLE items (id INT PRIMARY KEY, t TIME(${precision}), ends_at DATETIME(${precision}), status VARCHAR(9), price INT)`,
            `CREATE TABLE bids (id INT PRIMARY KEY, item_id INT, user_id INT, d DATETIME(${precision}), created_at TIMESTAMP(${precision}) NULL, amount INT)`,
            `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(500) COMPRESSED, status TEXT COMPRESSED)`,
            `CREATE TABLE watchlist (user_id INT, item_id INT, PRIMARY KEY (user_id, item_id))`,
          ]);
          await lab.run(`SET time_zone = '+00:00'`);
          const run = lab.tail(await lab.position());
          await lab.run(
            `INSERT INTO items VALUES (1, '-12:34:56.789012', '2026-07-01 12:00:00.987654', 'live', 5)`,
            `INSERT INTO bids VALUES (1, 2, 3, '2026-07-01 12:00:00.5', '2026-07-01 12:00:00.987654', 6)`,
            `INSERT INTO users VALUES (1, REPEAT('é', 300), 'Banned'), (2, 'Bo', REPEAT('x', 300))`,
          );
          const ms = Number('987'.slice(0, digits).padEnd(3, '0'));
          const changes = await run.untilChanges(4);
          expect(changes).toMatchObject([
            { after: { endTimeMs: Date.UTC(2026, 6, 1, 12, 0, 0, ms), currentPrice: '5' } },
            { after: { placedAtMs: Date.UTC(2026, 6, 1, 12, 0, 0, ms), amount: '6' } },
            { after: { name: 'é'.repeat(300), mayConnect: false } },
            { after: { name: 'Bo', mayConnect: true } },
          ]);
          await lab.close();
        }
      } finally {
        await server.stop();
      }
    });
  },
);

/** A field that only some kinds of change have. */
function field(of: object, name: string): unknown {
  return Reflect.get(of, name);
}
