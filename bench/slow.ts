/**
 * One client that does not read among 2,000 that do:
 * `npm run bench:slow [-- --clients N --events N --rounds N --rate N --stalled-ms N --json FILE]`
 *
 * The gateway runs in this process with a book in memory, its clients in one of their own. In each round the same events are
 * published twice, without the stalled client and with it; which comes first alternates. The stalled client watches every
 * item, reads nothing, and comes back each time the gateway has cut it. Measured are how long events take to the others,
 * and the memory of this process. The medians of the rounds are given.
 *
 * One hiccup of the machine is a multiple of the p99. So rounds are many and short, just longer than it takes to stall and
 * be cut, and what is compared is a round without hiccups: windows of a second are laid from the beginning of a round and
 * anew from each time the stalled client was cut and comes back; of each window the median p99 over the rounds, then the mean
 * over the windows. What the stalled client costs it costs in every round, and in the same window; a hiccup comes at any time.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { createGateway } from '../server/gateway.ts';
import type { Gateway } from '../server/gateway-options.ts';
import { holdYoungGeneration } from '../server/young-generation.ts';
import type { DomainEvent } from '../src/auction/domain-event.ts';
import { mint, OPTIONS } from '../test/server/support/gateway-harness.ts';
import { MemoryReads } from '../test/server/support/memory-reads.ts';
import { until } from '../test/support/until.ts';
import { slowAims } from './aims.ts';
import { Bids, nameOf } from './bench-events.ts';
import { PinnedProcess, pinningNotes, stayOnServerCore } from './pinned-process.ts';
import { publishReport, thousands, type TableRows } from './report.ts';
import { SILENT_LOG } from './silent-log.ts';
import type { Hear, Heard, Leave, Left, Stall, Stalled, Watch, Watching } from './slow-watchers.ts';
import { median, smoothed, type Summary, type Window } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    clients: { type: 'string', default: '2000' },
    events: { type: 'string', default: '150000' },
    rounds: { type: 'string', default: '12' },
    rate: { type: 'string', default: '10000' },
    // What the gateway puts up with, as `gavelcast serve` does.
    'stalled-ms': { type: 'string', default: OPTIONS.slowLimits.stalledMsMax.toString() },
    json: { type: 'string', default: 'bench/results/slow.json' },
  },
});
const CLIENTS = Number(options.clients);
const EVENTS = Number(options.events);
const ROUNDS = Number(options.rounds);
const RATE = Number(options.rate);
/** Each is watched by two of the clients that read. */
const ITEMS = Math.ceil(CLIENTS / 2);
const HISTORY_EVENTS = Math.min(EVENTS, OPTIONS.history.eventsMax);
/** The history is filled and then renewed, and the heap around it has come to its size, before anybody stalls. */
const WARM_UP_EVENTS = 4 * HISTORY_EVENTS;
/** Of the stalled client: it is cut once in each round, or nearly. Small runs are too short for any. */
const CLOSES_MIN = Math.floor((EVENTS * ROUNDS) / 200_000);
/** Frames that take longer than this after the last was published were lost: the benchmark fails then. */
const LOST_AFTER_MS = 60_000;
const LOOK_EVERY_MS = 100;
const CUT_LOOK_EVERY_MS = 20;
const TICK_MS = 5;

interface Phase {
  /** Milliseconds from `publish` to the client. */
  readonly latency: Summary;
  /** Of the first mark, the beginning, and of each time the stalled client was cut. */
  readonly windows: readonly (readonly Window[])[];
  readonly seconds: number;
  readonly rssMaxBytes: number;
  /** How often the gateway has closed a slow client, and why. */
  readonly closes: Readonly<Record<string, number>>;
  readonly eventsConflated: number;
}

interface Round {
  readonly without: Phase;
  readonly withOne: Phase;
}

