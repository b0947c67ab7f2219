/** The benchmark of the binlog reads a backlog in every way it names. */
import { expect, test } from 'vitest';

import { FLAVOURS } from '../support/database-server.ts';
import { runBench } from './run-bench.ts';

test.each(FLAVOURS)(
  'bench:tail on %s: every reader sees the whole backlog',
  async (flavour) => {
    const args = ['--transactions', '400', '--rounds', '1', '--flavour', flavour];
    const { report, stderr } = await runBench('tail', args);
    const one = [expect.any(Number) as number];
    expect(report.details).toMatchObject({
      measured: [
        {
          flavour,
          transactions: 400,
          cpuSeconds: { zongji: one, 'zongji-exact': one, decode: one, publish: one },
        },
      ],
    });
    expect(stderr).toContain('round 1: publish reads');
    expect(report.aims).toMatchObject([{ aim: 'at least 0.8' }]);
  },
  180_000,
);
