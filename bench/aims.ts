/**
 * What is hoped for of the benchmarks, apart from how it is measured: what a bad number makes of an aim can be tested.
 * A value that is no number meets nothing.
 */
import { percent, ratio, thousands, type Aim } from './report.ts';

const FANOUT_OF_FLOOR_MIN = 0.95;
const FANOUT_OF_WS_MIN = 1.3;
const FANOUT_BURSTS_OF_FLOOR_MIN = 8;
const MEMORY_OF_WS_MAX = 1.4;
const AUTH_OF_WS_MIN = 0.8;
/** The share of bare zongji's pace that reading, translating and encoding are to keep. */
const TAIL_OF_ZONGJI_MIN = 0.8;
const RECOVERY_LOOP_P99_MS_MAX = 50;
const SLOW_P99_SHARE_MAX = 1.1;
/**
 * The unsent bytes of a slow client are bounded, and all else that it is owed stands in the history, which is the same
 * without it: what is left is what a collector takes its time with.
 */
const SLOW_MORE_MIB_MAX = 64;
const MIB = 2 ** 20;
const WORKERS_COST_MIN = 0.9;
const UNEVEN_MAX = 0.2;
const GROWTH_COST_MAX = 2;
const IDLE_CPU_MAX = 0.1;
/** Wanted with 1,000 watchers (docs/performance.md says what that takes of a machine). */
const LATENCY_P99_MS_MAX = 10;
/** Megabytes of a million bytes. */
const BOOK_RESIDENT_MB_MAX = 600;
const BOOK_START_SECONDS_MAX = 15;
/** A search through all auctions would cost a thousand times as much among a thousand times as many. */
const NEXT_STEP_TIMES_MAX = 10;

/** How a value is written. */
interface Shown {
  readonly unit: string;
  readonly digits: number;
}

const RATIO: Shown = { unit: '', digits: 2 };
const MS: Shown = { unit: ' ms', digits: 1 };

/** Of `bench:fanout`: deliveries a second over those of others in the same round. */
export function fanoutAims(of: {
  readonly watchers: number;
  /** Single events, over those of bare sockets and of `ws`. */
  readonly singlesOfFloor: number;
  readonly singlesOfWs: number;
  /** Bursts, over single events of bare sockets. */
  readonly burstsOfFloor: number;
}): Aim[] {
  const at = `at ${thousands(of.watchers)} watchers`;
  return [
    atLeast(`single events ${at} × the floor`, FANOUT_OF_FLOOR_MIN, of.singlesOfFloor),
    atLeast(`single events ${at} × ws.send`, FANOUT_OF_WS_MIN, of.singlesOfWs),
    atLeast(
      `bursts of 16 ${at} × the floor’s single events`,
      FANOUT_BURSTS_OF_FLOOR_MIN,
      of.burstsOfFloor,
    ),
  ];
}

/** Of `bench:memory`: a connection with three subscriptions over an idle one of `ws`. */
export function memoryAims(of: {
  readonly residentOfWs: number;
  readonly heldOfWs: number;
}): Aim[] {
  const what = 'authenticated connection with three subscriptions × ws, idle';
  return [
    atMost(what, MEMORY_OF_WS_MAX, of.residentOfWs),
    atMost('the same, without the young generation of either', MEMORY_OF_WS_MAX, of.heldOfWs),
  ];
}

/**
 * Of `bench:auth`: connections accepted over those that `ws` accepts of anybody. The clock tells what a storm would notice;
 * it flatters whoever works while the clients are what all wait for, so the server's own time is held to the same.
 */
export function authAims(of: { readonly byTheClock: number; readonly byProcessor: number }): Aim[] {
  return [
    atLeast('upgrades with a JWT a second × ws without', AUTH_OF_WS_MIN, of.byTheClock),
    atLeast('the same per CPU second of the server', AUTH_OF_WS_MIN, of.byProcessor),
  ];
}

