/** A bad number misses its aim, and so does none at all. */
import { describe, expect, test } from 'vitest';

import {
  authAims,
  bookAims,
  fanoutAims,
  growthAims,
  latencyAim,
  memoryAims,
  nextStepAim,
  recoveryAim,
  slowAims,
  tailAim,
  unevenness,
  workersAims,
} from '../../bench/aims.ts';
import type { Aim } from '../../bench/report.ts';

const MIB = 2 ** 20;

function met(aims: readonly Aim[]): boolean[] {
  return aims.map(({ isMet }) => isMet);
}

describe('bench:fanout', () => {
  const good = { watchers: 1_000, singlesOfFloor: 0.95, singlesOfWs: 1.3, burstsOfFloor: 8 };

  test.each([
    ['as good as it must be', {}, [true, true, true]],
    ['singles slower than the floor', { singlesOfFloor: 0.949 }, [false, true, true]],
    ['singles hardly faster than ws', { singlesOfWs: 1.29 }, [true, false, true]],
    ['bursts too slow', { burstsOfFloor: 7.9 }, [true, true, false]],
    [
      'nothing measured',
      { singlesOfFloor: Number.NaN, singlesOfWs: Number.NaN, burstsOfFloor: Number.NaN },
      [false, false, false],
    ],
  ])('%s', (_, found, isMet) => {
    expect(met(fanoutAims({ ...good, ...found }))).toEqual(isMet);
  });

  test('what is wanted, and of what', () => {
    expect(fanoutAims(good).map(({ what, aim }) => [what, aim])).toEqual([
      ['single events at 1,000 watchers × the floor', 'at least 0.95'],
      ['single events at 1,000 watchers × ws.send', 'at least 1.3'],
      ['bursts of 16 at 1,000 watchers × the floor’s single events', 'at least 8'],
    ]);
  });
});

describe('bench:memory', () => {
  test.each([
    ['as good as it must be', { residentOfWs: 1.4, heldOfWs: 1.4 }, [true, true]],
    ['the process too large', { residentOfWs: 1.41, heldOfWs: 1 }, [false, true]],
    ['the connection too large', { residentOfWs: 1, heldOfWs: 1.41 }, [true, false]],
    ['nothing measured', { residentOfWs: Number.NaN, heldOfWs: Number.NaN }, [false, false]],
  ])('%s', (_, found, isMet) => {
    expect(met(memoryAims(found))).toEqual(isMet);
  });
});

describe('bench:auth', () => {
  test.each([
    ['as good as they must be', { byTheClock: 0.8, byProcessor: 0.8 }, [true, true]],
    ['too slow', { byTheClock: 0.79, byProcessor: 0.8 }, [false, true]],
    ['too dear', { byTheClock: 0.8, byProcessor: 0.79 }, [true, false]],
    ['not measured', { byTheClock: Number.NaN, byProcessor: Number.NaN }, [false, false]],
  ])('%s', (_, found, isMet) => {
    expect(met(authAims(found))).toEqual(isMet);
  });
});

describe('bench:tail', () => {
  test.each([
    [0.8, true],
    [0.79, false],
    [Number.NaN, false],
  ])('%d of the pace of zongji: %s', (ofZongji, isMet) => {
    expect(tailAim({ source: 'mysql', ofZongji }).isMet).toBe(isMet);
  });
});

describe('bench:recovery', () => {
  test.each([
    ['as good as it must be', [10, 50, 20], true],
    ['one phase too slow', [10, 50.1, 20], false],
    ['one phase not measured', [10, Number.NaN, 20], false],
    ['nothing measured', [], false],
  ])('%s', (_, loopP99Ms, isMet) => {
    expect(recoveryAim({ loopP99Ms }).isMet).toBe(isMet);
  });
});

