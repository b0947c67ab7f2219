/** How workers come and go, with workers that are no processes. Those that are: worker-pool.test.ts. */
import { expect, onTestFinished, test, vi } from 'vitest';

import { Fleet, WORKER_LIMITS, type RestartCause } from '../../../server/workers/fleet.ts';
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

/** All that is counted, of which only this is not 0. */
function counts(some: Partial<Record<RestartCause, number>>): [RestartCause, number][] {
  const causes: RestartCause[] = ['crash', 'silent', 'behind', 'roll', 'failed'];
  return causes.map((cause) => [cause, some[cause] ?? 0]);
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

test('a roll that was asked for during one that fails is not forgotten', async () => {
  await using harness = await FleetHarness.start(1);
  const { fleet, workers } = harness;
  workers.conduct = 'hangs';
  const rolled = fleet.roll();
  await until(() => workers.all.length === 2, { what: 'the successor' });
  void fleet.roll();
  workers.conduct = 'serves';
  workers.at(1).end(1);
  await rolled;
  expect(harness.lines('worker not replaced').length).toBe(1);
  expect(harness.lines('workers replaced').length).toBe(1);
  expect(workers.all.length).toBe(3);
  expect(workers.at(0).toldOf('drain').length).toBe(1);
});

test('a roll during one that goes well is done after it', async () => {
  await using harness = await FleetHarness.start(2);
  const { fleet, workers } = harness;
  await Promise.all([fleet.roll(), fleet.roll()]);
  expect(workers.all.length).toBe(6);
  expect(fleet.restarts.get('roll')).toBe(4);
});

test('a worker that crashes while its successor is on its way is told of, and counted as a crash', async () => {
  await using harness = await FleetHarness.start(1);
  const { fleet, workers } = harness;
  workers.conduct = 'hangs';
  const rolled = fleet.roll();
  await until(() => workers.all.length === 2, { what: 'the successor' });
  workers.at(0).end(null, 'SIGKILL');
  await harness.logs('worker ended');
  const { fields } = harness.lines('worker ended')[0] ?? {};
  expect(fields).toMatchObject({ worker: 1, pid: 1, signal: 'SIGKILL', cause: 'crash' });
  workers.at(1).serve();
  await rolled;
  expect([...fleet.restarts]).toEqual(counts({ crash: 1 }));
  expect(fleet.restartsOf(1)).toBe(1);
  expect(workers.all.length).toBe(2);
});

test('a restart is counted when it has come to serve, and one that has not as failed', async () => {
  await using harness = await FleetHarness.start(1);
  const { fleet, workers } = harness;
  workers.conduct = 'crashes';
  workers.at(0).end(1);
  await harness.logs('worker not started', 2);
  expect(fleet.restarts.get('crash')).toBe(0);
  expect(fleet.restarts.get('failed')).toBe(2);
  workers.conduct = 'serves';
  await harness.logs('worker serving', 2);
  expect(fleet.restarts.get('crash')).toBe(1);
  await fleet.roll();
  expect(fleet.restarts.get('roll')).toBe(1);
  expect(fleet.restartsOf(1)).toBe(2);
});

test('a stop while a successor is on its way ends it at once, and is no failure', async () => {
  await using harness = await FleetHarness.start(1);
  const { fleet, workers } = harness;
  workers.conduct = 'hangs';
  const rolled = fleet.roll();
  await until(() => workers.all.length === 2, { what: 'the successor' });
  await fleet.stop();
  await rolled;
  expect(harness.logged.filter(({ level }) => level === 'error')).toEqual([]);
  expect(workers.at(1).endedBy).toBe('SIGKILL');
});

test('a stop while the first workers hang ends them, and nothing is started after it', async () => {
  await using harness = new FleetHarness(2);
  const { fleet, workers } = harness;
  workers.conduct = 'hangs';
  const started = fleet.start();
  const failed = expect(started).rejects.toThrow('ended before it served');
  await fleet.stop();
  await failed;
  await expect(fleet.start()).rejects.toThrow('stopped');
  expect(workers.all.length).toBe(2);
});

test('the longer starts fail, the later they are tried again, up to every 30 seconds', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  await using harness = await FleetHarness.start(1);
  const { workers } = harness;
  workers.conduct = 'crashes';
  workers.at(0).end(1);
  await harness.logs('worker ended');
  // Without chance, half of what it is at most.
  for (const [at, delayMs] of [
    50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000,
  ].entries()) {
    vi.advanceTimersByTime(delayMs - 1);
    expect(workers.all.length).toBe(at + 1);
    vi.advanceTimersByTime(1);
    expect(workers.all.length).toBe(at + 2);
    await harness.logs('worker not started', at + 1);
  }
});
