/**
 * Starts from a checkpoint: taken up where the source goes on from it; refused, by name and before anything is
 * streamed, where it does not.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { formatCheckpoint, parseCheckpoint } from '../../../cdc/continuity/checkpoint.ts';
import type { Checkpoint } from '../../../cdc/continuity/checkpoint.ts';
import { startDatabase } from '../../support/database-server.ts';
import type { DatabaseServer } from '../../support/database-server.ts';
import { SOURCE_KINDS } from '../../support/source-kinds.ts';
import { until } from '../../support/until.ts';
import { bookOf, FeedLab } from '../support/feed-lab.ts';
import { WireRun } from '../support/wire-run.ts';

const HOUR_MS = 3_600_000;

describe.each(SOURCE_KINDS)('$name', ({ flavour, variables }) => {
  let server: DatabaseServer;
  let directory: string;
  let lab: FeedLab;
  let checkpointFile: string;
  let item = 0;
  let ann = 0;
  let price = 1;
  const runs: WireRun[] = [];

  beforeAll(async () => {
    server = await startDatabase(flavour, { variables });
    directory = mkdtempSync(join(tmpdir(), 'gavelcast-checkpoint-'));
  });
  afterEach(async () => {
    for (const run of runs.splice(0)) await run.stop();
    await lab.close();
  });
  afterAll(async () => {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** A portal with one item, and a feed that has told of three bids and stopped. */
  async function past(): Promise<WireRun> {
    lab = await FeedLab.create(server, 'A');
    checkpointFile = join(directory, `${lab.database}.json`);
    const sellerId = await lab.portal.addUser({ name: 'Sue', role: 'seller' });
    ann = await lab.portal.addUser({ name: 'Ann' });
    const endTime = Date.now() + HOUR_MS;
    item = await lab.portal.addItem({ title: 'one', startingPrice: '1.00', endTime, sellerId });
    const run = await start();
    await bids(3);
    await run.untilCaughtUp(lab);
    await run.stop();
    return run;
  }

  function begin(more: Parameters<FeedLab['options']>[0] = {}): WireRun {
    const run = new WireRun(lab.options({ historyMs: HOUR_MS, checkpointFile, ...more }));
    runs.push(run);
    return run;
  }

  async function start(more: Parameters<FeedLab['options']>[0] = {}): Promise<WireRun> {
    const run = begin(more);
    await run.started;
    return run;
  }

  async function bids(count: number): Promise<void> {
    for (let at = 0; at < count; at += 1) {
      price += 1;
      const amount = `${price.toString()}.00`;
      await lab.portal.placeBid({ itemId: item, userId: ann, amount, style: 'transaction' });
    }
  }

  /** Leaves the newest binlog alone; servers keep a file for a while that somebody read or that recovery may need. */
  async function purge(): Promise<void> {
    await until(
      async () => {
        const logs = await lab.rows('SHOW BINARY LOGS');
        if (logs.length === 1) return true;
        await lab.execute(`PURGE BINARY LOGS TO '${String(logs.at(-1)?.['Log_name'])}'`);
        return false;
      },
      { withinMs: 30_000, what: 'old binlogs to go' },
    );
  }

  function saved(): Checkpoint {
    const parsed = parseCheckpoint(readFileSync(checkpointFile, 'utf8'));
    if (!parsed.ok) throw new Error(parsed.why);
    return parsed.checkpoint;
  }

  function rewrite(change: Partial<Checkpoint>): void {
    writeFileSync(checkpointFile, formatCheckpoint({ ...saved(), ...change }));
  }

  /** Starts and expects the refusal: no history, a fresh book, and on it goes, with a checkpoint of its own. */
  async function expectRefusal(why: RegExp): Promise<void> {
    const run = await start();
    expect(run.replayed).toEqual([]);
    expect(run.lines('position lost')).toMatchObject([
      { level: 'error', code: 'BINLOG_POSITION_LOST', text: expect.stringMatching(why) as string },
    ]);
    expect(bookOf(run.feed)).toEqual(await lab.truth());
    const told = run.live.length;
    await bids(1);
    await until(() => run.live.length > told, { what: 'live events' });
    await run.stop();
    const again = await start();
    expect(again.lines('position lost')).toEqual([]);
    expect(again.lines('history filled')).toHaveLength(1);
  }

  test('what was committed while nobody was there is in the history, after what was told', async () => {
    const before = await past();
    await bids(4);
    await lab.execute('FLUSH BINARY LOGS');
    await bids(2);
    const run = await start();
    expect(run.live).toEqual([]);
    const at = run.replayed.indexOf(before.wires[0] ?? '');
    expect(run.replayed.slice(at, at + before.wires.length)).toEqual(before.wires);
    const missed = run.replayed.slice(at + before.wires.length);
    expect(missed.map((wire) => /"type":"(\w+)"/.exec(wire)?.[1])).toEqual(
      Array.from({ length: 6 }, () => 'bid_update'),
    );
    expect(run.lines('position lost')).toEqual([]);
  });

  test('it advances on transactions that touch no mapped table, and only forward', async () => {
    await past();
    const run = await start();
    const seen: Checkpoint[] = [];
    for (let round = 0; round < 3; round += 1) {
      const before = saved();
      await lab.execute(`INSERT INTO events (type) VALUES ('nothing of ours')`);
      await until(() => saved().position.binlog.offset > before.position.binlog.offset, {
        what: 'the checkpoint to move',
      });
      seen.push(saved());
    }
    expect(new Set(seen.map((it) => it.position.gtidSet ?? it.position.binlog.offset)).size).toBe(
      3,
    );
    expect(seen.map((it) => it.committedAtMs)).toEqual(
      seen.map((it) => it.committedAtMs).toSorted((a, b) => a - b),
    );
    expect(run.lines('checkpoint unwritable')).toEqual([]);
  });

  test('the last one is written on stop', async () => {
    await past();
    const { position } = saved();
    const [row] = await lab.rows(
      flavour === 'mariadb' ? 'SHOW MASTER STATUS' : 'SHOW BINARY LOG STATUS',
    );
    expect(position.binlog).toEqual({
      file: row?.['File'] as unknown,
      offset: row?.['Position'] as unknown,
    });
  });

  test('a checkpoint that is ahead of the server is refused', async () => {
    await past();
    const { position } = saved();
    const { gtidSet, binlog } = position;
    const ahead =
      gtidSet === null
        ? { gtidSet, binlog: { ...binlog, offset: binlog.offset + 100_000 } }
        : {
            gtidSet: gtidSet.replace(/\d+$/, (number) => (Number(number) + 1000).toString()),
            binlog,
          };
    rewrite({ position: ahead });
    await expectRefusal(/reset|restored|we have seen/);
  });

  test('purged binlogs that were not read are a lost position', async () => {
    await past();
    await bids(1);
    await lab.execute('FLUSH BINARY LOGS');
    await bids(1);
    await lab.execute('FLUSH BINARY LOGS');
    await purge();
    await expectRefusal(/purged|no binlog/);
  });

  test('purged binlogs that were read are none', async () => {
    await past();
    await lab.execute('FLUSH BINARY LOGS');
    const between = await start();
    await between.stop();
    await purge();
    await bids(2);
    const run = await start();
    expect(run.lines('position lost')).toEqual([]);
    expect(run.replayed.length).toBeGreaterThanOrEqual(2);
  });

  test('a server whose logs were reset is another one, although its numbers have come as far', async () => {
    await past();
    const reset = flavour === 'mariadb' ? 'RESET MASTER' : 'RESET BINARY LOGS AND GTIDS';
    await lab.execute(reset);
    // Numbers and offsets beyond the ones that were seen.
    const was = saved().position;
    await until(
      async () => {
        await lab.execute(
          `INSERT INTO events (type, payload) VALUES ('x', '"${'x'.repeat(200)}"')`,
        );
        const [row] = await lab.rows(
          flavour === 'mariadb' ? 'SHOW MASTER STATUS' : 'SHOW BINARY LOG STATUS',
        );
        return Number(row?.['Position']) > was.binlog.offset + 2_000;
      },
      { withinMs: 60_000, everyMs: 1, what: 'the new log to be as long' },
    );
    const run = await start();
    const isTold = flavour === 'mariadb' || was.gtidSet === null;
    // MySQL numbers transactions under the same uuid again: nothing tells the two histories apart but the times in ids.
    if (isTold) expect(run.lines('position lost')).toHaveLength(1);
    expect(run.wires.filter((wire) => wire.includes('bid_update'))).toEqual([]);
  });

  test('with ON_POSITION_LOST=halt it stops and says which file to remove', async () => {
    await past();
    rewrite({ flavour: flavour === 'mariadb' ? 'mysql' : 'mariadb' });
    const run = begin({ onPositionLost: 'halt' });
    await expect(run.started).rejects.toThrow(checkpointFile);
    expect(run.feed.feedState()).toMatchObject({ state: 'halted', code: 'BINLOG_POSITION_LOST' });
    await run.stop();
    expect(saved().flavour).not.toBe(flavour);
  });

  test('another server, where positions are its own', async () => {
    await past();
    rewrite({ identity: 'another' });
    if (saved().position.gtidSet === null) {
      await expectRefusal(/another server/);
    } else {
      // GTIDs are good on every server that has them.
      const run = await start();
      expect(run.lines('position lost')).toEqual([]);
      expect(run.replayed.length).toBeGreaterThan(0);
    }
  });

  test('a table altered meanwhile: the position holds, the history begins anew', async () => {
    await past();
    await lab.execute('ALTER TABLE items MODIFY COLUMN title VARCHAR(300) NOT NULL');
    await bids(1);
    const run = await start();
    expect(run.lines('position lost')).toEqual([]);
    expect(run.lines('history unavailable')).toHaveLength(1);
    expect(run.wires).toEqual([]);
    expect(bookOf(run.feed)).toEqual(await lab.truth());
  });

  test('a checkpoint that is no more is moved aside, and the start is a cold one', async () => {
    const before = await past();
    writeFileSync(checkpointFile, formatCheckpoint(saved()).slice(0, 100));
    const run = await start();
    expect(run.lines('checkpoint unusable')).toHaveLength(1);
    expect(
      readdirSync(directory).some((name) => name.startsWith(`${lab.database}.json.unread-`)),
    ).toBe(true);
    expect(run.replayed).toEqual(expect.arrayContaining(before.wires));
  });

  test('XA: prepared before the stop and committed after the start', async () => {
    await past();
    const session = await lab.server.connect({ database: lab.database });
    try {
      price += 1;
      await session.query(`XA START 'sale'`);
      await session.query('INSERT INTO bids (item_id, bidder_id, amount) VALUES (?, ?, ?)', [
        item,
        ann,
        price,
      ]);
      await session.query(`XA END 'sale'`);
      await session.query(`XA PREPARE 'sale'`);
      await lab.execute(`INSERT INTO events (type) VALUES ('nothing of ours')`);
      const run = await start();
      const told = run.replayed.length;
      await session.query(`XA COMMIT 'sale'`);
      await until(() => run.live.length > 0, { what: 'the bid' });
      expect(run.live).toHaveLength(1);
      expect(run.resets).toEqual([]);
      expect(bookOf(run.feed)).toEqual(await lab.truth());
      await run.stop();
      const again = await start();
      expect(again.replayed.slice(told)).toEqual(run.live);
    } finally {
      await session.end();
    }
  });
});
