/** Values of the column types that hurt, and times across a change of clocks: on the wire equal to what a SELECT shows. */
import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createConnection } from 'mysql2/promise';
import type { Connection } from 'mysql2/promise';
import { encodeEvent } from '../../../src/protocol/event-message.ts';
import { createSourceAccount, FLAVOURS, startDatabase } from '../../support/database-server.ts';
import type { DatabaseServer, Flavour } from '../../support/database-server.ts';
import { findInstallation } from '../../support/database-installation.ts';
import type { PortalShape } from '../../support/portal-schema.ts';
import { FeedLab } from '../support/feed-lab.ts';
import type { FeedRun } from '../support/feed-lab.ts';

const ZONES = ['Europe/Berlin', 'America/New_York'];
const MAX_ID = '18446744073709551615';
const BIG = `${'9'.repeat(35)}.${'9'.repeat(29)}1`;
const NAME = 'Zoë “🦊” €';

/** An auction site of one's own making: every type that is allowed where the portals have plain ones. */
const TABLES = [
  `CREATE TABLE users (
     id INT UNSIGNED ZEROFILL PRIMARY KEY,
     name VARCHAR(50) CHARACTER SET utf8mb4 NOT NULL)`,
  `CREATE TABLE items (
     id BIGINT UNSIGNED PRIMARY KEY,
     status ENUM('active','sold, “paid”','it''s over, “maybe”') CHARACTER SET utf8mb4 NOT NULL,
     current_price DECIMAL(65,30) NULL,
     end_time DATETIME(6) NULL,
     seller_id INT UNSIGNED ZEROFILL NULL,
     highest_bidder_id INT UNSIGNED ZEROFILL NULL)`,
  `CREATE TABLE bids (
     id BIGINT UNSIGNED PRIMARY KEY,
     item_id BIGINT UNSIGNED NOT NULL,
     bidder_id INT UNSIGNED ZEROFILL NOT NULL,
     amount DECIMAL(65,30) NOT NULL,
     note VARCHAR(20) CHARACTER SET latin1 NULL,
     timestamp TIMESTAMP(6) NULL)`,
];

/** Wire messages of a run, amounts and ids as the text that is sent. */
function wire(run: FeedRun): string[] {
  return run.batches.flatMap(({ events }) =>
    events.flatMap((event) => {
      const context = { bidderNames: 'full', legacyTimesZone: null, serverTimeMs: 0 } as const;
      const nameOf = (): string | null => run.names.get(event.eventId) ?? null;
      return encodeEvent(event, { ...context, nameOf })?.json ?? [];
    }),
  );
}

/** Teaches a server the rules of some zones, as `mysql_tzinfo_to_sql` does for whole installations. */
async function loadZones(server: DatabaseServer, flavour: Flavour): Promise<void> {
  const { chroot } = findInstallation(flavour);
  const { host, port, admin } = server;
  const sql = await createConnection({
    host,
    port,
    ...admin,
    database: 'mysql',
    multipleStatements: true,
  });
  try {
    for (const zone of ZONES) {
      const tool = ['mysql_tzinfo_to_sql', `/usr/share/zoneinfo/${zone}`, zone];
      const [program = '', ...args] = chroot === null ? tool : ['chroot', chroot, ...tool];
      await sql.query(execFileSync(program, args, { encoding: 'utf8' }));
    }
  } finally {
    await sql.end();
  }
}

