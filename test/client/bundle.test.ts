/** What is shipped: size, no foreign code, and that it runs where no module loader is. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  bundleClient,
  CLIENT_GZIPPED_BYTES_MAX,
  gzippedBytes,
} from '../../scripts/build-client.ts';

let outDir = '';
beforeAll(async () => {
  outDir = await mkdtemp(join(tmpdir(), 'gavelcast-client-'));
  await bundleClient(outDir);
});
afterAll(() => rm(outDir, { recursive: true }));

test.each(['gavelcast.js', 'gavelcast.global.js'])('%s stays under 5 KB gzipped', async (name) => {
  expect(CLIENT_GZIPPED_BYTES_MAX).toBe(5000);
  const bytes = await gzippedBytes(join(outDir, name));
  expect(bytes).toBeGreaterThan(1000);
  expect(bytes).toBeLessThan(CLIENT_GZIPPED_BYTES_MAX);
});

test('the module needs nothing; the React bindings need React alone', async () => {
  const imports = (text: string): string[] =>
    [...text.matchAll(/from\s*"([^"]+)"/g)].map((match) => match[1] ?? '');
  expect(imports(await readFile(join(outDir, 'gavelcast.js'), 'utf8'))).toEqual([]);
  const react = imports(await readFile(join(outDir, 'react.js'), 'utf8'));
  expect(new Set(react)).toEqual(new Set(['react']));
});

test('the script defines Gavelcast.connect and nothing else', async () => {
  const page: { Gavelcast?: Record<string, unknown> } = {};
  runInNewContext(await readFile(join(outDir, 'gavelcast.global.js'), 'utf8'), page);
  expect(Object.keys(page)).toEqual(['Gavelcast']);
  expect(Object.keys(page.Gavelcast ?? {})).toEqual(['connect']);
});
