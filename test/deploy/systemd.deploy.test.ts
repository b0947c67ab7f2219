/**
 * The systemd unit. systemd is not process 1 where tests run: the unit is checked by `systemd-analyze`, its system call
 * filter against the calls the program makes, and readiness and watchdog over a socket of the test's own.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

import { startCommand } from '../commands/command-process.ts';
import { AuctionClient } from '../support/auction-client.ts';
import {
  startGavelcast,
  gavelcastEnv,
  PROJECT_ROOT,
  TEST_JWT_SECRET,
} from '../support/gavelcast-process.ts';
import { startActivated } from '../support/socket-activation.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { freePort } from '../support/free-port.ts';
import { requiredProgram, startProgram } from './support/background-program.ts';
import { openNotifySocket, type NotifySocket } from './support/notify-socket.ts';
import { PROGRAM_HERE, shippedFile } from './support/shipped-file.ts';

const UNIT = 'deploy/systemd/auction-websocket.service';
const SOCKET = 'deploy/systemd/auction-websocket.socket';
const SIDE_BY_SIDE = 'deploy/systemd/auction-websocket@.service.d/side-by-side.conf';
/** As `systemd-analyze` rates it, 0 (locked up) to 10; Debian 12's version of it. */
const EXPOSURE_MAX = 1.5;

let stage: Stage;
let socket: NotifySocket;

beforeAll(async () => {
  stage = await setStage('mariadb');
});
afterAll(async () => {
  await stage.stop();
});

test('systemd-analyze verify finds nothing to say about the unit and its drop-ins', () => {
  const home = mkdtempSync(join(tmpdir(), 'gavelcast-unit-'));
  onTestFinished(() => {
    rmSync(home, { recursive: true });
  });
  const unit = join(home, 'auction-websocket.service');
  writeFileSync(unit, shippedFile(UNIT, PROGRAM_HERE));
  mkdirSync(`${unit}.d`);
  for (const name of ['credentials.conf', 'journal.conf']) {
    writeFileSync(join(`${unit}.d`, name), shippedFile(`${UNIT}.d/${name}`));
  }
  const run = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
  expect(run.stdout + run.stderr).toBe('');
  expect(run.status).toBe(0);
  // The same of a unit with a fault, so that silence means something.
  writeFileSync(unit, shippedFile(UNIT, [...PROGRAM_HERE, ['KillMode=mixed', 'KillMode=gently']]));
  const faulty = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
  expect(faulty.stdout + faulty.stderr).toMatch(/kill mode/);
});

test('nor about the socket and about two instances side by side', () => {
  const home = mkdtempSync(join(tmpdir(), 'gavelcast-socket-'));
  onTestFinished(() => {
    rmSync(home, { recursive: true });
  });
  const verify = (unit: string): string => {
    const run = spawnSync('systemd-analyze', ['verify', '--man=no', join(home, unit)], {
      encoding: 'utf8',
    });
    return run.stdout + run.stderr;
  };
  const service = shippedFile(UNIT, PROGRAM_HERE);
  const socketUnit = shippedFile(SOCKET);
  writeFileSync(join(home, 'auction-websocket.service'), service);
  writeFileSync(join(home, 'auction-websocket.socket'), socketUnit);
  expect(verify('auction-websocket.socket')).toBe('');
  writeFileSync(
    join(home, 'auction-websocket.socket'),
    socketUnit.replace('Accept=no', 'Accept=so'),
  );
  expect(verify('auction-websocket.socket')).toMatch(/boolean/);

  const dropIn = shippedFile(SIDE_BY_SIDE, [
    ['/opt/gavelcast-%i/node_modules/.bin/node', process.execPath],
    ['/opt/gavelcast-%i/node_modules/gavelcast', PROJECT_ROOT.replace(/\/$/, '')],
  ]);
  writeFileSync(join(home, 'auction-websocket@.service'), service);
  mkdirSync(join(home, 'auction-websocket@.service.d'));
  const dropInFile = join(home, 'auction-websocket@.service.d/side-by-side.conf');
  writeFileSync(dropInFile, dropIn);
  expect(verify('auction-websocket@.service')).toBe('');
  writeFileSync(dropInFile, dropIn.replace('Preserve=restart', 'Preserve=perhaps'));
  expect(verify('auction-websocket@.service')).toMatch(/perhaps/);
});

