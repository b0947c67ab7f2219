/**
 * The package as it is published: packed, installed in an empty directory from the tarball and the registry, and used.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { VERSION } from '../../src/version.ts';
import { gavelcastEnv, PROJECT_ROOT } from '../support/gavelcast-process.ts';
import { setStage, type Stage } from '../support/stage.ts';

const LEFT_BEHIND = new Set(['node_modules', '.git', 'dist', 'coverage']);
const INSTALL = ['install', '--omit=dev', '--no-audit', '--no-fund', '--loglevel=error'];

/** What a page's author writes; a wrong event name or field must not compile. */
const PAGE = `
import { connect, type GavelcastClient } from 'gavelcast/client';
import { GavelcastProvider, useAuction } from 'gavelcast/client/react';

const client: GavelcastClient = connect({ url: 'wss://live.example.com', getToken: () => 'token' });
client.watch(1, (event) => {
  if (event.type === 'bid_update') console.log(event.bidAmount.toFixed(2));
  // @ts-expect-error there is no such event
  if (event.type === 'bid_updated') console.log(event);
});
export const parts = [GavelcastProvider, useAuction];
`;

const home = mkdtempSync(join(tmpdir(), 'gavelcast-package-'));
const elsewhere = join(home, 'elsewhere');
let tarball = '';
let stage: Stage;

/** A checkout beside this one, so that building it takes nothing from anybody's feet. */
function copyOfTheCheckout(): string {
  const copy = join(home, 'checkout');
  cpSync(PROJECT_ROOT, copy, {
    recursive: true,
    filter: (path) => !LEFT_BEHIND.has(relative(PROJECT_ROOT, path)),
  });
  symlinkSync(join(PROJECT_ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

function npm(args: readonly string[], cwd: string): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

beforeAll(async () => {
  npm(['pack', '--silent', '--pack-destination', home], copyOfTheCheckout());
  tarball = join(home, `gavelcast-${VERSION}.tgz`);
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, 'package.json'), '{"type": "module"}');
  writeFileSync(join(elsewhere, 'page.ts'), PAGE);
  npm([...INSTALL, tarball], elsewhere);
  stage = await setStage('mariadb');
}, 240_000);

afterAll(async () => {
  await stage.stop();
  rmSync(home, { recursive: true });
});

test('publint has nothing to say about the tarball', async () => {
  const bytes = readFileSync(tarball);
  const { messages, pkg } = await publint({
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) },
    strict: true,
  });
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
});

test('npx gavelcast: the version, and the doctor with a real database', () => {
  const run = (...args: readonly string[]): { stdout: string; status: number | null } => {
    const command = ['--no-install', 'gavelcast', ...args];
    const env = gavelcastEnv(stage.source);
    const { stdout, status } = spawnSync('npx', command, { cwd: elsewhere, env, encoding: 'utf8' });
    return { stdout, status };
  };
  expect(run('--version')).toEqual({ stdout: `${VERSION}\n`, status: 0 });
  const doctor = run('doctor');
  expect(doctor.stdout).toContain('✓');
  expect(doctor.stdout).not.toContain('✗');
  expect(doctor.status).toBe(0);
});

test('the tarball holds what is used, and nothing of the workshop', () => {
  const listed = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).split('\n');
  const tops = new Set(listed.map((path) => path.split('/')[1]).filter((top) => top !== undefined));
  expect([...tops].sort()).toEqual(
    [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'bin',
      'deploy',
      'dist',
      'docs',
      'package.json',
    ].sort(),
  );
  expect(listed.filter((path) => /\.env|\.test\.|\/test\//.test(path))).toEqual([]);
});

test('its types serve a TypeScript project, with both ways of resolving', () => {
  for (const resolution of ['node16', 'bundler']) {
    const module = resolution === 'bundler' ? 'esnext' : 'node16';
    const args = ['--noEmit', '--strict', '--module', module, '--moduleResolution', resolution];
    const compiler = join(PROJECT_ROOT, 'node_modules/typescript/bin/tsc');
    const types = ['--lib', 'es2023,dom', '--typeRoots', join(PROJECT_ROOT, 'node_modules/@types')];
    const all = [compiler, ...args, ...types, '--types', 'react', 'page.ts'];
    const { stdout, status } = spawnSync(process.execPath, all, {
      cwd: elsewhere,
      encoding: 'utf8',
    });
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
  }
});
