/** The doctor on checkpoints: whether the next start can go on, told without touching the file. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Check } from '../../../cdc/checks/check.ts';
import { diagnose } from '../../../cdc/checks/doctor.ts';
import type { Log } from '../../../src/ports.ts';
import { FLAVOURS, startDatabase } from '../../support/database-server.ts';
import type { DatabaseServer } from '../../support/database-server.ts';
import { until } from '../../support/until.ts';
import { FeedLab } from '../support/feed-lab.ts';

const none = (): void => undefined;
const SILENT: Log = {
  debug: none,
  info: none,
  warn: none,
  error: none,
  fatal: none,
  child: () => SILENT,
};

describe.each(FLAVOURS)('%s', (flavour) => {
  let server: DatabaseServer;
  let lab: FeedLab;
  let directory: string;
  let file: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'gavelcast-doctor-'));
    file = join(directory, 'checkpoint.json');
    server = await startDatabase(flavour);
    lab = await FeedLab.create(server, 'A');
  });
  afterAll(async () => {
    await lab.close();
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function verdict(checkpointFile: string | null): Promise<Check | undefined> {
    const { checks } = await diagnose(lab.options({ checkpointFile }), {
      log: SILENT,
      now: Date.now,
    });
    return checks.find(({ id }) => id === 'checkpoint');
  }

  test('none, none yet, one that holds, one that is damaged, one that the server lost', async () => {
    expect(await verdict(null)).toMatchObject({ level: 'ok' });
    expect((await verdict(file))?.what).toContain('no checkpoint yet');
    const run = lab.run({ checkpointFile: file });
    await run.started;
    const user = await lab.portal.addUser({ name: 'Ann' });
    const endTime = Date.now() + 3_600_000;
    await lab.portal.addItem({ title: 'x', startingPrice: '1.00', endTime, sellerId: user });
    await run.untilEvents(1);
    await run.stop();
    expect(await verdict(file)).toMatchObject({ level: 'ok' });
    expect((await verdict(file))?.what).toContain('the server can go on from the checkpoint');

    const whole = readFileSync(file, 'utf8');
    writeFileSync(file, whole.slice(0, 40));
    expect(await verdict(file)).toMatchObject({ level: 'warning' });
    expect(readFileSync(file, 'utf8')).toBe(whole.slice(0, 40));

    writeFileSync(file, whole);
    await lab.execute(flavour === 'mysql' ? 'RESET BINARY LOGS AND GTIDS' : 'RESET MASTER');
    const lost = await until(() => verdict(file));
    expect(lost).toMatchObject({ level: 'warning' });
    expect(lost.what).toMatch(/cannot go on from the checkpoint/);
    expect(lost.fix).toContain('ON_POSITION_LOST');
    expect(readFileSync(file, 'utf8')).toBe(whole);
  });
});
