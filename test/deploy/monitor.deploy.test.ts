/** The cron script against a server that is up, down, not ready, draining, and well again. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { AuctionClient } from '../support/auction-client.ts';
import { freePort } from '../support/free-port.ts';
import { PROJECT_ROOT, startGavelcast } from '../support/gavelcast-process.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { shippedFile } from './support/shipped-file.ts';

const SCRIPT = 'deploy/monitor/auction-websocket-monitor';

let stage: Stage;
let home: string;

beforeAll(async () => {
  stage = await setStage('mariadb');
});
afterAll(async () => {
  await stage.stop();
});
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'gavelcast-monitor-'));
});
afterEach(() => {
  rmSync(home, { recursive: true });
});

/** Runs it once, restarting and alerting into files. */
async function monitor(
  port: number,
  extra: Record<string, string> = {},
): Promise<{ readonly code: number | null; readonly restarts: number; readonly alerts: string }> {
  const [restarts, alerts] = [join(home, 'restarts'), join(home, 'alerts')];
  const child = spawn('sh', [join(PROJECT_ROOT, SCRIPT)], {
    stdio: 'ignore',
    env: {
      PATH: process.env['PATH'] ?? '',
      MONITOR_CONFIG: join(home, 'config'),
      SERVER_URL: `http://127.0.0.1:${port}`,
      STATE_FILE: join(home, 'state'),
      RESTART_COMMAND: `echo x >> ${restarts}`,
      ALERT_COMMAND: `{ echo "$1"; cat; } >> ${alerts}`,
      ...extra,
    },
  });
  await once(child, 'exit');
  const read = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  return {
    code: child.exitCode,
    restarts: read(restarts).split('\n').length - 1,
    alerts: read(alerts),
  };
}

test('up: says nothing and does nothing', async () => {
  const gavelcast = await startGavelcast(stage.source);
  expect(await monitor(gavelcast.port)).toEqual({ code: 0, restarts: 0, alerts: '' });
  await gavelcast.stop();
});

test('down: restarts and alerts, and says when it is well again', async () => {
  const port = await freePort();
  const down = await monitor(port);
  expect(down).toMatchObject({ code: 2, restarts: 1 });
  expect(down.alerts).toMatch(
    /^WebSocket server down on .*\n.*healthz did not answer; it was restarted\n$/,
  );
  const failed = await monitor(port, { RESTART_COMMAND: 'echo no such unit; exit 5' });
  expect(failed.alerts).toContain('the restart failed with code 5: no such unit');
  // Settings come from the file as well.
  writeFileSync(join(home, 'config'), 'RESTART_COMMAND=\n');
  expect((await monitor(port)).alerts).toContain('it is not restarted by this script');

  const gavelcast = await startGavelcast(stage.source, { WS_PORT: String(port) });
  const well = await monitor(port);
  expect(well).toMatchObject({ code: 0, restarts: 1 });
  expect(well.alerts).toMatch(/WebSocket server well again on .*\n.*says ready\n$/);
  expect((await monitor(port)).alerts).toBe(well.alerts);
  await gavelcast.stop();
});

test('stuck: a server that accepts and never answers is down', async () => {
  const gavelcast = await startGavelcast(stage.source);
  gavelcast.child.kill('SIGSTOP');
  expect(await monitor(gavelcast.port, { TIMEOUT_SECONDS: '1' })).toMatchObject({
    code: 2,
    restarts: 1,
  });
  gavelcast.child.kill('SIGCONT');
  await gavelcast.stop();
});

test('not ready: alerts once, at the second run, with the reason, and leaves it running', async () => {
  const nowhere = { ...stage.source, port: await freePort() };
  const gavelcast = await startGavelcast(nowhere, {}, { waitUntilReady: false });
  const isUp = async (): Promise<boolean> =>
    (await fetch(`${gavelcast.url.replace('ws:', 'http:')}/healthz`).catch(() => null))?.ok ===
    true;
  await until(isUp, { withinMs: 20_000, what: () => gavelcast.output() });
  expect(await monitor(gavelcast.port)).toEqual({ code: 1, restarts: 0, alerts: '' });
  const second = await monitor(gavelcast.port);
  expect(second).toMatchObject({ code: 1, restarts: 0 });
  expect(second.alerts).toMatch(/^WebSocket server not ready on .*\n.*"reason":"feed connecting"/);
  expect((await monitor(gavelcast.port)).alerts).toBe(second.alerts);
  await gavelcast.stop();
});

test('draining: leaves it alone', async () => {
  const gavelcast = await startGavelcast(stage.source, { DRAIN_SECONDS: '20' });
  const userId = await stage.portal.addUser({ name: 'Bob' });
  const client = await AuctionClient.connect(gavelcast.url, { userId });
  // A client that does not answer the close keeps the drain going.
  client.socket.pause();
  gavelcast.child.kill('SIGTERM');
  await until(async () => !(await gavelcast.isReady()), { what: 'the drain' });
  expect(await monitor(gavelcast.port)).toEqual({ code: 0, restarts: 0, alerts: '' });
  client.socket.terminate();
  // A second signal would cut the drain short.
  await until(() => gavelcast.child.exitCode !== null, { withinMs: 20_000, what: 'its end' });
  expect(gavelcast.child.exitCode).toBe(0);
});

test('the cron file names the script where it is installed', () => {
  const cron = shippedFile('deploy/monitor/auction-websocket-monitor.cron');
  expect(cron).toMatch(
    /^(\S+ ){5}root \/usr\/local\/sbin\/auction-websocket-monitor >\/dev\/null$/m,
  );
});
