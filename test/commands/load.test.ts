import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { machineProblems } from '../../src/commands/load-machine.ts';
import { emptyDirectory, run } from './context.ts';

const SECRET = { JWT_SECRET: 'a-test-secret-that-is-long-enough-for-hs256-signing' };

test.each([
  ['too many clients', ['--clients', '1001', '--ramp', '1h'], '1001 clients, 1 new ones a second'],
  ['too fast', ['--clients', '200', '--ramp', '1s'], '200 clients, 200 new ones a second'],
])('another machine is asked for with --yes only: %s', async (_, args, why) => {
  const outcome = await run(['load', 'wss://live.example.com/ws', ...args], { env: SECRET });
  expect(outcome).toMatchObject({ code: 64, stdout: '' });
  expect(outcome.stderr).toContain(`${why}, at live.example.com`);
  expect(outcome.stderr).toContain('--yes');
});

test.each([
  [['load', 'http://127.0.0.1:1'], 'must start with ws:// or wss://'],
  [['load', '--clients', '0'], 'Not a positive whole number'],
  [['load', '--items', '1,,2'], 'Not an item id'],
  [['load', '--duration', 'soon'], 'Not a lifetime'],
  [['load', 'ws://127.0.0.1:1', '--tokens', 'nowhere'], 'cannot be read (ENOENT)'],
])('wrong usage is said: %j', async (args, why) => {
  const outcome = await run(args, { env: SECRET });
  expect(outcome.code).toBe(64);
  expect(outcome.stderr).toContain(why);
});

test('a file without tokens is said to be that', async () => {
  const cwd = emptyDirectory();
  writeFileSync(join(cwd, 'tokens.txt'), '# none yet\n\n');
  const outcome = await run(['load', 'ws://127.0.0.1:1', '--tokens', 'tokens.txt'], { cwd });
  expect(outcome).toMatchObject({ code: 64 });
  expect(outcome.stderr).toContain('tokens.txt holds none');
});

test('without a secret and without tokens it says what is missing', async () => {
  const outcome = await run(['load', 'ws://127.0.0.1:1']);
  expect(outcome.code).toBe(78);
  expect(outcome.stderr).toContain('JWT_SECRET');
});

test('what the machine does not allow is said with its cure, before anything is tried', () => {
  expect(machineProblems(1000, { descriptors: 1064, ports: 1000 })).toEqual([]);
  expect(machineProblems(1000, { descriptors: null, ports: null })).toEqual([]);
  const [files = '', ports = '', ...others] = machineProblems(1001, {
    descriptors: 1064,
    ports: 1000,
  });
  expect(files).toContain('ulimit -n 1065');
  expect(ports).toContain('net.ipv4.ip_local_port_range');
  expect(others).toEqual([]);
});
