/**
 * Real worker processes that are stopped in their tracks: the primary finds out, ends them, and others take their place.
 * How clients recover from the loss of a worker is test/e2e/workers.e2e.test.ts.
 */
import { once } from 'node:events';

import { expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';

import type { WorkerLimits } from '../../../server/workers/fleet.ts';
import { WorkerPool } from '../../../server/workers/worker-pool.ts';
import { until } from '../../support/until.ts';
import { bidPlaced, endMoved } from '../support/events.ts';
import { keepLog, mint, OPTIONS, TestClient, type LogLine } from '../support/gateway-harness.ts';
import { MemoryReads } from '../support/memory-reads.ts';

vi.setConfig({ testTimeout: 120_000 });

const STEP = { withinMs: 60_000 };
/** Never reached within a test. */
const PATIENT: WorkerLimits = { silentLooksMax: 1000, backlogBytesMax: 1024 ** 3 };
const ITEM = 1;
/** As much as makes a backlog soon. */
const LONG_NAME = 'n'.repeat(32_000);
const ATTEMPTS_MAX = 64;

/** A pool that listens. */
class PoolHarness implements AsyncDisposable {
  readonly pool: WorkerPool;
  readonly logged: LogLine[] = [];
  readonly clients: TestClient[] = [];
  #port = 0;

  private constructor(workers: number, limits: Partial<WorkerLimits>) {
    const reads = new MemoryReads();
    reads.list(ITEM);
    this.pool = new WorkerPool(OPTIONS, workers, {
      log: keepLog(this.logged),
      now: Date.now,
      reads,
      clockOffsetMs: () => 0,
      zoneName: () => 'UTC',
      random: () => 0.5,
      limits: { ...PATIENT, ...limits },
    });
  }

  static async start(workers: number, limits: Partial<WorkerLimits>): Promise<PoolHarness> {
    const harness = new PoolHarness(workers, limits);
    harness.#port = (await harness.pool.listen()).port;
    return harness;
  }

  /** A client that watches the item, on whichever worker the kernel gives it to. */
  async watcher(): Promise<TestClient> {
    const url = `ws://127.0.0.1:${this.#port}/?token=${mint({ userId: 3 })}`;
    const client = new TestClient(new WebSocket(url));
    this.clients.push(client);
    await once(client.socket, 'open');
    expect(await client.ask({ action: 'subscribe', itemId: ITEM })).toMatchObject({
      type: 'subscribed',
    });
    return client;
  }

  /** Process ids of the workers that serve, by place. */
  serving(): ReadonlyMap<number, number> {
    const serving = this.pool.workers().filter(({ state }) => state === 'serving');
    return new Map(serving.map(({ worker, pid }) => [worker, pid ?? 0]));
  }

  /** Connections of a place, as its worker said last. */
  connections(place: number): number {
    return this.pool.workers().find(({ worker }) => worker === place)?.connections ?? 0;
  }

  /** Waits until another process serves in the place of `pid`. */
  async replaced(place: number, pid: number): Promise<void> {
    await until(() => ![undefined, pid].includes(this.serving().get(place)), {
      ...STEP,
      what: () => JSON.stringify([this.pool.workers(), this.logged]),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.clients) socket.terminate();
    await this.pool.stop();
  }
}

test('a worker that falls silent is ended and replaced, and the new one serves', async () => {
  await using harness = await PoolHarness.start(1, { silentLooksMax: 8 });
  const before = await harness.watcher();
  const pid = harness.serving().get(1) ?? 0;
  // Its port stays open, its clients stay connected, and nothing moves.
  process.kill(pid, 'SIGSTOP');
  await harness.replaced(1, pid);
  expect(harness.pool.restarts()).toEqual(
    new Map([
      ['crash', 0],
      ['silent', 1],
      ['behind', 0],
      ['roll', 0],
      ['failed', 0],
    ]),
  );
  const ended = harness.logged.find(({ event }) => event === 'worker ended');
  expect(ended?.fields).toMatchObject({ worker: 1, pid, signal: 'SIGKILL', cause: 'silent' });
  expect(await before.closeCode()).toBe(1006);
  const bid = bidPlaced(ITEM, 4, '11.00');
  const after = await harness.watcher();
  harness.pool.publish({ events: [bid], nameOf: () => 'Bob', committedAtMs: null });
  await until(() => after.texts.some((text) => text.includes(bid.eventId)), { what: 'the bid' });
});

test('a worker that falls behind is ended and replaced; clients of the other are told everything', async () => {
  await using harness = await PoolHarness.start(2, { backlogBytesMax: 1024 * 1024 });
  // A client on each.
  await until(
    async () => {
      if (harness.clients.length < ATTEMPTS_MAX) await harness.watcher();
      return harness.connections(1) > 0 && harness.connections(2) > 0;
    },
    { ...STEP, everyMs: 500, what: 'both workers to have clients' },
  );
  const pid = harness.serving().get(1) ?? 0;
  process.kill(pid, 'SIGSTOP');
  const published: string[] = [];
  const hasAll = ({ texts }: TestClient): boolean =>
    texts.some((text) => text.includes(`"eventId":"${published.at(-1) ?? ''}"`));
  while (harness.pool.restarts().get('behind') === 0) {
    const event =
      published.length % 2 === 0 ? bidPlaced(ITEM, 4, '11.00') : endMoved(ITEM, 'later');
    published.push(event.eventId);
    harness.pool.publish({ events: [event], nameOf: () => LONG_NAME, committedAtMs: null });
    // At the pace of the worker that reads.
    await until(() => harness.clients.some(hasAll), { ...STEP, what: 'a client on the other' });
  }
  await harness.replaced(1, pid);
  expect(harness.pool.restarts().get('silent')).toBe(0);
  const [open, cut] = [
    harness.clients.filter(({ closed }) => closed === null),
    harness.clients.filter(({ closed }) => closed !== null),
  ];
  expect(cut.map(({ closed }) => closed?.code)).toEqual(cut.map(() => 1006));
  expect(cut.length).toBeGreaterThan(0);
  expect(open.length).toBeGreaterThan(0);
  for (const client of open) {
    await until(() => hasAll(client), { what: 'the last event' });
    const told = client.messages.flatMap(({ eventId }) => (eventId === undefined ? [] : [eventId]));
    expect(told).toEqual(published);
  }
});