async function main(): Promise<void> {
  stayOnServerCore();
  // As `gavelcast serve` does.
  holdYoungGeneration();
  const reads = new MemoryReads();
  for (let itemId = 1; itemId <= ITEMS; itemId += 1) reads.list(itemId);
  const slowLimits = { ...OPTIONS.slowLimits, stalledMsMax: Number(options['stalled-ms']) };
  const gateway = createGateway(
    // The clients are bare sockets that answer no pings.
    {
      ...OPTIONS,
      slowLimits,
      history: { ...OPTIONS.history, eventsMax: HISTORY_EVENTS },
      subscriptionsMax: ITEMS,
      messageBurstMax: 10_000,
      heartbeatIntervalMs: 3_600_000,
    },
    { log: SILENT_LOG, now: Date.now, reads, clockOffsetMs: () => 0 },
  );
  const { port } = await gateway.listen();
  await using watchers = new PinnedProcess('slow-watchers.ts', 'generator');
  try {
    const watch: Watch = { type: 'watch', port, token: mint(), clients: CLIENTS, items: ITEMS };
    await watchers.ask<Watching>(watch, 'watching');
    // What is compiled, and what the history fills up with, is paid for before anything is measured.
    const warmUp = await measure(gateway, watchers, WARM_UP_EVENTS);
    const rounds: Round[] = [];
    while (rounds.length < ROUNDS) {
      rounds.push(await measureRound(gateway, watchers, rounds.length % 2 === 1));
    }
    await report(rounds, warmUp.rssMaxBytes);
  } finally {
    await gateway.stop();
  }
}

async function measureRound(
  gateway: Gateway,
  watchers: PinnedProcess,
  isStalledFirst: boolean,
): Promise<Round> {
  if (isStalledFirst) {
    const withOne = await measureStalled(gateway, watchers);
    return { withOne, without: await measure(gateway, watchers, EVENTS) };
  }
  const without = await measure(gateway, watchers, EVENTS);
  return { without, withOne: await measureStalled(gateway, watchers) };
}

async function measureStalled(gateway: Gateway, watchers: PinnedProcess): Promise<Phase> {
  const stall: Stall = { type: 'stall' };
  await watchers.ask<Stalled>(stall, 'stalled');
  let closed = closesOf(gateway);
  const cutsMs: number[] = [];
  const timer = setInterval(() => {
    if (closesOf(gateway) === closed) return;
    closed = closesOf(gateway);
    cutsMs.push(epochMs() - CUT_LOOK_EVERY_MS);
    watchers.send(stall);
  }, CUT_LOOK_EVERY_MS);
  const phase = await measure(gateway, watchers, EVENTS, cutsMs).finally(() => {
    clearInterval(timer);
  });
  const leave: Leave = { type: 'leave' };
  await watchers.ask<Left>(leave, 'left');
  await until(() => gateway.stats().connectionsOpen === CLIENTS, {
    what: 'the stalled client to be gone',
  });
  return phase;
}

function closesOf(gateway: Gateway): number {
  return [...gateway.stats().slowCloses.values()].reduce((sum, count) => sum + count, 0);
}

/** @param cutsMs epoch ms of each time the stalled client was cut; grows meanwhile */
async function measure(
  gateway: Gateway,
  watchers: PinnedProcess,
  count: number,
  cutsMs: readonly number[] = [],
): Promise<Phase> {
  // The counts are live.
  const before = { ...gateway.stats(), slowCloses: new Map(gateway.stats().slowCloses) };
  let rssMaxBytes = 0;
  const timer = setInterval(() => {
    rssMaxBytes = Math.max(rssMaxBytes, process.memoryUsage.rss());
  }, LOOK_EVERY_MS);
  const startedAtMs = epochMs();
  await publishAll(gateway, count);
  const seconds = (epochMs() - startedAtMs) / 1000;
  clearInterval(timer);
  const marks = [startedAtMs, ...cutsMs];
  const hear: Hear = { type: 'hear', due: (count * CLIENTS) / ITEMS, marks };
  const { latency, windows } = await watchers.ask<Heard>(hear, 'heard', LOST_AFTER_MS);
  const { slowCloses, eventsConflated } = gateway.stats();
  const closes = Object.fromEntries(
    [...slowCloses].map(([reason, times]) => [
      reason,
      times - (before.slowCloses.get(reason) ?? 0),
    ]),
  );
  process.stderr.write(`p99 ${latency.p99.toFixed(2)} ms, closed ${JSON.stringify(closes)}\n`);
  const conflated = eventsConflated - before.eventsConflated;
  return { latency, windows, seconds, rssMaxBytes, closes, eventsConflated: conflated };
}