test(`systemd-analyze security rates its exposure at most ${EXPOSURE_MAX}`, () => {
  const args = ['security', '--offline=true', '--no-pager', join(PROJECT_ROOT, UNIT)];
  const report = execFileSync('systemd-analyze', args, { encoding: 'utf8', stdio: 'pipe' });
  const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(report) ?? [];
  expect(Number(exposure), report).toBeLessThanOrEqual(EXPOSURE_MAX);
});

test('the account file is one that systemd-sysusers accepts', () => {
  const root = mkdtempSync(join(tmpdir(), 'gavelcast-sysusers-'));
  onTestFinished(() => {
    rmSync(root, { recursive: true });
  });
  mkdirSync(join(root, 'etc'));
  const args = [`--root=${root}`, join(PROJECT_ROOT, 'deploy/systemd/sysusers.conf')];
  execFileSync('systemd-sysusers', args, { stdio: 'pipe' });
  expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toMatch(/^www-data:/m);
});

test('every system call of a serving process is in the filter of the unit', async () => {
  const home = mkdtempSync(join(tmpdir(), 'gavelcast-strace-'));
  onTestFinished(() => {
    rmSync(home, { recursive: true });
  });
  const port = await freePort();
  const trace = join(home, 'calls');
  const main = join(PROJECT_ROOT, 'src/main.ts');
  const env = gavelcastEnv(stage.source, { WS_PORT: String(port) });
  const command = ['-f', '-qq', '-o', trace, process.execPath, main, 'serve'];
  const traced = startProgram('strace', command, { env, cwd: home });
  const isReady = async (): Promise<boolean> =>
    (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.status === 200;
  await until(isReady, { withinMs: 60_000, what: () => traced.output() });
  // strace hands the signal on to the program.
  spawnSync('pkill', ['-TERM', '-P', String(traced.child.pid)]);
  await until(() => traced.child.exitCode !== null, { withinMs: 20_000, what: 'its end' });

  const allowed = new Set(callsOf('@system-service'));
  for (const set of ['@privileged', '@resources']) {
    expect(shippedFile(UNIT)).toMatch(new RegExp(`^SystemCallFilter=~.*${set}`, 'm'));
    for (const call of callsOf(set)) allowed.delete(call);
  }
  const made = new Set(
    [...readFileSync(trace, 'utf8').matchAll(/^\d+ +(?:<\.\.\. )?([a-z]\w*)[( ]/gm)].map(
      (m) => m[1],
    ),
  );
  expect(made.size).toBeGreaterThan(30);
  expect([...made].filter((call) => call === undefined || !allowed.has(call))).toEqual([]);
});

test('it says when it is ready, that it lives, and when it stops', async () => {
  requiredProgram('systemd-notify');
  socket = await openNotifySocket();
  const gavelcast = await startGavelcast(stage.source, {
    NOTIFY_SOCKET: socket.path,
    WATCHDOG_USEC: '1000000',
  });
  const says = (text: string): Promise<unknown> =>
    until(() => socket.messages().find((it) => it.includes(text)), {
      what: () => `${text} in ${socket.messages().join('\n')}`,
    });
  await says('READY=1');
  expect(socket.messages().join('\n')).toContain(
    `READY=1 | STATUS=listening on ws://127.0.0.1:${gavelcast.port}`,
  );
  const beats = (): number => socket.messages().filter((it) => it === 'WATCHDOG=1').length;
  await until(() => beats() >= 3, { what: 'three signs of life' });

  // A process that is stopped cannot turn its event loop: what has not been written by now never comes.
  gavelcast.child.kill('SIGSTOP');
  const frozenAtMs = performance.now();
  let count = -1;
  await until(() => {
    const isPast = performance.now() - frozenAtMs > 8_000;
    if (isPast && count === -1) count = beats();
    return count >= 0 && performance.now() - frozenAtMs > 11_000;
  });
  expect(beats()).toBe(count);
  gavelcast.child.kill('SIGCONT');
  await until(() => beats() > count, { what: 'a sign of life after it' });

  expect(await gavelcast.stop()).toBe(0);
  // DRAIN_SECONDS is 5, and 10 more.
  await says('STOPPING=1 | EXTEND_TIMEOUT_USEC=15000000');
  await socket.stop();
});

test('the drop-in for credentials leads the program to its secrets', async () => {
  const home = mkdtempSync(join(tmpdir(), 'gavelcast-credentials-'));
  const dropIn = shippedFile(`${UNIT}.d/credentials.conf`, [['%d', home]]);
  const loaded = [...dropIn.matchAll(/^LoadCredential=([^:]+):/gm)].map(([, name]) => name);
  expect(loaded).toEqual(['jwt-secret', 'source-password']);
  writeFileSync(join(home, 'jwt-secret'), TEST_JWT_SECRET);
  writeFileSync(join(home, 'source-password'), stage.source.password);
  const port = await freePort();
  const env = gavelcastEnv(stage.source, { WS_PORT: String(port), LOG_LEVEL: 'debug' });
  const { JWT_SECRET: secret, DB_PASSWORD: password, ...others } = env;
  for (const [, name = '', file = ''] of dropIn.matchAll(/^Environment=(\w+)=(.*)$/gm)) {
    others[name] = file;
  }
  const program = startCommand(['serve'], others);
  onTestFinished(() => {
    rmSync(home, { recursive: true });
  });
  await until(
    async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.status === 200,
    { withinMs: 60_000, what: () => program.stdout() + program.stderr() },
  );
  const client = await AuctionClient.connect(`ws://127.0.0.1:${port}`, { userId: 7, v2: true });
  await client.next('hello');
  await client.close();
  for (const word of [secret, password]) {
    expect(program.stdout() + program.stderr()).not.toContain(word);
  }
});

test('where the source cannot be reached it says so, and that it runs', async () => {
  socket = await openNotifySocket();
  const nowhere = { ...stage.source, port: await freePort() };
  const env = { NOTIFY_SOCKET: socket.path };
  const gavelcast = await startGavelcast(nowhere, env, { waitUntilReady: false });
  await until(() => socket.messages().some((it) => it.includes('the source was not reached yet')), {
    withinMs: 40_000,
    what: () => gavelcast.output(),
  });
  expect(socket.messages().join('\n')).toMatch(/^READY=1 \| STATUS=listening on ws:/m);
  expect(await gavelcast.stop()).toBe(0);
  await socket.stop();
});

test('WS_ENABLED=false is a start that succeeded', async () => {
  socket = await openNotifySocket();
  const env = { NOTIFY_SOCKET: socket.path, WS_ENABLED: 'false' };
  const gavelcast = await startGavelcast(stage.source, env, { waitUntilReady: false });
  await until(() => gavelcast.child.exitCode !== null, { what: 'its end' });
  expect(gavelcast.child.exitCode).toBe(0);
  expect(socket.messages().join('\n')).toMatch(/^READY=1 \| STATUS=WS_ENABLED is false/m);
  await socket.stop();
});

/** The system calls of one of systemd's sets, its subsets included. */
function callsOf(set: string): readonly string[] {
  const text = execFileSync('systemd-analyze', ['syscall-filter', '--no-pager', set], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const names = text
    .split('\n')
    .slice(1)
    .map((line) => line.trim());
  return names
    .filter((name) => name !== '' && !name.startsWith('#'))
    .flatMap((name) => (name.startsWith('@') ? callsOf(name) : [name]));
}

test('whoever waits in a passed socket is answered also where the source cannot be reached', async () => {
  const nowhere = { ...stage.source, port: await freePort() };
  const port = await freePort();
  const program = startActivated(port, gavelcastEnv(nowhere));
  onTestFinished(() => program.stop());
  const ask = async (path: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}${path}`).catch(() => null))?.status ?? 0;
  await until(async () => (await ask('/healthz')) === 200, {
    withinMs: 100_000,
    what: () => program.output(),
  });
  expect(await ask('/readyz')).toBe(503);
}, 120_000);