/** Of `bench:tail`, for each source. */
export function tailAim(of: { readonly source: string; readonly ofZongji: number }): Aim {
  const what = `transactions published a second × bare zongji, ${of.source}`;
  return atLeast(what, TAIL_OF_ZONGJI_MIN, of.ofZongji);
}

/** Of `bench:recovery`: of the phases in which clients connect and recover, the worst. */
export function recoveryAim(of: { readonly loopP99Ms: readonly number[] }): Aim {
  const worstMs = of.loopP99Ms.length === 0 ? Number.NaN : Math.max(...of.loopP99Ms);
  const what = 'event loop p99 while clients connect and recover';
  return atMost(what, RECOVERY_LOOP_P99_MS_MAX, worstMs, MS);
}

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
    atMost(
      'p99 of the others with one stalled client, against without',
      SLOW_P99_SHARE_MAX,
      of.p99Share,
    ),
    atMost(
      'the most memory in any round with a stalled client, more than before there was one',
      SLOW_MORE_MIB_MAX,
      moreMib,
      { unit: ' MiB', digits: 0 },
    ),
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
  const cost = (to: string, value: number): Aim =>
    atLeast(
      `deliveries per CPU second, one event at a time, two workers × ${to}`,
      WORKERS_COST_MIN,
      value,
    );
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

/** Of `bench:growth`. */
export function growthAims(of: {
  /** Processor time of an event with many connections and topics, over that with few. */
  readonly costRatio: number;
  readonly idleCpuShare: number;
}): Aim[] {
  return [
    atMost(
      'processor time of an event, with many connections and topics × with few',
      GROWTH_COST_MAX,
      of.costRatio,
    ),
    {
      what: 'share of a core with many connections and nothing to do',
      aim: `less than ${percent(IDLE_CPU_MAX)}`,
      measured: percent(of.idleCpuShare),
      isMet: of.idleCpuShare < IDLE_CPU_MAX,
    },
  ];
}

/** Of `bench:book`, for each source. */
export function bookAims(of: {
  readonly auctions: number;
  readonly source: string;
  readonly residentMb: number;
  readonly readySeconds: number;
}): Aim[] {
  const what = `${thousands(of.auctions)} auctions from ${of.source}`;
  return [
    atMost(`${what}: resident memory`, BOOK_RESIDENT_MB_MAX, of.residentMb, {
      unit: ' MB',
      digits: 0,
    }),
    atMost(`${what}: from start to ready`, BOOK_START_SECONDS_MAX, of.readySeconds, {
      unit: ' s',
      digits: 1,
    }),
  ];
}

/** Of the countdown schedule in `bench:book`. */
export function nextStepAim(
  few: { readonly auctions: number; readonly nextNs: number },
  many: { readonly auctions: number; readonly nextNs: number },
): Aim {
  const what = `when the next step is due, among ${thousands(many.auctions)} × among ${thousands(few.auctions)}`;
  return atMost(what, NEXT_STEP_TIMES_MAX, many.nextNs / few.nextNs);
}

/** Of `bench:latency`, for each source and count of watchers. */
export function latencyAim(of: {
  readonly source: string;
  readonly watchers: number;
  readonly p99Ms: number;
}): Aim {
  const what = `p99 since COMMIT was sent, ${thousands(of.watchers)} watchers, ${of.source}`;
  return atMost(what, LATENCY_P99_MS_MAX, of.p99Ms, MS);
}

function atLeast(what: string, least: number, value: number): Aim {
  return { what, aim: `at least ${least}`, measured: ratio(value), isMet: value >= least };
}

function atMost(what: string, most: number, value: number, shown: Shown = RATIO): Aim {
  const { unit, digits } = shown;
  return {
    what,
    aim: `at most ${most}${unit}`,
    measured: `${value.toFixed(digits)}${unit}`,
    isMet: value <= most,
  };
}
