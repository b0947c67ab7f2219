/** How workers come and go, with workers that are no processes. Those that are: worker-pool.test.ts. */
import { expect, test } from 'vitest';

import { Fleet, WORKER_LIMITS } from '../../../server/workers/fleet.ts';
import { until } from '../../support/until.ts';
import { FakeWorkers } from '../support/fake-workers.ts';
import { keepLog, type LogLine } from '../support/gateway-harness.ts';

/** A fleet, and what it started. */
class FleetHarness implements AsyncDisposable {
  readonly workers = new FakeWorkers();
  readonly logged: LogLine[] = [];
  readonly fleet: Fleet;

  constructor(size: number) {
    this.fleet = new Fleet(
      { size, drainMs: 3000, inheritedFd: null, limits: WORKER_LIMITS },
      {
        log: keepLog(this.logged),
        random: () => 0,
        spawn: this.workers.spawn,
        prepare: (worker) => {
          worker.state = 'live';
          return Promise.resolve();
        },
        received: () => undefined,
        ended: () => undefined,
      },
    );
  }

  /** A fleet that serves. */
  static async start(size: number): Promise<FleetHarness> {
    const harness = new FleetHarness(size);
    await harness.fleet.start();
    return harness;
  }

  lines(event: string): LogLine[] {
    return this.logged.filter((line) => line.event === event);
  }

  async logs(event: string, times = 1): Promise<void> {
    await until(() => this.lines(event).length >= times, {
      what: () => `${event}: ${JSON.stringify(this.logged)}`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet.stop();
  }
}

test('a worker that Node cannot start is a start that failed, with its reason, and is tried again', async () => {
  await using harness = await FleetHarness.start(1);
  const { workers } = harness;
  workers.conduct = 'no descriptors';
  workers.at(0).end(null, 'SIGKILL');
  await harness.logs('worker not started');
  const { err } = harness.lines('worker not started')[0]?.fields as { err: Error };
  expect(err.message).toBe('worker 1 ended before it served (spawn node EMFILE)');
  workers.conduct = 'serves';
  await harness.logs('worker serving', 2);
});

test.each([
  ['crashes', 'worker 1 ended before it served (exit code 7)'],
  ['no descriptors', 'worker 1 ended before it served (spawn node EMFILE)'],
  ['is old', 'its code is of version 0.0.1'],
] as const)('a first worker that %s: the start fails, and says why', async (conduct, reason) => {
  await using harness = new FleetHarness(1);
  harness.workers.conduct = conduct;
  await expect(harness.fleet.start()).rejects.toThrow(reason);
});