describe.each(FLAVOURS)('%s', (flavour) => {
  let server: DatabaseServer;
  let admin: Connection;
  const labs: FeedLab[] = [];
  const processZone = process.env['TZ'];

  beforeAll(async () => {
    server = await startDatabase(flavour);
    await loadZones(server, flavour);
    await server.restart();
    admin = await server.connect();
  });
  afterEach(async () => {
    for (const lab of labs.splice(0)) await lab.close();
    if (processZone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = processZone;
    await admin.query(`SET GLOBAL time_zone = 'SYSTEM'`);
  });
  afterAll(async () => {
    await admin.end();
    await server.stop();
  });

  async function portal(shape: PortalShape): Promise<FeedLab> {
    const lab = await FeedLab.create(server, shape);
    labs.push(lab);
    return lab;
  }

  test('decimals of 65 digits, the greatest ids, zerofill, labels with commas and quotes, four-byte names', async () => {
    const database = 'odd_types';
    await admin.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
    await admin.query(`USE ${database}`);
    for (const table of TABLES) await admin.query(table);
    const account = await createSourceAccount(server, database);
    const lab = new FeedLab(server, { database, shape: 'A', account });
    labs.push(lab);
    await lab.execute(`INSERT INTO users VALUES (7, '${NAME}'), (8, 'Bob')`);
    await lab.execute(
      `INSERT INTO items VALUES (${MAX_ID}, 'active', 0.000000000000000000000000000001, '2031-07-01 12:00:00.123456', 7, NULL)`,
    );
    const words = {
      'sold, “paid”': 'sold',
      "it's over, “maybe”": 'unsold',
    } as const;
    const run = lab.run({ mappingFile: { items: { statusWords: words } }, zone: 'UTC' });
    await run.started;
    await lab.execute(
      `INSERT INTO bids VALUES (${MAX_ID}, ${MAX_ID}, 7, ${BIG}, 'Ä€', '2026-07-01 10:00:00.654321')`,
    );
    await lab.execute(`UPDATE items SET current_price = ${BIG}, highest_bidder_id = 7`);
    await lab.execute(`UPDATE items SET end_time = '2031-07-01 12:00:05.999999'`);
    await lab.execute(`UPDATE items SET status = 'sold, “paid”'`);
    await run.untilEvents(3);
    const [bid] = await lab.rows(
      `SELECT CAST(b.id AS CHAR) AS id, CAST(b.item_id AS CHAR) AS item, b.bidder_id + 0 AS bidder, u.name AS name,
        CAST(b.amount AS CHAR) AS amount, CAST(FLOOR(UNIX_TIMESTAMP(b.timestamp) * 1000) AS CHAR) AS ms
       FROM bids b JOIN users u ON u.id = b.bidder_id`,
    );
    const [placed = '', extended = '', ended = ''] = wire(run);
    // Sent as JSON numbers with every digit: `JSON.parse` would round them.
    expect(placed).toContain(`"bidAmount":${String(bid?.['amount'])},`);
    expect(String(bid?.['amount'])).toBe(BIG);
    expect(JSON.parse(placed)).toMatchObject({
      type: 'bid_update',
      itemId: String(bid?.['item']),
      bidId: String(bid?.['id']),
      bidderId: Number(bid?.['bidder']),
      bidderName: String(bid?.['name']),
      timestamp: new Date(Number(bid?.['ms'])).toISOString(),
    });
    expect(bid?.['name']).toBe(NAME);
    expect(JSON.parse(extended)).toMatchObject({
      type: 'auction_extended',
      newEndTime: '2031-07-01T12:00:05.999Z',
    });
    expect(ended).toContain(`"finalPrice":${BIG},`);
    expect(JSON.parse(ended)).toMatchObject({ winnerId: 7, winnerName: NAME, outcome: 'sold' });
  });

  test('a zero date is no date, in the snapshot and in the stream', async () => {
    const lab = await portal('A');
    const seller = await lab.portal.addUser({ name: 'Sue' });
    await lab.execute(`SET GLOBAL sql_mode = ''`);
    const sql = await server.connect({ database: lab.database });
    const insert = `INSERT INTO items (title, description, starting_price, current_price, end_time, seller_id) VALUES`;
    await sql.query(`${insert} ('x', '', 1, 1, '0000-00-00 00:00:00', ${seller.toString()})`);
    const run = lab.run();
    await run.started;
    await sql.query(`${insert} ('y', '', 1, 1, '0000-00-00 00:00:00', ${seller.toString()})`);
    await run.untilEvents(1);
    await sql.end();
    expect([...run.feed.book.values()].map(({ endTimeMs }) => endTimeMs)).toEqual([null, null]);
    expect(JSON.parse(wire(run)[0] ?? '')).toMatchObject({
      type: 'auction_started',
      endTime: null,
    });
  });

  /** Around the changes of 2031: Berlin on 30 March and 26 October, New York on 9 March and 2 November. */
  const WALL_CLOCKS = [
    '2031-03-09 01:59:59',
    '2031-03-09 02:30:00',
    '2031-03-09 03:00:00',
    '2031-03-30 01:59:59',
    '2031-03-30 02:30:00',
    '2031-03-30 03:00:00',
    '2031-07-01 12:00:00',
    '2031-10-26 01:59:59',
    '2031-10-26 02:30:00',
    '2031-10-26 03:00:00',
    '2031-11-02 00:59:59',
    '2031-11-02 01:30:00',
    '2031-11-02 02:00:00',
    '2031-12-24 18:00:00',
  ];

  // DATETIME holds the wall clock of the session that the PHP API has; TIMESTAMP an instant, whatever the zones.
  const CASES = ['UTC', 'America/New_York', 'Asia/Kolkata'].flatMap((ours) =>
    [
      { server: 'Europe/Berlin', session: null, configured: null },
      { server: '+05:30', session: null, configured: null },
      { server: '+00:00', session: 'Europe/Berlin', configured: 'Europe/Berlin' },
      { server: 'Europe/Berlin', session: 'America/New_York', configured: 'America/New_York' },
    ].map((zones) => ({ ours, ...zones })),
  );

  test.each(CASES)(
    'our zone $ours, the server’s $server, the session’s $session: ends are those of the PHP page',
    async ({ ours, server: serverZone, session, configured }) => {
      process.env['TZ'] = ours;
      await admin.query(`SET GLOBAL time_zone = '${serverZone}'`);
      for (const shape of ['A', 'B'] as const) {
        const lab = await portal(shape);
        const php = await server.connect({ database: lab.database });
        if (session !== null) await php.query(`SET time_zone = '${session}'`);
        const [user] = await php.query(
          `INSERT INTO users (email, ${shape === 'A' ? 'password_hash' : 'password'}, name) VALUES ('a', 'b', 'Sue')`,
        );
        const seller = 'insertId' in user ? user.insertId.toString() : '';
        const add = async (texts: readonly string[]): Promise<void> => {
          for (const text of texts) {
            // The gap of spring is no TIMESTAMP: strict mode refuses it, and no API ever stored it.
            await php.query(
              `INSERT IGNORE INTO items (title, description, starting_price, current_price, end_time, seller_id, status)
               VALUES ('x', '', 1, 1, '${text}', ${seller}, 'active')`,
            );
          }
        };
        await add(WALL_CLOCKS);
        const run = lab.run(configured === null ? {} : { zone: configured });
        await run.started;
        await add(WALL_CLOCKS);
        await run.untilEvents(WALL_CLOCKS.length);
        const [rows] = await php.query({
          sql: 'SELECT id, UNIX_TIMESTAMP(end_time) * 1000 AS ms FROM items',
          rowsAsArray: true,
        });
        await php.end();
        const shown = new Map(
          (Array.isArray(rows) ? rows : []).map((row) => {
            const [id, ms] = Array.isArray(row) ? (row as unknown[]) : [];
            return [String(id), Number(ms)];
          }),
        );
        const counted = new Map(
          [...run.feed.book.values()].map((each) => [each.itemId, each.endTimeMs]),
        );
        expect(counted).toEqual(shown);
        expect(shown.size).toBe(2 * WALL_CLOCKS.length);
        await run.stop();
      }
    },
  );
});
