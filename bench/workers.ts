/**
 * Workers: what it costs to hold the sockets in processes of their own, and what is gained where there are cores for them.
 * `npm run bench:workers [-- --watchers N --rounds N --seconds S --json FILE]`
 *
 * Everybody watches one item. In each round the same events are published to one process that does everything, to a primary
 * with one worker, and to one with two: first one at a time, each when everybody has the last, so that nothing can be joined
 * and every delivery is a write; then as many as they will take, where what waits for a worker is joined. Processor time is
 * that of all of the server's processes. With fewer than four cores they share one core: that measures what a delivery
 * costs, and no gain. The three take turns of a quarter of a second. Ratios are taken within a round, and the medians of the rounds are given.
 */
import { parseArgs } from 'node:util';

import { unevenness, workersAims } from './aims.ts';
import { CAN_PIN, HAS_FOUR_CORES, pinningNotes, stayOffServerCore } from './pinned-process.ts';
import {
  percent,
  publishReport,
  ratio,
  thousands,
  type Aim,
  type Chart,
  type TableRows,
} from './report.ts';
import { Stand, type Rate } from './stand.ts';
import { median } from './statistics.ts';
import { inTurns } from './turns.ts';

const { values: options } = parseArgs({
  options: {
    watchers: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    json: { type: 'string', default: 'bench/results/workers.json' },
  },
});
const WATCHERS = Number(options.watchers);
const ROUNDS = Number(options.rounds);
const SECONDS = Number(options.seconds);
const ONE_AT_A_TIME = { chunkEvents: 1, chunksUnderWay: 1 };
/** Half of what one client may leave lying. */
const MANY = { chunkEvents: 64, chunksUnderWay: 2 };

const SETUPS = ['one process', 'one worker', 'two workers'] as const;
type Setup = (typeof SETUPS)[number];
const WORKERS: Readonly<Record<Setup, number>> = {
  'one process': 0,
  'one worker': 1,
  'two workers': 2,
};

interface Measured {
  readonly single: Rate;
  readonly joined: Rate;
  /** Share of the connections that each worker holds. */
  readonly shares: readonly number[];
  /** How far any of them is from an even one, of that. */
  readonly uneven: number;
}

type Round = Readonly<Record<Setup, Measured>>;

/** All three are up and connected, and one at a time runs. */
async function measureRound(): Promise<Round> {
  await using stack = new AsyncDisposableStack();
  const stands = new Map<Setup, Stand>();
  for (const setup of SETUPS) {
    const workers = WORKERS[setup];
    const options = { kind: 'gavelcast', clients: WATCHERS, topicsEach: 1, workers } as const;
    const stand = stack.use(await Stand.start(options));
    await stand.connect(WATCHERS);
    stands.set(setup, stand);
  }
  const order = { topics: 1, watchers: WATCHERS, eventsPerTurn: 1 };
  for (const stand of stands.values()) {
    await stand.run({ ...order, ...MANY, seconds: SECONDS / 2 });
  }
  const single = await inTurns(stands, { ...order, ...ONE_AT_A_TIME, seconds: SECONDS });
  const joined = await inTurns(stands, { ...order, ...MANY, seconds: SECONDS });
  const measured = async (setup: Setup): Promise<Measured> => {
    const held = (await stands.get(setup)?.weigh(false))?.connectionsByWorker ?? [];
    const perCpuSecond = thousands(single(setup).deliveriesPerCpuSecond);
    process.stderr.write(`${setup}: ${perCpuSecond} per CPU second\n`);
    return {
      single: single(setup),
      joined: joined(setup),
      shares: held.map((connections) => connections / WATCHERS),
      uneven: unevenness(held, { workers: WORKERS[setup], connections: WATCHERS }),
    };
  };
  return {
    'one process': await measured('one process'),
    'one worker': await measured('one worker'),
    'two workers': await measured('two workers'),
  };
}

const over = (rounds: readonly Round[], value: (round: Round) => number): number =>
  median(rounds.map(value));

function tableOf(rounds: readonly Round[]): TableRows {
  const heading = [
    'server',
    'one at a time: per CPU second',
    '× one process',
    'CPU',
    'as many as go: per CPU second',
    'deliveries/s',
    'uneven by',
  ];
  const rows = SETUPS.map((setup) => [
    setup,
    thousands(over(rounds, (round) => round[setup].single.deliveriesPerCpuSecond)),
    ratio(over(rounds, (round) => perCpuOf(round, setup, 'one process'))),
    percent(over(rounds, (round) => round[setup].single.serverCpuShare)),
    thousands(over(rounds, (round) => round[setup].joined.deliveriesPerCpuSecond)),
    thousands(over(rounds, (round) => round[setup].joined.deliveriesPerSecond)),
    WORKERS[setup] < 2 ? '' : percent(over(rounds, (round) => round[setup].uneven)),
  ]);
  return [heading, ...rows];
}

function perCpuOf(round: Round, setup: Setup, to: Setup): number {
  return round[setup].single.deliveriesPerCpuSecond / round[to].single.deliveriesPerCpuSecond;
}

function aimsOf(rounds: readonly Round[]): Aim[] {
  const perSecond = (round: Round, setup: Setup): number => round[setup].single.deliveriesPerSecond;
  return workersAims({
    perCpuOfOneWorker: over(rounds, (round) => perCpuOf(round, 'two workers', 'one worker')),
    perCpuOfOneProcess: over(rounds, (round) => perCpuOf(round, 'two workers', 'one process')),
    uneven: over(rounds, (round) => round['two workers'].uneven),
    gain: HAS_FOUR_CORES
      ? over(rounds, (round) => perSecond(round, 'two workers') / perSecond(round, 'one worker'))
      : null,
  });
}

function chartOf(rounds: readonly Round[]): Chart {
  return {
    name: 'workers',
    title: 'Deliveries for a second of processor time, one event at a time, all processes together',
    unit: 'relative to one process that does everything',
    ours: 'two workers',
    groups: [
      {
        label: `${thousands(WATCHERS)} watchers`,
        bars: SETUPS.map((setup) => {
          const value = over(rounds, (round) => perCpuOf(round, setup, 'one process'));
          return { series: setup, value, text: ratio(value) };
        }),
      },
    ],
  };
}

stayOffServerCore();
const rounds: Round[] = [];
while (rounds.length < ROUNDS) rounds.push(await measureRound());
const shared = 'Fewer than four cores: all processes of the server share one, and no gain is told.';
await publishReport('workers', options.json, {
  tables: [tableOf(rounds)],
  aims: aimsOf(rounds),
  charts: [chartOf(rounds)],
  notes: [...pinningNotes(), ...(HAS_FOUR_CORES ? [] : [shared])],
  details: { watchers: WATCHERS, secondsEach: SECONDS, isPinned: CAN_PIN, rounds },
});
