/**
 * What is hoped for of the benchmarks, apart from how it is measured: what a bad number makes of an aim can be tested.
 * A value that is no number meets nothing.
 */
import { percent, ratio, type Aim } from './report.ts';

const SLOW_P99_SHARE_MAX = 1.1;
/**
 * The unsent bytes of a slow client are bounded, and all else that it is owed stands in the history, which is the same
 * without it: what is left is what a collector takes its time with.
 */
const SLOW_MORE_MIB_MAX = 64;
const MIB = 2 ** 20;
const WORKERS_COST_MIN = 0.9;
const UNEVEN_MAX = 0.2;

/** Of `bench:slow`. */
export function slowAims(of: {
  /** p99 of the clients that read with a stalled one, over that without. */
  readonly p99Share: number;
  /** The most that was resident before any client had stalled, and the most while one did. */
  readonly rssBytesBefore: number;
  readonly rssBytesStalled: number;
}): Aim[] {
  const moreMib = (of.rssBytesStalled - of.rssBytesBefore) / MIB;
  return [
    {
      what: 'p99 of the others with one stalled client, against without',
      aim: `at most ${SLOW_P99_SHARE_MAX}`,
      measured: ratio(of.p99Share),
      isMet: of.p99Share <= SLOW_P99_SHARE_MAX,
    },
    {
      what: 'the most memory in any round with a stalled client, more than before there was one',
      aim: `at most ${SLOW_MORE_MIB_MAX} MiB`,
      measured: `${moreMib.toFixed(0)} MiB`,
      isMet: moreMib <= SLOW_MORE_MIB_MAX,
    },
  ];
}

/** Of `bench:workers`. */
export function workersAims(of: {
  /** Deliveries per CPU second of two workers, over those of one worker and of one process. */
  readonly perCpuOfOneWorker: number;
  readonly perCpuOfOneProcess: number;
  /** As {@link unevenness} says. */
  readonly uneven: number;
  /** Deliveries a second of two workers over those of one; null where there are no cores for it. */
  readonly gain: number | null;
}): Aim[] {
  const cost = (to: string, value: number): Aim => ({
    what: `deliveries per CPU second, one event at a time, two workers × ${to}`,
    aim: `at least ${WORKERS_COST_MIN}`,
    measured: ratio(value),
    isMet: value >= WORKERS_COST_MIN,
  });
  const aims = [
    cost('one worker', of.perCpuOfOneWorker),
    cost('one process', of.perCpuOfOneProcess),
    {
      what: 'connections of each of two workers, from an even share',
      aim: `within ${percent(UNEVEN_MAX)}`,
      measured: percent(of.uneven),
      isMet: of.uneven <= UNEVEN_MAX,
    },
  ];
  if (of.gain === null) return aims;
  const what = 'deliveries a second, one event at a time, two workers × one worker';
  return [...aims, { what, aim: 'more than 1', measured: ratio(of.gain), isMet: of.gain > 1 }];
}

/**
 * How far the share of any worker was from even, of the even share.
 *
 * @param held connections of each worker at the end
 * @throws Error when a worker is missing, or does not hold what it held: the clients of one that was replaced do not come
 *   back, and its processor time is lost to the sum
 */
export function unevenness(
  held: readonly number[],
  wanted: { readonly workers: number; readonly connections: number },
): number {
  const { workers, connections } = wanted;
  if (held.length !== workers) throw new Error(`${held.length} workers at the end of ${workers}`);
  const sum = held.reduce((all, each) => all + each, 0);
  if (workers > 0 && sum !== connections) {
    throw new Error(`the workers held ${sum} connections at the end of ${connections}`);
  }
  return Math.max(0, ...held.map((each) => Math.abs((each / connections) * workers - 1)));
}
