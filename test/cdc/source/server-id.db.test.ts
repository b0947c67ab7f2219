/** Server ids: two feeds never evict each other, and one that comes back is not kept out by its own last connection. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FLAVOURS, startDatabase } from '../../support/database-server.ts';
import type { DatabaseServer } from '../../support/database-server.ts';
import { until } from '../../support/until.ts';
import { FeedLab } from '../support/feed-lab.ts';
import type { FeedRun } from '../support/feed-lab.ts';

describe.each(FLAVOURS)('%s', (flavour) => {
  let server: DatabaseServer;
  let lab: FeedLab;
  let itemId = 0;
  let bidder = 0;
  let cents = 1000;

  beforeAll(async () => {
    server = await startDatabase(flavour);
    lab = await FeedLab.create(server, 'A');
    bidder = await lab.portal.addUser({ name: 'Ann' });
    itemId = await lab.portal.addItem({
      title: 'lot',
      startingPrice: '1.00',
      endTime: Date.now() + 3_600_000,
      sellerId: bidder,
    });
  });
  afterEach(async () => {
    await lab.stopRuns();
  });
  afterAll(async () => {
    await lab.close();
    await server.stop();
  });

  async function bid(): Promise<void> {
    cents += 1;
    const amount = (cents / 100).toFixed(2);
    await lab.portal.placeBid({ itemId, userId: bidder, amount, style: 'transaction' });
  }

  function lines(run: FeedRun, event: string): string[] {
    return run.log
      .filter((line) => line.event === event)
      .map((line) => String(line.fields['text']));
  }

  test('derived ids: two feeds stream side by side', async () => {
    const [first, second] = [lab.run(), lab.run()];
    const sources = await Promise.all([first.started, second.started]);
    expect(sources[0].serverId).not.toBe(sources[1].serverId);
    for (let turn = 0; turn < 5; turn += 1) await bid();
    await Promise.all([first.untilEvents(5), second.untilEvents(5)]);
    expect([...lines(first, 'source retry'), ...lines(second, 'source retry')]).toEqual([]);
  });

  test('one id for two: the second is told so and waits, the first never stops; then the second takes over', async () => {
    const first = lab.run({ serverId: 77 });
    await first.started;
    const second = lab.run({ serverId: 77 });
    await until(() => lines(second, 'source retry').length >= 3, {
      withinMs: 40_000,
      what: 'the second to be refused three times',
    });
    for (const text of lines(second, 'source retry')) expect(text).toContain('server id 77');
    expect(second.log.find((line) => line.event === 'source retry')).toMatchObject({
      level: 'error',
      fields: { code: 'SERVER_ID_CONFLICT' },
    });
    await bid();
    await first.untilEvents(1);
    expect(first.states.map((state) => state.state)).not.toContain('connecting');
    expect(second.events()).toEqual([]);
    await first.stop();
    await second.started;
    await bid();
    await second.untilEvents(1);
  });

  test('a set id survives the death of its connection', async () => {
    const run = lab.run({ serverId: 78 });
    await run.started;
    for (let turn = 1; turn <= 3; turn += 1) {
      const dumps = await lab.rows(
        `SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'`,
      );
      for (const row of dumps) await lab.execute(`KILL ${String(row['ID'])}`);
      await until(() => run.log.filter((line) => line.event === 'source streaming').length > turn, {
        what: 'the stream to come back',
      });
    }
    await bid();
    await run.untilEvents(1);
    const codes = run.log
      .filter((line) => line.event === 'source retry')
      .map((line) => line.fields['code']);
    expect(codes).not.toContain('SERVER_ID_CONFLICT');
  });
});
