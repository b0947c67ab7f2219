/** The latency benchmark measures what it says: every bid at every watcher, in messages of more than a pipe's buffer. */
import { expect, test } from 'vitest';

import { FLAVOURS } from '../support/database-server.ts';
import { runBench } from './run-bench.ts';

test.each(FLAVOURS)(
  'bench:latency on %s: every delivery is in its result',
  async (flavour) => {
    const args = ['--watchers', '100', '--bids', '200', '--flavour', flavour];
    const { report } = await runBench('latency', args);
    expect(report.details).toMatchObject({
      results: [{ flavour, watchers: 100, sinceCommitSentMs: { samples: 20_000 } }],
    });
  },
  120_000,
);
