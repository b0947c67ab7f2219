import { expect, test } from 'vitest';

import { WorkerTotals } from '../../../server/workers/worker-totals.ts';
import { reportOf } from '../support/worker-report.ts';

test('what an ended worker counted stays in the totals, what was open with it does not', () => {
  const totals = new WorkerTotals();
  totals.workerEnded(reportOf(5, 100, 2));
  const { stats, commitToSocket, publishMs } = totals.sum([reportOf(3, 10, 1), reportOf(4, 1, 0)]);
  expect(stats).toMatchObject({ connectionsOpen: 7, subscriptionsOpen: 7, framesDelivered: 111 });
  expect(stats.closesByCode).toEqual(new Map([[1001, 3]]));
  expect(commitToSocket).toMatchObject({ sumSeconds: 1.5 });
  expect(commitToSocket.counts.slice(0, 3)).toEqual([3, 0, 6]);
  expect(publishMs).toBe(30);
});
