import { expect, test } from 'vitest';

import { GatewayTallies } from '../../../server/tally.ts';
import type { WorkerReport } from '../../../server/workers/worker-message.ts';
import { WorkerTotals } from '../../../server/workers/worker-totals.ts';

function reportOf(connections: number, frames: number, closed: number): WorkerReport {
  const tallies = new GatewayTallies();
  tallies.totals.framesDelivered = frames;
  for (let count = 0; count < closed; count += 1) tallies.closed(1001);
  return {
    stats: {
      connectionsOpen: connections,
      connectionsV2Open: connections,
      usersConnected: connections,
      itemsWatched: 1,
      subscriptionsOpen: connections,
      historyEvents: 0,
      historyBytes: 0,
      clientsCatchingUp: 0,
      clientsSlow: 0,
      isDraining: true,
      ...tallies.read(),
    },
    commitToSocket: { counts: [1, 0, 2], sumSeconds: 0.5 },
    publishMs: 10,
    loopLagMs: 1,
    memoryBytes: 1,
    view: null,
  };
}

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
