/** Connections that end: nothing lost, nothing repeated; positions that are lost: told, and a fresh book. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BidPlaced } from '../../src/auction/domain-event.ts';
import { AppError } from '../../src/errors.ts';
import { FLAVOURS, startDatabase } from '../support/database-server.ts';
import type { DatabaseServer } from '../support/database-server.ts';
import { until } from '../support/until.ts';
import { bookOf, FeedLab } from './support/feed-lab.ts';
import type { FeedRun } from './support/feed-lab.ts';

const HOUR_MS = 3_600_000;

describe.each(FLAVOURS)('%s', (flavour) => {
  let server: DatabaseServer;
  let lab: FeedLab;
  let item: number;
  let bidder: number;
  let price = 1;

  beforeAll(async () => {
    // Else a crash takes back what the portal was told is committed, and there is nothing to be right about.
    const durable = { innodb_flush_log_at_trx_commit: '1', sync_binlog: '1' };
    server = await startDatabase(flavour, { variables: durable });
  });
  beforeEach(async () => {
    lab = await FeedLab.create(server, 'A');
    const seller = await lab.portal.addUser({ name: 'Sue' });
    bidder = await lab.portal.addUser({ name: 'Ann' });
    const endTime = Date.now() + HOUR_MS;
    item = await lab.portal.addItem({
      title: 'one',
      startingPrice: '1.00',
      endTime,
      sellerId: seller,
    });
    price = 1;
  });
  afterEach(async () => {
    await lab.close();
  });
  afterAll(async () => {
    await server.stop();
  });

  async function bid(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn += 1) {
      price += 1;
      const amount = `${price.toString()}.00`;
      await lab.portal.placeBid({ itemId: item, userId: bidder, amount, style: 'autocommit' });
    }
  }

  function bidIds(run: FeedRun): number[] {
    const placed = run.events().filter((event): event is BidPlaced => event.type === 'BidPlaced');
    return placed.map((event) => Number(event.bidId));
  }

  /** Every bid from the first to the last, once each and in order. */
  async function expectAllBids(run: FeedRun, count: number): Promise<void> {
    await until(() => bidIds(run).length >= count, {
      withinMs: 40_000,
      what: () => `${count.toString()} bids; there are ${bidIds(run).length.toString()}`,
    });
    expect(bidIds(run)).toEqual(Array.from({ length: count }, (_, at) => at + 1));
    expect(run.resets).toEqual([]);
  }

  async function killDumps(): Promise<number> {
    const threads = await lab.rows(
      `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'`,
    );
    for (const thread of threads) await lab.execute(`KILL ${String(thread['id'])}`);
    return threads.length;
  }

  test('killed dump threads lose and repeat nothing', async () => {
    const run = lab.run();
    await run.started;
    for (let round = 0; round < 5; round += 1) {
      await bid(3);
      await until(async () => (await killDumps()) > 0, { what: 'a dump thread to kill' });
      await bid(2);
    }
    await expectAllBids(run, 25);
    expect(run.states.some((state) => state.state === 'connecting')).toBe(true);
    await until(() => run.feed.isFresh(), { what: 'fresh packets' });
  });

  test('the feed is fresh again only when all that was missed is published', async () => {
    const run = lab.run();
    await run.started;
    await bid(1);
    await expectAllBids(run, 1);
    await until(() => run.feed.isFresh(), { what: 'a fresh feed' });
    const bidsWhenFresh: number[] = [];
    run.feed.onState(() => {
      if (run.feed.isFresh()) bidsWhenFresh.push(bidIds(run).length);
    });
    bidsWhenFresh.length = 0;
    const { user } = lab.account;
    await lab.execute(`ALTER USER '${user}'@'%' ACCOUNT LOCK`);
    await until(async () => (await killDumps()) > 0, { what: 'a dump thread to kill' });
    await until(() => !run.feed.isFresh(), { what: 'the loss to be noticed' });
    await bid(200);
    await lab.execute(`ALTER USER '${user}'@'%' ACCOUNT UNLOCK`);
    await until(() => run.feed.isFresh(), { withinMs: 40_000, what: 'a fresh feed again' });
    await expectAllBids(run, 201);
    expect(bidsWhenFresh[0]).toBe(201);
  });

  test.each(['graceful', 'crash'] as const)(
    'a %s restart loses and repeats nothing',
    async (how) => {
      const run = lab.run();
      await run.started;
      await bid(5);
      await server.restart(how);
      await until(
        () =>
          bid(1).then(
            () => true,
            () => false,
          ),
        { what: 'the portal to write again' },
      );
      const written = price - 1;
      await bid(4);
      const rows = await lab.rows('SELECT COUNT(*) AS bids FROM bids');
      await expectAllBids(run, Number(rows[0]?.['bids']));
      expect(written).toBeGreaterThan(5);
    },
  );

  test('a source that is away at the start is waited for', async () => {
    server.signal('SIGSTOP');
    const run = lab.run({ connection: { ...lab.options().connection, connectTimeoutMs: 1_000 } });
    try {
      await until(
        () => run.states.some((state) => state.state === 'connecting' && state.attempt > 1),
        {
          withinMs: 30_000,
          what: 'a second try',
        },
      );
      expect(run.feed.isFresh()).toBe(false);
    } finally {
      server.signal('SIGCONT');
    }
    await run.started;
    await bid(2);
    await expectAllBids(run, 2);
  });

  test('purged binlogs: the publisher is told, the book is loaded afresh, no history is replayed', async () => {
    const run = lab.run();
    await run.started;
    await bid(2);
    await expectAllBids(run, 2);
    await loseTheBinlogs(run);
    await until(() => run.resets.length > 0 && run.feed.feedState().state === 'streaming', {
      withinMs: 40_000,
      what: 'a reset',
    });
    expect(run.resets).toHaveLength(1);
    const seen = bidIds(run).length;
    expect(bookOf(run.feed)).toEqual(await lab.truth());
    await bid(1);
    await until(() => bidIds(run).length > seen, { what: 'a bid after the reset' });
    expect(bidIds(run).slice(2)).toEqual([6]);
  });

  test('purged binlogs halt the feed where that is asked for', async () => {
    const run = lab.run({ onPositionLost: 'halt' });
    await run.started;
    await loseTheBinlogs(run);
    await until(() => run.feed.feedState().state === 'halted', {
      withinMs: 40_000,
      what: 'a halt',
    });
    expect(run.feed.feedState()).toMatchObject({ state: 'halted', code: 'BINLOG_POSITION_LOST' });
    expect(run.feed.isFresh()).toBe(false);
    expect(run.resets).toEqual([]);
  });

  /** Bids three times while nobody listens, and throws the binlogs that hold them away. */
  async function loseTheBinlogs(run: FeedRun): Promise<void> {
    const { user } = lab.account;
    await lab.execute(`ALTER USER '${user}'@'%' ACCOUNT LOCK`);
    await until(
      async () => {
        await killDumps();
        return run.feed.feedState().state === 'connecting';
      },
      { what: 'the feed to be locked out' },
    );
    await bid(3);
    await lab.execute('FLUSH BINARY LOGS');
    const purge = async (): Promise<boolean> => {
      const logs = await lab.rows('SHOW BINARY LOGS');
      await lab.execute(`PURGE BINARY LOGS TO '${String(logs.at(-1)?.['Log_name'])}'`);
      return (await lab.rows('SHOW BINARY LOGS')).length === 1;
    };
    // MariaDB keeps a log until the engine needs it no more for recovery.
    await until(purge, { what: 'the old binlogs to be purged' });
    await lab.execute(`ALTER USER '${user}'@'%' ACCOUNT UNLOCK`);
  }

  test('an altered table: the feed goes on with the new definition, nothing lost', async () => {
    const run = lab.run();
    await run.started;
    await bid(2);
    await lab.execute('ALTER TABLE bids ADD COLUMN note VARCHAR(20) NULL AFTER item_id');
    await bid(2);
    await lab.execute('ALTER TABLE items DROP COLUMN commission_rate');
    await bid(2);
    await expectAllBids(run, 6);
    await until(() => JSON.stringify([...bookOf(run.feed)]) !== '[]', { what: 'a book' });
    expect(bookOf(run.feed)).toEqual(await lab.truth());
  });

  test('a column that is gone halts the feed by name', async () => {
    const run = lab.run();
    await run.started;
    await lab.execute('ALTER TABLE items RENAME COLUMN end_time TO finish');
    await until(() => run.feed.feedState().state === 'halted', { what: 'a halt' });
    const state = run.feed.feedState();
    expect(state).toMatchObject({ state: 'halted', code: 'SCHEMA_CHANGED' });
    expect(state.state === 'halted' ? state.reason : '').toContain('endTime');
  });

  test('stop before the first stream rejects the start', async () => {
    const { host } = server;
    const nowhere = { ...lab.options().connection, host, port: 1 };
    const run = lab.run({ connection: nowhere });
    await until(() => run.states.some((state) => state.state === 'connecting'), { what: 'a try' });
    await run.stop();
    await expect(run.started).rejects.toBeInstanceOf(AppError);
  });
});
