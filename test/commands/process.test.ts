/**
 * The real program: exit codes and outputs as a shell sees them. No database.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test, vi } from 'vitest';

import { VERSION } from '../../src/version.ts';
import { freePort } from '../support/free-port.ts';
import { PROJECT_ROOT } from '../support/gavelcast-process.ts';
import { startCommand } from './command-process.ts';
import { emptyDirectory } from './context.ts';

// A dozen processes start here, on machines that may be busy with other suites.
vi.setConfig({ testTimeout: 60_000 });

const COMMANDS = ['serve', 'tail', 'watch', 'token', 'config'];

test('--help of the program and of each command', async () => {
  const calls = [['--help'], ...COMMANDS.map((command) => [command, '--help'])];
  const commands = calls.map((args) => startCommand(args));
  for (const command of commands) {
    expect(await command.exited()).toBe(0);
    expect(command.stdout()).toContain('Usage: gavelcast');
    expect(command.stderr()).toBe('');
  }
});

test('--version', async () => {
  const command = startCommand(['--version']);
  expect(await command.exited()).toBe(0);
  expect(command.stdout()).toBe(`${VERSION}\n`);
});

test('wrong configuration ends with 78 and prints no secret', async () => {
  const command = startCommand(['serve'], { DB_PASSWORD: 'kanarienvogel', JWT_SECRET: 'kanari' });
  expect(await command.exited()).toBe(78);
  expect(command.stdout()).toBe('');
  expect(command.stderr()).toContain('DB_NAME is required');
  expect(command.stderr()).not.toContain('kanari');
});

test('an env file that is not there is told by us, and not by node', async () => {
  const command = startCommand(['config', '--env', '/no/such/file']);
  expect(await command.exited()).toBe(78);
  expect(command.stderr()).toContain('/no/such/file cannot be read (ENOENT)');
});

test('wrong usage ends with 64', async () => {
  expect(await startCommand(['nonsense']).exited()).toBe(64);
});

test('WS_ENABLED=false ends with 0', async () => {
  const command = startCommand(['serve'], { WS_ENABLED: '0' });
  expect(await command.exited()).toBe(0);
  expect(command.stdout()).toContain('nothing to serve');
});

test('SIGTERM while workers are stuck at their start ends with 0', async () => {
  const stuck = `if (process.argv[1].includes('server/workers/main')) {
    console.error('stuck');
    setInterval(() => {}, 1000);
    await new Promise(() => {});
  }`;
  const command = startCommand(['serve'], {
    ...{ DB_HOST: '127.0.0.1', DB_NAME: 'a', DB_USER: 'a', DB_PASSWORD: 'a', JWT_SECRET: 'x' },
    ...{ APP_ENV: 'development', WS_PORT: String(await freePort()), ADMIN_PORT: 'off' },
    WORKERS: '1',
    NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(stuck)}`,
  });
  await command.says('stuck');
  command.child.kill('SIGTERM');
  expect(await command.exited(), command.stderr()).toBe(0);
  expect(command.stdout()).toContain('"msg":"stopped"');
});

test('a minted token checks out, and a closed pipe is no crash', () => {
  const env = { PATH: process.env['PATH'] ?? '', APP_ENV: 'development', JWT_SECRET: 'x' };
  const program = join(PROJECT_ROOT, 'bin/gavelcast.js');
  const script = `"$0" "$1" token --user 42 | xargs "$0" "$1" token --check; "$0" "$1" serve --help | true`;
  const run = spawnSync('sh', ['-c', script, process.execPath, program], { env, encoding: 'utf8' });
  // Rounded: seven days where both processes start within half a second.
  expect(run.stdout).toMatch(/^accepted: user 42, expires in (?:6 d 23 h|7 d 0 h)/);
  expect(run.stderr).not.toMatch(/EPIPE| at /);
});

test('the compiled program is taken where there is one', () => {
  const home = emptyDirectory();
  mkdirSync(join(home, 'bin'));
  mkdirSync(join(home, 'dist/src'), { recursive: true });
  writeFileSync(join(home, 'package.json'), '{"type":"module"}');
  copyFileSync(join(PROJECT_ROOT, 'bin/gavelcast.js'), join(home, 'bin/gavelcast.js'));
  writeFileSync(
    join(home, 'dist/src/main.js'),
    'export const main = () => process.stdout.write("compiled");',
  );
  expect(execFileSync(process.execPath, [join(home, 'bin/gavelcast.js')]).toString()).toBe(
    'compiled',
  );
});

test('an old Node is told the cure, and ends with 78', () => {
  // The check with the number it asks for raised above the Node that runs this test: the same code path.
  const home = emptyDirectory();
  const program = join(home, 'gavelcast.js');
  writeFileSync(join(home, 'package.json'), '{"type":"module"}');
  const source = readFileSync(join(PROJECT_ROOT, 'bin/gavelcast.js'), 'utf8');
  expect(source).toContain('var NEEDED = 24;');
  writeFileSync(program, source.replace('var NEEDED = 24;', 'var NEEDED = 999;'));
  chmodSync(program, 0o755);
  const run = spawnSync(process.execPath, [program, 'serve'], { encoding: 'utf8' });
  expect(run.status).toBe(78);
  expect(run.stderr).toContain(`this is Node ${process.versions.node}`);
  expect(run.stderr).toContain('fix: install Node 999');
});

test('its launcher uses no syntax that an old Node cannot read', () => {
  const source = readFileSync(join(PROJECT_ROOT, 'bin/gavelcast.js'), 'utf8');
  expect(source).not.toMatch(/=>|\bconst\b|\blet \w+ =|`|\?\.|\?\?|\bawait\b/);
});
