/** What a worker says of itself, made up. */
import { GatewayTallies } from '../../../server/tally.ts';
import type { WorkerReport } from '../../../server/workers/worker-message.ts';

/**
 * @param connections open now
 * @param frames delivered since its start
 * @param closed connections that it has closed with 1001
 */
export function reportOf(connections: number, frames: number, closed: number): WorkerReport {
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
