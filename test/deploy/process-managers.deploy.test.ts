/** Supervisor, PM2 and the background script: start, come back after `kill -9`, stop, and leave a wrong configuration alone. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { userInfo } from 'node:os';

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { AuctionClient } from '../support/auction-client.ts';
import { PROJECT_ROOT } from '../support/gavelcast-process.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { auctionsOf } from './support/deployment.ts';
import { createPortalDirectory, type PortalDirectory } from './support/portal-directory.ts';
import { PROCESS_MANAGERS } from './support/process-managers.ts';
import { shippedFile } from './support/shipped-file.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await setStage('mariadb');
});
afterAll(async () => {
  await stage.stop();
});

async function newPortal(): Promise<PortalDirectory> {
  const portal = await createPortalDirectory(stage.source);
  onTestFinished(() => {
    portal.remove();
  });
  return portal;
}

async function untilServing(portal: PortalDirectory): Promise<void> {
  await until(async () => (await portal.status('/readyz')) === 200, {
    withinMs: 30_000,
    what: () => `a ready server; its log:\n${portal.logText()}`,
  });
}

async function expectBidsToArrive(portal: PortalDirectory): Promise<void> {
  const auctions = auctionsOf(stage);
  const itemId = await auctions.newItem();
  const userId = await auctions.newUser();
  const client = await AuctionClient.connect(`ws://127.0.0.1:${portal.port}`, { userId });
  await client.subscribe(itemId);
  await auctions.bid(itemId, userId, '12.50');
  expect(await client.next('bid_update')).toMatchObject({ itemId, bidAmount: 12.5 });
  await client.close();
}

describe.each(PROCESS_MANAGERS)('$name', (manager) => {
  test('starts it, starts it again after kill -9, and stops it in good order', async () => {
    const portal = await newPortal();
    const managed = await manager.manage(portal);
    onTestFinished(() => managed.dispose());
    await untilServing(portal);
    await expectBidsToArrive(portal);

    const first = managed.pid();
    expect(first).not.toBeNull();
    process.kill(first ?? 0, 'SIGKILL');
    await until(() => ![null, first].includes(managed.pid()), {
      withinMs: 60_000,
      everyMs: 500,
      what: 'another process',
    });
    await untilServing(portal);
    await expectBidsToArrive(portal);

    managed.stop();
    await until(() => managed.state() === manager.stoppedState, { everyMs: 300 });
    expect(await portal.status('/healthz')).toBeNull();
    expect(portal.logText()).toContain('"msg":"stopped"');
    expect(portal.logText()).not.toContain(stage.source.password);
  }, 180_000);

  test('leaves a configuration alone that cannot be used', async () => {
    const portal = await newPortal();
    portal.configure({ WS_PORT: 'eighty' });
    const managed = await manager.manage(portal);
    onTestFinished(() => managed.dispose());
    await until(() => managed.state() === manager.leftState, {
      withinMs: 40_000,
      everyMs: 300,
      what: () => `${manager.leftState}; it is ${managed.state()}`,
    });
    const starts = [...portal.logText().matchAll(/WS_PORT must/g)].length;
    expect(starts, portal.logText()).toBe(manager.futileStarts);
    portal.configure();
    managed.start();
    await untilServing(portal);
  }, 180_000);
});

describe('the background script', () => {
  const script = join(PROJECT_ROOT, 'deploy/background/auction-websocket');

  function environment(portal: PortalDirectory): Record<string, string> {
    return {
      PATH: process.env['PATH'] ?? '',
      GAVELCAST_NODE: process.execPath,
      GAVELCAST_PROGRAM: join(PROJECT_ROOT, 'bin/gavelcast.js'),
      GAVELCAST_DIRECTORY: portal.path,
      GAVELCAST_PID_FILE: join(portal.home, 'auction-websocket.pid'),
      GAVELCAST_LOG: join(portal.logs, 'auction-websocket.log'),
      GAVELCAST_ERROR_LOG: join(portal.logs, 'auction-websocket-error.log'),
      GAVELCAST_USER: userInfo().username,
    };
  }

  function run(
    portal: PortalDirectory,
    action: string,
    file = script,
  ): { readonly code: number | null; readonly output: string } {
    const options = { env: environment(portal), encoding: 'utf8', stdio: 'pipe' } as const;
    const { status, stdout, stderr } = spawnSync('sh', [file, action], options);
    return { code: status, output: stdout + stderr };
  }

  const pidOf = (portal: PortalDirectory): number =>
    Number(readFileSync(join(portal.home, 'auction-websocket.pid'), 'utf8'));

  test('starts one process, tells of it, and stops it', async () => {
    const portal = await newPortal();
    onTestFinished(() => void run(portal, 'stop'));
    expect(run(portal, 'status')).toEqual({
      code: 3,
      output: 'auction-websocket is not running\n',
    });
    expect(run(portal, 'start').output).toMatch(/started, process \d+\n/);
    const pid = pidOf(portal);
    await untilServing(portal);
    await expectBidsToArrive(portal);
    expect(run(portal, 'start').output).toBe(
      `auction-websocket is running already, process ${pid}\n`,
    );
    expect(run(portal, 'status').output).toBe(`auction-websocket is running, process ${pid}\n`);
    expect(run(portal, 'restart').code).toBe(0);
    expect(pidOf(portal)).not.toBe(pid);
    await untilServing(portal);
    expect(run(portal, 'stop')).toEqual({ code: 0, output: 'auction-websocket stopped\n' });
    expect(await portal.status('/healthz')).toBeNull();
    expect(existsSync(join(portal.home, 'auction-websocket.pid'))).toBe(false);
    expect(portal.logText()).toContain('"msg":"stopped"');
  });

  test("never kills a process that is not ours, and reports a start that failed with the program's code", async () => {
    const portal = await newPortal();
    writeFileSync(join(portal.home, 'auction-websocket.pid'), String(process.pid));
    expect(run(portal, 'stop').output).toBe('auction-websocket is not running\n');
    portal.configure({ WS_PORT: 'eighty' });
    const failed = run(portal, 'start');
    expect(failed.code).toBe(78);
    expect(failed.output).toContain('WS_PORT must be');
    expect(run(portal, 'status').code).toBe(3);
  });

  test('logrotate takes its log away while it writes, and it goes on in the same file', async () => {
    const portal = await newPortal();
    onTestFinished(() => void run(portal, 'stop'));
    run(portal, 'start');
    await untilServing(portal);
    const log = join(portal.logs, 'auction-websocket.log');
    const config = join(portal.home, 'logrotate.conf');
    const shipped = 'deploy/logrotate/auction-websocket';
    writeFileSync(config, shippedFile(shipped, [['/var/log', portal.logs]]));
    const rotate = (...args: readonly string[]): string => {
      const command = [...args, '-s', join(portal.home, 'logrotate.state'), config];
      const { status, stdout, stderr } = spawnSync('/usr/sbin/logrotate', command, {
        encoding: 'utf8',
      });
      expect(status, stderr).toBe(0);
      return stdout + stderr;
    };
    expect(rotate('-d')).not.toMatch(/^error/m);
    const before = readFileSync(log, 'utf8');
    rotate('-f');
    expect(readFileSync(`${log}.1`, 'utf8')).toBe(before);
    expect(statSync(log).size).toBe(0);
    expect(run(portal, 'stop').code).toBe(0);
    // Appended at the new beginning, not behind a hole of the old length.
    expect(readFileSync(log, 'utf8')).toMatch(/^\{.*"msg":"stopped"\}\n$/s);
  });
});
