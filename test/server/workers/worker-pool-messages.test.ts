/**
 * What the primary tells its workers, and what it keeps of what they told, with workers that are no processes. Those that
 * are: worker-pool.test.ts.
 */
import { once } from 'node:events';

import { expect, onTestFinished, test, vi } from 'vitest';

import type { GatewayOptions, TlsFiles } from '../../../server/gateway-options.ts';
import type { Reloaded, ToWorker } from '../../../server/workers/worker-message.ts';
import { WorkerPool } from '../../../server/workers/worker-pool.ts';
import type { DomainEvent } from '../../../src/auction/domain-event.ts';
import { itemIdOf, type EventId } from '../../../src/auction/ids.ts';
import { parseZone } from '../../../src/auction/zone.ts';
import { portalTokenRules, type TokenRules } from '../../../src/token-rules.ts';
import { until } from '../../support/until.ts';
import { bidPlaced } from '../support/events.ts';
import { FakeWorkers, type FakeWorker } from '../support/fake-workers.ts';
import { keepLog, OPTIONS } from '../support/gateway-harness.ts';
import { MemoryReads } from '../support/memory-reads.ts';
import { ownCertificate } from '../support/own-certificate.ts';
import { reportOf } from '../support/worker-report.ts';

const SECOND_MS = 1000;
const ITEM = itemIdOf(1);
/** More than a new worker is given in a few turns. */
const LONG_PAST = 5000;

/** A pool of two workers that serve. Its seconds pass when the test wants them to. */
class PoolHarness implements AsyncDisposable {
  readonly workers = new FakeWorkers();
  readonly reads = new MemoryReads();
  readonly pool: WorkerPool;
  clockOffsetMs = 0;
  zoneName = 'UTC';

  private constructor(options: Partial<GatewayOptions>) {
    this.pool = new WorkerPool({ ...OPTIONS, ...options }, 2, {
      log: keepLog([]),
      now: Date.now,
      reads: this.reads,
      clockOffsetMs: () => this.clockOffsetMs,
      zoneName: () => this.zoneName,
      random: () => 0,
      spawn: this.workers.spawn,
    });
  }

  static async start(options: Partial<GatewayOptions> = {}): Promise<PoolHarness> {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const harness = new PoolHarness(options);
    await harness.pool.listen();
    return harness;
  }

  second(): void {
    vi.advanceTimersByTime(SECOND_MS);
  }

  publish(...events: DomainEvent[]): void {
    this.pool.publish({ events, nameOf: () => null, committedAtMs: null });
  }

  /** Everything that these were told before has come to them once this returns. */
  async settle(...workers: FakeWorker[]): Promise<void> {
    const before = workers.map((worker) => worker.toldOf('feed').length);
    this.pool.feedChanged();
    await until(
      () => workers.every((worker, at) => worker.toldOf('feed').length > (before[at] ?? 0)),
      {
        what: 'news of the feed',
      },
    );
  }

  /** The worker that was started `at`, once it was started. */
  async started(at: number): Promise<FakeWorker> {
    await until(() => this.workers.all.length > at, { what: () => `worker ${String(at)}` });
    return this.workers.at(at);
  }