/** Publishes at the rate, item after item; when it was published stands in each event. */
async function publishAll(gateway: Gateway, count: number): Promise<void> {
  const bids = new Bids();
  const startedAt = performance.now();
  for (let published = 0; published < count;) {
    const due = Math.min(count, ((performance.now() - startedAt) * RATE) / 1000);
    const events: DomainEvent[] = [];
    for (; published < due; published += 1) {
      const bid = bids.next((published % ITEMS) + 1);
      const nowUs = Math.round(epochMs() * 1000);
      events.push({
        ...bid,
        eventId: `${bid.eventId}${nextRun}` as typeof bid.eventId,
        bidCount: nowUs,
      });
    }
    gateway.publish({ events, nameOf, committedAtMs: Date.now() });
    await delay(TICK_MS);
  }
  nextRun += 1;
}

/** Event ids of one run are not those of another. */
let nextRun = 1;

const over = (rounds: readonly Round[], value: (round: Round) => number): number =>
  median(rounds.map(value));

/** As the head of this file says, in ms. */
function smoothP99(rounds: readonly Round[], kind: keyof Round): number {
  return smoothed(rounds.map((round) => round[kind].windows));
}

/** On the clock by which events are dated. */
function epochMs(): number {
  return performance.timeOrigin + performance.now();
}

const KINDS = ['without', 'withOne'] as const;
const NAMES: Readonly<Record<keyof Round, string>> = {
  without: 'all read',
  withOne: 'one does not',
};

const ms = (value: number): string => value.toFixed(2);

function tableOf(rounds: readonly Round[]): TableRows {
  return [
    [
      'of the clients',
      'p50 ms',
      'p99 ms',
      'p99 ms without hiccups',
      'max ms',
      'resident MiB',
      'events/s',
    ],
    ...KINDS.map((kind) => [
      NAMES[kind],
      ms(over(rounds, (round) => round[kind].latency.p50)),
      ms(over(rounds, (round) => round[kind].latency.p99)),
      ms(smoothP99(rounds, kind)),
      ms(over(rounds, (round) => round[kind].latency.max)),
      (over(rounds, (round) => round[kind].rssMaxBytes) / 2 ** 20).toFixed(0),
      thousands(EVENTS / over(rounds, (round) => round[kind].seconds)),
    ]),
  ];
}

/** @throws Error where the stalled client was hardly there: such a run says nothing */
function closesIn(rounds: readonly Round[]): number {
  const closes = rounds
    .flatMap(({ withOne }) => Object.values(withOne.closes))
    .reduce((sum, count) => sum + count, 0);
  if (closes < CLOSES_MIN) {
    throw new Error(`the stalled client was closed ${closes} times, not ${CLOSES_MIN} or more`);
  }
  return closes;
}

async function report(rounds: readonly Round[], rssBytesWarm: number): Promise<void> {
  const closes = closesIn(rounds);
  const conflated = rounds.reduce((sum, { withOne }) => sum + withOne.eventsConflated, 0);
  const [first] = rounds;
  await publishReport('slow', options.json, {
    tables: [tableOf(rounds)],
    aims: slowAims({
      p99Share: smoothP99(rounds, 'withOne') / smoothP99(rounds, 'without'),
      rssBytesBefore: Math.max(rssBytesWarm, first?.without.rssMaxBytes ?? Number.NaN),
      rssBytesStalled: Math.max(...rounds.map(({ withOne }) => withOne.rssMaxBytes)),
    }),
    charts: [
      {
        name: 'slow',
        title: 'From publishing to the clients that read',
        unit: 'milliseconds',
        ours: 'p99',
        groups: KINDS.map((kind) => ({
          label: NAMES[kind],
          bars: (['p50', 'p99'] as const).map((series) => {
            const value = over(rounds, (round) => round[kind].latency[series]);
            return { series, value, text: ms(value) };
          }),
        })),
      },
    ],
    notes: [
      `${thousands(CLIENTS)} clients; ${thousands(EVENTS)} events each time, without and with the stalled client, in each of ${ROUNDS} rounds. The stalled client was closed ${closes} times; ${thousands(conflated)} events were conflated.`,
      ...pinningNotes(),
    ],
    details: { clients: CLIENTS, events: EVENTS, rate: RATE, closes, rounds },
  });
}

if (import.meta.main) await main();