describe('bench:slow', () => {
  const good = { p99Share: 1.1, rssBytesBefore: 400 * MIB, rssBytesStalled: 464 * MIB };

  test.each([
    ['as good as it must be', {}, [true, true]],
    ['the others wait', { p99Share: 1.11 }, [false, true]],
    ['memory grows', { rssBytesStalled: 465 * MIB }, [true, false]],
    ['nothing measured', { p99Share: Number.NaN, rssBytesBefore: Number.NaN }, [false, false]],
  ])('%s', (_, found, isMet) => {
    expect(met(slowAims({ ...good, ...found }))).toEqual(isMet);
  });
});

describe('bench:workers', () => {
  const good = { perCpuOfOneWorker: 0.9, perCpuOfOneProcess: 0.9, uneven: 0.2, gain: 1.01 };

  test.each([
    ['as good as it must be', {}, [true, true, true, true]],
    ['no cores for a gain', { gain: null }, [true, true, true]],
    ['dearer than one worker', { perCpuOfOneWorker: 0.89 }, [false, true, true, true]],
    ['dearer than one process', { perCpuOfOneProcess: 0.89 }, [true, false, true, true]],
    ['uneven', { uneven: 0.21 }, [true, true, false, true]],
    ['no gain', { gain: 1 }, [true, true, true, false]],
    ['nothing measured', { uneven: Number.NaN, gain: Number.NaN }, [true, true, false, false]],
  ])('%s', (_, found, isMet) => {
    expect(met(workersAims({ ...good, ...found }))).toEqual(isMet);
  });

  test('unevenness is the worst worker’s', () => {
    expect(unevenness([50, 50], { workers: 2, connections: 100 })).toBe(0);
    expect(unevenness([40, 60], { workers: 2, connections: 100 })).toBeCloseTo(0.2);
    expect(unevenness([100, 0], { workers: 2, connections: 100 })).toBe(1);
    expect(unevenness([], { workers: 0, connections: 100 })).toBe(0);
  });

  test('a worker that is missing, or was replaced, fails the run', () => {
    expect(() => unevenness([100], { workers: 2, connections: 100 })).toThrow('1 workers');
    expect(() => unevenness([], { workers: 2, connections: 100 })).toThrow('0 workers');
    expect(() => unevenness([50, 0], { workers: 2, connections: 100 })).toThrow('held 50');
  });
});

describe('bench:growth', () => {
  test.each([
    ['as good as it must be', { costRatio: 2, idleCpuShare: 0.099 }, [true, true]],
    ['an event costs more', { costRatio: 2.01, idleCpuShare: 0.02 }, [false, true]],
    ['busy with nothing', { costRatio: 1.2, idleCpuShare: 0.1 }, [true, false]],
    ['nothing measured', { costRatio: Number.NaN, idleCpuShare: Number.NaN }, [false, false]],
  ])('%s', (_, found, isMet) => {
    expect(met(growthAims(found))).toEqual(isMet);
  });
});

describe('bench:book', () => {
  const of = { auctions: 1_000_000, source: 'mariadb' };

  test.each([
    ['as good as it must be', { residentMb: 600, readySeconds: 15 }, [true, true]],
    ['too large', { residentMb: 601, readySeconds: 9 }, [false, true]],
    ['too late', { residentMb: 450, readySeconds: 15.1 }, [true, false]],
    ['nothing measured', { residentMb: Number.NaN, readySeconds: Number.NaN }, [false, false]],
  ])('%s', (_, found, isMet) => {
    expect(met(bookAims({ ...of, ...found }))).toEqual(isMet);
  });

  test('a schedule that is searched through misses its aim', () => {
    const few = { auctions: 1_000, nextNs: 11 };
    expect(nextStepAim(few, { auctions: 1_000_000, nextNs: 110 }).isMet).toBe(true);
    expect(nextStepAim(few, { auctions: 1_000_000, nextNs: 11_000 }).isMet).toBe(false);
  });
});

describe('bench:latency', () => {
  test.each([
    [10, true],
    [10.1, false],
    [Number.NaN, false],
  ])('a p99 of %d ms: %s', (p99Ms, isMet) => {
    expect(latencyAim({ source: 'mysql', watchers: 1_000, p99Ms }).isMet).toBe(isMet);
  });
});
