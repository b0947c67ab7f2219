/** The benchmark of the book starts the real program beside as many auctions as it says. */
import { expect, test } from 'vitest';

import { FLAVOURS } from '../support/database-server.ts';
import { runBench } from './run-bench.ts';

test.each(FLAVOURS)(
  'bench:book on %s: the program becomes ready, and the schedule is measured',
  async (flavour) => {
    const args = ['--auctions', '2500', '--bids-each', '2', '--rounds', '1', '--flavour', flavour];
    const { report, stderr } = await runBench('book', args);
    expect(report.details).toMatchObject({
      auctions: 2_500,
      measured: [{ flavour, starts: [{ residentMb: expect.any(Number) as number }] }],
      countdown: { few: { auctions: 1_000 }, many: { auctions: 2_500 } },
    });
    expect(report.tables[0]?.[1]?.slice(1, 3)).toEqual(['2,500', '5,000']);
    const aims = ['at most 600 MB', 'at most 15 s', 'at most 10'];
    expect(report.aims?.map(({ aim }) => aim)).toEqual(aims);
    expect(stderr).toContain('written: 2,500 of 2,500 auctions');
    expect(report.charts?.map(({ name }) => name)).toEqual(['book']);
  },
  180_000,
);
