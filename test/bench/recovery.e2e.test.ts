/** The recovery benchmark goes through all of its phases, and every event that was missed comes. */
import { expect, test } from 'vitest';

import { runBench } from './run-bench.ts';

test('bench:recovery: clients connect, recover, and come back', async () => {
  const args = ['--clients', '20', '--missed', '6', '--rate', '50'];
  const { report, stderr } = await runBench('recovery', args);
  const phase = { seconds: expect.any(Number) as number };
  expect(report.details).toMatchObject({
    clients: 20,
    missed: 6,
    phases: [phase, phase, phase, phase],
  });
  expect(report.tables[0]?.map(([name]) => name)).toEqual([
    'ms',
    'nobody recovers',
    '20 connect, 100 at a time',
    '20 recover at once',
    '20 connect and recover',
  ]);
  expect(stderr).toContain('20 recover at once');
  expect(report.aims).toMatchObject([{ aim: 'at most 50 ms' }]);
}, 120_000);
