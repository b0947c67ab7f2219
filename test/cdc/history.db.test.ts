/**
 * The law of replays: a feed that starts later tells the past again as the one that was there told it, byte for byte,
 * and goes on from there. In all shapes and styles, on both servers; and where that cannot be, it says so.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FLAVOURS, startDatabase } from '../support/database-server.ts';
import type { DatabaseServer } from '../support/database-server.ts';
import { PORTAL_SHAPES } from '../support/portal-schema.ts';
import type { PortalShape } from '../support/portal-schema.ts';
import { fillPortal as fill, tellStory as story } from '../support/portal-story.ts';
import { until } from '../support/until.ts';
import { bookOf, FeedLab } from './support/feed-lab.ts';
import { WireRun } from './support/wire-run.ts';

const HOUR_MS = 3_600_000;

describe.each(FLAVOURS)('%s', (flavour) => {
  let server: DatabaseServer;
  let directory: string;
  const labs: FeedLab[] = [];
  const runs: WireRun[] = [];

  beforeAll(async () => {
    server = await startDatabase(flavour);
    directory = mkdtempSync(join(tmpdir(), 'gavelcast-history-'));
  });
  afterEach(async () => {
    for (const run of runs.splice(0)) await run.stop();
    for (const lab of labs.splice(0)) await lab.close();
  });
  afterAll(async () => {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function createLab(shape: PortalShape): Promise<FeedLab> {
    const lab = await FeedLab.create(server, shape);
    labs.push(lab);
    return lab;
  }

  async function start(lab: FeedLab, more: Parameters<FeedLab['options']>[0] = {}) {
    const run = new WireRun(lab.options({ historyMs: HOUR_MS, ...more }));
    runs.push(run);
    await run.started;
    return run;
  }

  test.each(PORTAL_SHAPES)('shape %s: the replay equals the live events', async (shape) => {
    const lab = await createLab(shape);
    const { ann, bob, items } = await fill(lab);
    const live = await start(lab);
    await story(lab, { ann, bob, items });
    await lab.execute('FLUSH BINARY LOGS');
    await story(lab, { ann: bob, bob: ann, items });
    await live.untilCaughtUp(lab);
    const later = await start(lab);
    expect(later.live).toEqual([]);
    expect(later.replayed.length).toBeGreaterThan(40);
    expect(later.wires.slice(-live.wires.length)).toEqual(live.wires);
    expect(bookOf(later.feed)).toEqual(await lab.truth());
    expect(bookOf(later.feed)).toEqual(bookOf(live.feed));
    // And both go on alike.
    const before = later.wires.length;
    await story(lab, { ann, bob, items });
    await live.untilCaughtUp(lab);
    await later.untilCaughtUp(lab);
    expect(later.live.length).toBeGreaterThan(10);
    expect(later.wires.slice(before)).toEqual(live.wires.slice(-(later.wires.length - before)));
  });

  test('under load, again and again, from the checkpoint and without', async () => {
    const lab = await createLab(flavour === 'mariadb' ? 'A' : 'B-bare');
    const { ann, bob, items } = await fill(lab);
    const live = await start(lab);
    const loading = new AbortController();
    const writers = [ann, bob, ann].map((user, at) =>
      bidUntil(lab, { user, items, at, signal: loading.signal }),
    );
    const checkpointFile = join(directory, `load-${flavour}.json`);
    for (let turn = 0; turn < 4; turn += 1) {
      const warm = await start(lab, { checkpointFile });
      const cold = await start(lab);
      await until(() => warm.live.length > 15 && cold.live.length > 15, {
        withinMs: 30_000,
        what: 'live events',
      });
      await warm.stop();
      await cold.stop();
      await live.untilSeen(warm.wires.at(-1));
      await live.untilSeen(cold.wires.at(-1));
      for (const run of [warm, cold]) {
        expect(run.log.filter(({ level }) => level === 'error')).toEqual([]);
        const from = run.wires.indexOf(live.wires[0] ?? '');
        const upTo = live.wires.indexOf(run.wires.at(-1) ?? '');
        expect(from).toBeGreaterThanOrEqual(0);
        expect(run.wires.slice(from)).toEqual(live.wires.slice(0, upTo + 1));
      }
    }
    loading.abort();
    await Promise.all(writers);
  }, 180_000);

  test('a session with row image MINIMAL: the history begins after it', async () => {
    const lab = await createLab('A');
    const { ann, bob, items } = await fill(lab);
    const live = await start(lab);
    await story(lab, { ann, bob, items });
    const [item = 0] = items;
    const session = await lab.server.connect({ database: lab.database });
    await session.query(`SET SESSION binlog_row_image = 'MINIMAL'`);
    await session.query('UPDATE items SET end_time = end_time + INTERVAL 1 HOUR WHERE id = ?', [
      item,
    ]);
    await session.end();
    await until(() => live.wires.at(-1)?.includes('auction_extended'), { what: 'the extension' });
    const told = live.wires.length;
    await story(lab, { ann: bob, bob: ann, items });
    await live.untilCaughtUp(lab);
    const later = await start(lab);
    expect(later.wires).toEqual(live.wires.slice(told));
    expect(later.lines('history filled')).toMatchObject([{ cutBy: 'partial image' }]);
  });

  test('a change that the binlog does not show: no history, and nothing invented', async () => {
    const lab = await createLab('A');
    const { ann, bob, items } = await fill(lab);
    await story(lab, { ann, bob, items });
    const [item = 0] = items;
    const session = await lab.server.connect({ database: lab.database });
    await session.query('SET SESSION sql_log_bin = 0');
    await session.query('UPDATE items SET current_price = 777.00 WHERE id = ?', [item]);
    await session.end();
    const later = await start(lab);
    expect(later.wires).toEqual([]);
    expect(later.lines('history refused')).toMatchObject([{ level: 'error' }]);
    expect(bookOf(later.feed)).toEqual(await lab.truth());
    await lab.portal.placeBid({
      itemId: item,
      userId: ann,
      amount: '800.00',
      style: 'transaction',
    });
    await later.untilCaughtUp(lab);
    expect(later.live.length).toBeGreaterThan(0);
  });

  test('an altered table: the history begins after it', async () => {
    const lab = await createLab('A');
    const { ann, bob, items } = await fill(lab);
    await story(lab, { ann, bob, items });
    await lab.execute('ALTER TABLE items ADD COLUMN colour VARCHAR(9) NULL AFTER title');
    const later = await start(lab);
    expect(later.wires).toEqual([]);
    await story(lab, { ann: bob, bob: ann, items });
    await later.untilCaughtUp(lab);
    const again = await start(lab);
    expect(again.wires).toEqual(later.wires);
  });

  test('bounded: the newest changes are kept', async () => {
    const lab = await createLab('B');
    const { ann, bob, items } = await fill(lab);
    const live = await start(lab);
    await story(lab, { ann, bob, items });
    await story(lab, { ann: bob, bob: ann, items });
    await live.untilCaughtUp(lab);
    const later = await start(lab, { historyRefillChangesMax: 30 });
    expect(later.wires.length).toBeGreaterThan(5);
    expect(later.wires).toEqual(live.wires.slice(-later.wires.length));
    expect(later.lines('history filled')[0]?.['cutBy']).toMatch(/more than 30 row changes/);
  });

  test('what is older than the window is not told again', async () => {
    const lab = await createLab('A');
    const { ann, bob, items } = await fill(lab);
    await story(lab, { ann, bob, items });
    const later = await start(lab, { historyMs: 1 });
    const [item = 0] = items;
    await lab.portal.moveEndTime(item, Date.now() + 5 * HOUR_MS);
    await until(() => later.live.length > 0, { what: 'what came after' });
    expect(later.replayed).toEqual([]);
    expect(later.live).toHaveLength(1);
  });
});

async function bidUntil(
  lab: FeedLab,
  options: {
    readonly user: number;
    readonly items: readonly number[];
    readonly at: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { user, items, signal } = options;
  const style = options.at % 2 === 0 ? 'transaction' : 'autocommit';
  for (let turn = 0; !signal.aborted; turn += 1) {
    const itemId = items[(turn + options.at) % items.length] ?? 0;
    const amount = (10 + turn + options.at / 10).toFixed(2);
    await lab.portal.placeBid({ itemId, userId: user, amount, style }).catch((error: unknown) => {
      if (!(error instanceof Error) || error.name !== 'BidRejected') throw error;
    });
  }
}
