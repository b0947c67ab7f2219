/** A real replica whose replication stops, as the feed and the doctor see it. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Check } from '../../cdc/checks/check.ts';
import { diagnose } from '../../cdc/checks/doctor.ts';
import { ReplicationWatch } from '../../cdc/replication-watch.ts';
import { DatabasePool } from '../../cdc/source/database-pool.ts';
import type { FeedOptions } from '../../cdc/feed.ts';
import { FLAVOURS, startDatabase } from '../support/database-server.ts';
import type { DatabaseServer } from '../support/database-server.ts';
import { setApplying, startReplica } from '../support/replica.ts';
import { until } from '../support/until.ts';
import { FeedLab, memoryLog } from './support/feed-lab.ts';
import type { FeedRun, LogLine } from './support/feed-lab.ts';

const WITHIN = { withinMs: 30_000 };
const HOUR_MS = 3_600_000;

describe.each(FLAVOURS)('%s', (flavour) => {
  const isMariadb = flavour === 'mariadb';
  const noun = isMariadb ? 'SLAVE' : 'REPLICA';
  let primary: DatabaseServer;
  let replica: DatabaseServer;
  /** The portal writes to the primary; feeds read the replica. */
  let portal: FeedLab;
  let beside: FeedLab;
  /** Leaves no trace in the replica's log. */
  let admin: Connection;
  let bidder: number;
  let item: number;
  let price = 1;

  beforeAll(async () => {
    primary = await startDatabase(flavour);
    portal = await FeedLab.create(primary, 'A');
    replica = await startReplica(primary);
    const { database, shape, account } = portal;
    beside = new FeedLab(replica, { database, shape, account });
    admin = await replica.connect();
    await admin.query('SET sql_log_bin = 0');
    if (isMariadb) await allow('GRANT');
    bidder = await portal.portal.addUser({ name: 'Ann' });
    const endTime = Date.now() + HOUR_MS;
    const auction = { title: 'x', startingPrice: '1.00', sellerId: bidder };
    item = await portal.portal.addItem({ ...auction, endTime });
    await replicated(item, 'items');
  });
  afterEach(async () => {
    await beside.stopRuns();
  });
  afterAll(async () => {
    await admin.end();
    for (const lab of [beside, portal]) await lab.close();
    for (const server of [replica, primary]) await server.stop();
  });

  async function allow(what: 'GRANT' | 'REVOKE'): Promise<void> {
    const { user } = portal.account;
    const to = what === 'GRANT' ? 'TO' : 'FROM';
    const isThere = async (): Promise<boolean> => {
      const sql = 'SELECT 1 FROM mysql.user WHERE user = ?';
      const [rows] = await admin.query<RowDataPacket[]>(sql, [user]);
      return rows.length > 0;
    };
    await until(isThere, { ...WITHIN, what: 'the account on the replica' });
    await admin.query(`${what} REPLICA MONITOR ON *.* ${to} '${user}'@'%'`);
  }

  async function replicated(id: number, table: string): Promise<void> {
    const isThere = async (): Promise<boolean> => {
      const sql = `SELECT id FROM ${table} WHERE id = ?`;
      const rows = await beside.rows(sql, [id]).catch(() => []);
      return rows.length > 0;
    };
    await until(isThere, { ...WITHIN, what: `${table} ${id.toString()} on the replica` });
  }

  async function bidOn(lab: FeedLab): Promise<number> {
    price += 1;
    const bid = { itemId: item, userId: bidder, amount: `${price.toString()}.00` };
    return lab.portal.placeBid({ ...bid, style: 'autocommit' });
  }

  async function watching(options: Partial<FeedOptions> = {}): Promise<FeedRun> {
    const run = beside.run({ replicationEveryMs: 50, ...options });
    await run.started;
    return run;
  }

  async function untilRuns(run: FeedRun, runs: boolean | null): Promise<void> {
    await until(() => run.feed.counters().replicationRuns === runs, {
      ...WITHIN,
      what: () => `${String(runs)}; it is ${String(run.feed.counters().replicationRuns)}`,
    });
  }

  /** Of anything, by the server's own count (MariaDB). */
  async function refusals(): Promise<number> {
    const [rows] = await admin.query<RowDataPacket[]>(
      `SHOW GLOBAL STATUS LIKE 'Access_denied_errors'`,
    );
    return Number(rows[0]?.['Value']);
  }

  /** Each refusal is a line in the server's log: twenty questions later there is none more. */
  async function askedNoMore(): Promise<void> {
    let last = Number.NaN;
    const isSame = async (): Promise<boolean> => {
      const before = last;
      last = await refusals();
      return last === before;
    };
    await until(isSame, { ...WITHIN, everyMs: 1000, what: 'an end of the refusals' });
  }

  function linesOf(run: FeedRun, event: string): LogLine[] {
    return run.log.filter((line) => line.event === event);
  }

  async function doctor(): Promise<Check | undefined> {
    const deps = { log: memoryLog([]), now: Date.now };
    const { checks } = await diagnose(beside.options(), deps);
    return checks.find(({ id }) => id === 'replication');
  }

  test('stopped applying: stale, told once, and back with what was missed', async () => {
    const run = await watching();
    await untilRuns(run, true);
    expect(await doctor()).toMatchObject({ level: 'ok' });
    expect((await doctor())?.what).toContain('127.0.0.1');

    await setApplying(replica, false);
    await untilRuns(run, false);
    const bidId = await bidOn(portal);
    expect(run.feed.isFresh()).toBe(false);
    expect(run.feed.feedState()).toMatchObject({ state: 'streaming', replicationStopped: true });
    const stopped = await doctor();
    expect(stopped).toMatchObject({ level: 'problem' });
    expect(stopped?.what).toContain('applies nothing of 127.0.0.1 (no error)');
    expect(stopped?.fix).toContain(isMariadb ? 'START ALL SLAVES;' : 'START REPLICA;');
    // Some answers later it is still told once.
    await bidOn(portal);

    await setApplying(replica, true);
    await untilRuns(run, true);
    await until(() => run.feed.isFresh(), { ...WITHIN, what: 'a fresh feed' });
    expect(run.feed.feedState()).not.toHaveProperty('replicationStopped');
    const events = await run.untilEvents(2);
    expect(events[0]).toMatchObject({ type: 'BidPlaced', bidId: bidId.toString() });
    expect(linesOf(run, 'replication stopped')).toMatchObject([
      { level: 'warn', fields: { channel: '', thread: 'applying', errno: 0 } },
    ]);
    expect(linesOf(run, 'replication runs again')).toMatchObject([{ level: 'info' }]);
  });

  test('stopped by an error: its number is told, and no value of the row', async () => {
    const run = await watching();
    const email = 'private-sesame@example.test';
    await admin.query(
      `INSERT INTO ${beside.database}.users (id, email, password_hash, name) VALUES (9000, ?, 'p', 'n')`,
      [email],
    );
    await portal.execute(
      `INSERT INTO users (email, password_hash, name) VALUES ('${email}', 'p', 'n')`,
    );
    await untilRuns(run, false);
    const [line] = linesOf(run, 'replication stopped');
    expect(line?.fields).toMatchObject({ thread: 'applying', errno: 1062 });
    const found = await doctor();
    expect(found?.what).toContain('error 1062');
    expect(JSON.stringify([run.log, found])).not.toContain('sesame');
    if (isMariadb) {
      // There was something to be told.
      const [status] = await admin.query('SHOW ALL SLAVES STATUS');
      expect(JSON.stringify(status)).toContain('sesame');
    }
    await admin.query(`DELETE FROM ${beside.database}.users WHERE id = 9000`);
    await admin.query(`START ${noun}`);
    await untilRuns(run, true);
  });

  if (isMariadb) {
    test('without the right to look: warned, with the grant that helps', async () => {
      await allow('REVOKE');
      const run = await watching();
      const found = await doctor();
      expect(found).toMatchObject({ id: 'replication', level: 'warning' });
      expect(linesOf(run, 'preflight warning')).toHaveLength(1);
      await setApplying(replica, false);
      await askedNoMore();
      expect(run.feed.counters().replicationRuns).toBeNull();
      expect(linesOf(run, 'replication stopped')).toEqual([]);

      await admin.query(/GRANT .*;/.exec(found?.fix ?? '')?.[0] ?? 'no statement');
      await beside.stopRuns();
      const allowed = await watching();
      await untilRuns(allowed, false);
      expect(await doctor()).toMatchObject({ level: 'problem' });
      await setApplying(replica, true);
      await untilRuns(allowed, true);
    });
  }

  test('what is known of one server says nothing of the next', async () => {
    const found = await (await watching({ replicationEveryMs: 0 })).started;
    const pool = new DatabasePool(beside.options().connection);
    let source = { ...found, identity: 'a' };
    const options = { pool, source: () => source, writer: () => null, everyMs: 50 };
    const watch = new ReplicationWatch(options, { log: memoryLog([]) });
    await setApplying(replica, false);
    watch.start();
    await until(() => watch.runs === false, { ...WITHIN, what: 'a standstill' });
    source = { ...found, identity: 'b' };
    expect(watch.runs).toBeNull();
    await until(() => watch.runs === false, { ...WITHIN, what: 'a standstill of the other' });
    await setApplying(replica, true);
    await until(() => watch.runs === true, { ...WITHIN, what: 'an end of it' });
    pool.close();
    await watch.stop();
  });

  test('receives nothing: stale, until the source is written to itself', async () => {
    const run = await watching();
    await bidOn(portal);
    await run.untilEvents(1);
    await admin.query(`STOP ${noun}`);
    await untilRuns(run, false);
    expect(await doctor()).toMatchObject({ level: 'problem' });
    const [line] = linesOf(run, 'replication stopped');
    expect(line?.fields).toMatchObject({ thread: 'receiving', errno: 0 });
    // It takes over, and nobody has told it to forget what it replicated from.
    await bidOn(beside);
    await untilRuns(run, null);
    expect(run.feed.feedState()).not.toHaveProperty('replicationStopped');
    await admin.query(`RESET ${noun} ALL`);
    expect(await doctor()).toMatchObject({ level: 'ok', what: 'the server is no replica' });
  });
});
