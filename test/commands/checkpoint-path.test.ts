/** Where the checkpoint is kept, and what happens where it cannot be. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkpointPath } from '../../src/commands/checkpoint-path.ts';
import { startCommand } from './command-process.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gavelcast-state-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function pathOf(
  source: { stateDir?: string; checkpointFile?: string },
  env: Record<string, string> = {},
) {
  const { stateDir = null, checkpointFile = null } = source;
  return checkpointPath(
    { stateDir, checkpointFile, database: 'auction portal' },
    { env, cwd: directory },
  );
}

test('nowhere unless somebody says where', () => {
  expect(pathOf({})).toEqual({ ok: true, path: null });
});

test('in STATE_DIR, which is made, under a name of the database', () => {
  const path = join(directory, 'state', 'gavelcast-auction_portal.checkpoint.json');
  expect(pathOf({ stateDir: 'state' })).toEqual({ ok: true, path });
  expect(statSync(join(directory, 'state')).mode & 0o007).toBe(0);
});

test('in the directory that systemd made', () => {
  const env = { STATE_DIRECTORY: `${directory}:/elsewhere` };
  const path = join(directory, 'gavelcast-auction_portal.checkpoint.json');
  expect(pathOf({}, env)).toEqual({ ok: true, path });
});

test('CHECKPOINT_FILE comes first', () => {
  const path = join(directory, 'c.json');
  expect(pathOf({ stateDir: 'state', checkpointFile: 'c.json' })).toEqual({ ok: true, path });
});

test('a place that cannot be written to is a fault of the option that named it', () => {
  writeFileSync(join(directory, 'file'), '');
  expect(pathOf({ stateDir: 'file' })).toMatchObject({
    ok: false,
    problem: { name: 'STATE_DIR', problem: expect.stringContaining('(ENOTDIR)') as string },
  });
  expect(pathOf({ checkpointFile: 'file/c.json' })).toMatchObject({
    ok: false,
    problem: { name: 'CHECKPOINT_FILE' },
  });
});

test('serve ends with 78 and names the option', async () => {
  const serve = startCommand(['serve'], {
    APP_ENV: 'development',
    DB_NAME: 'portal',
    DB_USER: 'somebody',
    STATE_DIR: '/proc/gavelcast',
  });
  expect(await serve.exited()).toBe(78);
  expect(serve.stderr()).toMatch(/STATE_DIR no checkpoint can be written to \/proc\/gavelcast/);
}, 30_000);
