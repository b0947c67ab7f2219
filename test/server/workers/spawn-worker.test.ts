import { readFileSync } from 'node:fs';

import { expect, onTestFinished, test, vi } from 'vitest';

import { environmentOf, flagsOf, spawnWorker } from '../../../server/workers/spawn-worker.ts';

const SECRETS = { DB_PASSWORD: 'hunter2', DB_HOST: 'db', JWT_SECRET: 's', ADMIN_TOKEN: 't' };

test('a worker inherits what Node itself goes by, and nothing that could hold a password', () => {
  const plain = { PATH: '/bin', TZ: 'UTC', LC_ALL: 'C', NODE_ENV: 'production', https_proxy: 'p' };
  expect(environmentOf({ ...SECRETS, ...plain, WS_PORT: '8080' })).toEqual(plain);
});

test('flags of Node go on, but for a file of variables, the debugger and the watch', () => {
  const kept = ['--max-old-space-size=4096', '--import', './trace.mjs', '-r', './first.cjs'];
  const dropped = [
    ['--env-file=.env'],
    ['--env-file', '.env'],
    ['--env-file-if-exists=.env'],
    ['--env-file-if-exists', '.env'],
    ['--inspect'],
    ['--inspect-brk=9230'],
    ['--watch'],
    ['--watch-path', './src'],
  ];
  for (const flags of dropped) {
    expect(flagsOf([...flags, ...kept])).toEqual(kept);
    expect(flagsOf([...kept, ...flags])).toEqual(kept);
  }
});

// Where the kernel shows what a process was started with.
test.runIf(process.platform === 'linux')('the process is started with that environment', () => {
  for (const [name, value] of Object.entries(SECRETS)) vi.stubEnv(name, value);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const child = spawnWorker(null);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const given = readFileSync(`/proc/${String(child.pid)}/environ`, 'utf8').split('\0');
  const names = given.map((line) => line.split('=')[0]);
  expect(names).toContain('PATH');
  expect(names.filter((name) => name !== undefined && name in SECRETS)).toEqual([]);
});
