/** The latency benchmark measures what it says: every bid at every watcher, in messages of more than a pipe's buffer. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { FLAVOURS } from '../support/database-server.ts';
import { PROJECT_ROOT } from '../support/gavelcast-process.ts';

test.each(FLAVOURS)(
  'bench:latency on %s: every delivery is in its result',
  (flavour) => {
    const directory = mkdtempSync(join(tmpdir(), 'gavelcast-bench-'));
    onTestFinished(() => {
      rmSync(directory, { recursive: true });
    });
    const json = join(directory, 'latency.json');
    const args = ['--watchers', '100', '--bids', '200', '--flavour', flavour, '--json', json];
    execFileSync(process.execPath, ['bench/latency.ts', ...args], {
      cwd: PROJECT_ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({
      bench: 'latency',
      details: { results: [{ flavour, watchers: 100, sinceCommitSentMs: { samples: 20_000 } }] },
    });
  },
  120_000,
);