  /** A worker says how it is, and the primary has heard it. */
  async reported(at: number, report: ReturnType<typeof reportOf>): Promise<void> {
    const worker = this.workers.at(at);
    worker.say({ kind: 'report', report });
    await until(
      () =>
        this.pool
          .workers()
          .some(({ pid, frames }) => pid === worker.pid && frames === report.stats.framesDelivered),
      { what: () => `its report: ${JSON.stringify(this.pool.workers())}` },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.stop();
  }
}

/** Waits until a worker was told something of this kind. */
async function told(worker: FakeWorker, kind: ToWorker['kind']): Promise<void> {
  await until(() => worker.toldOf(kind).length > 0, {
    what: () => `${kind}; told ${kinds(worker).join(', ')}`,
  });
}

function kinds(worker: FakeWorker): ToWorker['kind'][] {
  return worker.told.map(({ kind }) => kind);
}

/** The events it was given, the past ones too. */
function given(worker: FakeWorker): EventId[] {
  return worker
    .toldOf('publications')
    .flatMap(({ publications }) => publications.flatMap(({ events }) => events))
    .map(({ eventId }) => eventId);
}

const SERVED = ownCertificate('old.example');
const RENEWED = ownCertificate('new.example');
const NEW_RULES = portalTokenRules('another-secret-of-the-portal-that-is-long-enough');

test('a reload is told to all workers at once, and they are replaced one by one', async () => {
  await using harness = await PoolHarness.start({ tls: SERVED });
  const { pool, workers } = harness;
  const reloaded: Reloaded = { jwt: NEW_RULES, tls: RENEWED };
  workers.conduct = 'hangs';
  pool.reload(reloaded);
  await harness.settle(workers.at(0), workers.at(1));
  expect(workers.at(0).toldOf('reload')).toEqual([{ kind: 'reload', reloaded }]);
  expect(workers.at(1).toldOf('reload')).toEqual([{ kind: 'reload', reloaded }]);
  // The successor of the first is on its way, and nobody was sent home.
  expect(workers.all.length).toBe(3);
  expect(workers.all.map(({ endedBy }) => endedBy)).toEqual([null, null, null]);
  workers.at(0).lingers = true;
  workers.at(2).serve();
  await told(workers.at(0), 'drain');
  await harness.settle(workers.at(1));
  // Not before the first has gone.
  expect(workers.all.length).toBe(3);
  workers.at(0).end(0);
  const second = await harness.started(3);
  expect(workers.at(1).toldOf('drain')).toEqual([]);
  second.serve();
  await until(() => workers.at(1).endedBy !== null, { what: 'the end of the second' });
});

test('workers started after a reload have the new keys and certificate from their start', async () => {
  await using harness = await PoolHarness.start({ tls: SERVED });
  const { pool, workers } = harness;
  const reloaded: Reloaded = { jwt: NEW_RULES, tls: RENEWED };
  pool.reload(reloaded);
  await until(() => workers.at(1).endedBy !== null, { what: 'all to be replaced' });
  workers.at(2).end(null, 'SIGKILL');
  for (const at of [2, 3, 4]) {
    const worker = await harness.started(at);
    await told(worker, 'open');
    expect(worker.toldOf('start')[0]?.options).toMatchObject(reloaded);
    expect(worker.toldOf('reload')).toEqual([]);
  }
});

/** A worker that has its options and is being given what was published before it, which takes several turns. */
async function givenALongPast(harness: PoolHarness): Promise<FakeWorker> {
  const { workers } = harness;
  for (let count = 0; count < LONG_PAST; count += 1) harness.publish(bidPlaced(1, 7, '12.50'));
  workers.conduct = 'hangs';
  workers.at(0).end(null, 'SIGKILL');
  const next = await harness.started(2);
  const heard = once(next, 'told');
  next.serve();
  await heard;
  return next;
}

test('a reload during the start of a worker: one that has no options yet gets the new ones with them', async () => {
  await using harness = await PoolHarness.start();
  const { pool, workers } = harness;
  workers.conduct = 'hangs';
  workers.at(0).end(null, 'SIGKILL');
  const next = await harness.started(2);
  pool.reload({ jwt: NEW_RULES, tls: null });
  next.serve();
  await told(next, 'open');
  expect(kinds(next)).toEqual(['start', 'open']);
  expect(next.toldOf('start')[0]?.options.jwt).toEqual(NEW_RULES);
});

test('a reload during the start of a worker: one that has its options already is told', async () => {
  await using harness = await PoolHarness.start();
  const { pool } = harness;
  const next = await givenALongPast(harness);
  pool.reload({ jwt: NEW_RULES, tls: null });
  await told(next, 'open');
  expect(next.toldOf('start')[0]?.options.jwt).toEqual(OPTIONS.jwt);
  expect(next.toldOf('reload')).toEqual([
    { kind: 'reload', reloaded: { jwt: NEW_RULES, tls: null } },
  ]);
});

const BAD_KEYS: TokenRules['keys'] = [{ algorithm: 'RS256', kid: null, publicKey: 'no key' }];
const BAD_CERTIFICATE: TlsFiles = { cert: 'no certificate', key: 'no key' };

test.each<[string, TlsFiles | null, Reloaded]>([
  ['with a bad key', null, { jwt: { ...NEW_RULES, keys: BAD_KEYS }, tls: null }],
  ['with a bad certificate', SERVED, { jwt: NEW_RULES, tls: BAD_CERTIFICATE }],
  ['with which TLS would begin', null, { jwt: NEW_RULES, tls: RENEWED }],
  ['with which TLS would end', SERVED, { jwt: NEW_RULES, tls: null }],
])('a reload %s throws, and changes nothing for anybody', async (_, tls, reloaded) => {
  await using harness = await PoolHarness.start({ tls });
  const { pool, workers } = harness;
  expect(() => {
    pool.reload(reloaded);
  }).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  await harness.settle(workers.at(0), workers.at(1));
  expect(workers.all.length).toBe(2);
  for (const worker of workers.all) expect(worker.toldOf('reload')).toEqual([]);
  workers.at(0).end(null, 'SIGKILL');
  const next = await harness.started(2);
  await told(next, 'start');
  expect(next.toldOf('start')[0]?.options).toMatchObject({ jwt: OPTIONS.jwt, tls });
});

test('a change of the feed is told to all workers at once, with how things are then', async () => {
  await using harness = await PoolHarness.start();
  const { pool, reads, workers } = harness;
  reads.feed = { state: 'connecting', attempt: 2, lastError: 'gone' };
  harness.clockOffsetMs = 1500;
  harness.zoneName = 'Europe/Berlin';
  pool.feedChanged();
  const feed = {
    state: { state: 'connecting', attempt: 2, lastError: 'gone' },
    isFresh: false,
    clockOffsetMs: 1500,
    zoneName: 'Europe/Berlin',
  };
  for (const at of [0, 1]) {
    await told(workers.at(at), 'feed');
    expect(workers.at(at).toldOf('feed')).toEqual([{ kind: 'feed', feed }]);
  }
});

test('a worker starts with how things are with the feed then', async () => {
  await using harness = await PoolHarness.start();
  const { reads, workers } = harness;
  reads.isSilent = true;
  harness.clockOffsetMs = -250;
  harness.zoneName = '+02:00';
  workers.at(0).end(null, 'SIGKILL');
  const next = await harness.started(2);
  await told(next, 'start');
  const feed = { state: reads.feed, isFresh: false, clockOffsetMs: -250, zoneName: '+02:00' };
  expect(next.toldOf('start')[0]?.feed).toEqual(feed);
});

test('each second all workers are told how things are with the feed, whether or not they have changed', async () => {
  await using harness = await PoolHarness.start();
  const { reads, workers } = harness;
  harness.second();
  reads.isSilent = true;
  harness.clockOffsetMs = 40;
  harness.zoneName = 'America/New_York';
  harness.second();
  const { feed: state } = reads;
  const before = { state, isFresh: true, clockOffsetMs: 0, zoneName: 'UTC' };
  const after = { state, isFresh: false, clockOffsetMs: 40, zoneName: 'America/New_York' };
  for (const at of [0, 1]) {
    const worker = workers.at(at);
    await until(() => worker.toldOf('feed').length > 1, { what: 'the second news' });
    expect(worker.toldOf('feed').map(({ feed }) => feed)).toEqual([before, after]);
  }
});

test('what was published before news of the feed crosses before them', async () => {
  await using harness = await PoolHarness.start();
  const { pool, workers } = harness;
  harness.publish(bidPlaced(1, 7, '12.50'));
  pool.feedChanged();
  await told(workers.at(0), 'publications');
  await told(workers.at(0), 'feed');
  expect(kinds(workers.at(0)).slice(-2)).toEqual(['publications', 'feed']);
});

test('each second, and no sooner, a worker is told new counts of the watchers it asked for', async () => {
  await using harness = await PoolHarness.start();
  const [one, two] = [harness.workers.at(0), harness.workers.at(1)];
  one.say({ kind: 'listen', itemId: ITEM, on: true });
  await told(two, 'track');
  two.say({ kind: 'counts', counts: [[ITEM, 3]] });
  await harness.reported(1, reportOf(3, 30, 0));
  await harness.settle(one, two);
  expect(one.toldOf('watchers')).toEqual([]);
  harness.second();
  // Nothing is new any more.
  harness.second();
  await harness.settle(one, two);
  expect(one.toldOf('watchers')).toEqual([{ kind: 'watchers', totals: [[ITEM, 3]] }]);
  expect(two.toldOf('watchers')).toEqual([]);
});

test('each second all workers are told what somebody looks at, where somebody does', async () => {
  await using harness = await PoolHarness.start();
  const { pool, workers } = harness;
  harness.second();
  await harness.settle(workers.at(0), workers.at(1));
  for (const worker of workers.all) expect(worker.toldOf('look')).toEqual([]);
  pool.view().watchersOf(ITEM);
  harness.second();
  for (const worker of workers.all) {
    await told(worker, 'look');
    expect(worker.toldOf('look')).toEqual([{ kind: 'look', itemIds: [ITEM] }]);
  }
});

test('what was published earlier in the turn crosses before a reset of the source, the rest after it', async () => {
  await using harness = await PoolHarness.start();
  const { pool, workers } = harness;
  const [before, after] = [bidPlaced(1, 7, '12.50'), bidPlaced(1, 8, '13.00')];
  harness.publish(before);
  pool.sourceReset('another server');
  harness.publish(after);
  for (const worker of workers.all) {
    await until(() => given(worker).length > 1, { what: 'both bids' });
    expect(kinds(worker).slice(-3)).toEqual(['publications', 'source reset', 'publications']);
    expect(worker.toldOf('source reset')).toEqual([
      { kind: 'source reset', reason: 'another server' },
    ]);
    expect(given(worker)).toEqual([before.eventId, after.eventId]);
  }
});

test('a worker that starts after a reset of the source gets nothing of what was published before it', async () => {
  await using harness = await PoolHarness.start();
  const { pool, workers } = harness;
  const after = bidPlaced(1, 8, '13.00');
  harness.publish(bidPlaced(1, 7, '12.50'));
  await told(workers.at(1), 'publications');
  pool.sourceReset('another server');
  harness.publish(after);
  workers.at(0).end(null, 'SIGKILL');
  const next = await harness.started(2);
  await told(next, 'open');
  expect(given(next)).toEqual([after.eventId]);
  expect(next.toldOf('source reset')).toEqual([]);
});

test('a worker that is being given the past is told of a reset, and gets no more of it', async () => {
  await using harness = await PoolHarness.start();
  const { pool } = harness;
  const next = await givenALongPast(harness);
  pool.sourceReset('another server');
  await told(next, 'open');
  expect(given(next).length).toBeLessThan(LONG_PAST);
  expect(kinds(next).slice(-2)).toEqual(['source reset', 'open']);
});

test.each([
  ['with LEGACY_TIMES', parseZone('Europe/Berlin'), true],
  ['without LEGACY_TIMES', null, false],
])('%s, a worker is told so with its options', async (_, legacyTimesZone, hasLegacyTimes) => {
  await using harness = await PoolHarness.start({ legacyTimesZone });
  const [start] = harness.workers.at(0).toldOf('start');
  expect(start?.options.hasLegacyTimes).toBe(hasLegacyTimes);
});

test('what a worker has counted stays counted when it has ended, and what was open with it does not', async () => {
  await using harness = await PoolHarness.start();
  const { pool, workers } = harness;
  await harness.reported(0, reportOf(5, 100, 2));
  await harness.reported(1, reportOf(3, 10, 1));
  expect(pool.stats()).toMatchObject({ connectionsOpen: 8, framesDelivered: 110 });

  workers.conduct = 'hangs';
  workers.at(0).end(null, 'SIGKILL');
  const next = await harness.started(2);
  expect(pool.stats()).toMatchObject({ connectionsOpen: 3, framesDelivered: 110 });

  next.serve();
  await until(() => pool.serving === 2, { what: 'the next one to serve' });
  await harness.reported(2, reportOf(4, 1, 3));
  const { stats, publishMs, commitToSocket } = pool.sums();
  expect(pool.stats()).toMatchObject({ connectionsOpen: 7, framesDelivered: 111 });
  expect(pool.stats().closesByCode).toEqual(new Map([[1001, 6]]));
  expect(stats).toMatchObject({ connectionsOpen: 7, subscriptionsOpen: 7, framesDelivered: 111 });
  expect(publishMs).toBe(30);
  expect(commitToSocket.sumSeconds).toBe(1.5);
});

test('a worker that has ended is counted once, with its last word', async () => {
  await using harness = await PoolHarness.start();
  const { pool, workers } = harness;
  await harness.reported(0, reportOf(5, 100, 0));
  await harness.reported(0, reportOf(0, 120, 5));
  workers.at(0).end(0);
  await harness.started(2);
  expect(pool.stats()).toMatchObject({ connectionsOpen: 0, framesDelivered: 120 });
  expect(pool.stats().closesByCode).toEqual(new Map([[1001, 5]]));
});
