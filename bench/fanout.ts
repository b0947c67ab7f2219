/**
 * Fan-out: one event to everyone who watches an item, from `gateway.publish` to the clients' sockets, beside what else there
 * is. `npm run bench:fanout [-- --watchers 100,1000,5000 --rounds N --seconds S --json FILE]`
 *
 * Per round and number of watchers each contestant runs in a fresh process: single events, each published when the one
 * before has been written to everybody; a stream, one event in each turn of the event loop, written or not; then bursts of
 * 16 in one turn. Within each of these the contestants take turns of a quarter of a second, so that what else the machine
 * does hits all alike. Ratios are taken within a round, and the medians of the rounds are given.
 */
import { parseArgs } from 'node:util';

import { fanoutAims } from './aims.ts';
import type { Run } from './contestant-server.ts';
import type { Kind } from './contestants.ts';
import { CAN_PIN, pinningNotes, stayOffServerCore } from './pinned-process.ts';
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
    watchers: { type: 'string', default: '100,1000,5000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    json: { type: 'string', default: 'bench/results/fanout.json' },
  },
});
const WATCHERS = options.watchers.split(',').map(Number);
const ROUNDS = Number(options.rounds);
const SECONDS = Number(options.seconds);
const WARM_UP_SECONDS = Math.min(1, SECONDS / 2);

const KINDS: readonly Kind[] = ['net', 'ws', 'socket.io', 'gavelcast'];
const NAMES: Readonly<Record<Kind, string>> = {
  net: 'bare sockets (floor)',
  ws: 'ws.send(string)',
  'socket.io': 'Socket.IO',
  gavelcast: 'Gavelcast',
};
const BURST = 16;
/** Bytes that may be under way to one client: below what makes a gateway count it as slow, and deep enough to fill waits. */
const UNDER_WAY_BYTES_MAX = 55_000;
const EVENT_BYTES = 204;
/** The aims are set for this many watchers. */
const AIMED_AT = 1_000;

const MODES = {
  single: { eventsPerTurn: 1, apart: true, chunkDeliveries: 16_000 },
  stream: { eventsPerTurn: 1, apart: false, chunkDeliveries: 16_000 },
  burst: { eventsPerTurn: BURST, apart: false, chunkDeliveries: 64_000 },
} as const;
type Mode = keyof typeof MODES;
type Rates = Readonly<Record<Mode, Rate>>;

interface Measured {
  readonly watchers: number;
  /** One entry a round. */
  readonly rounds: readonly Readonly<Record<Kind, Rates>>[];
}

/** One round: all contestants are up and connected, and one at a time runs. */
async function measure(watchers: number): Promise<Readonly<Record<Kind, Rates>>> {
  await using stack = new AsyncDisposableStack();
  const stands = new Map<Kind, Stand>();
  for (const kind of KINDS) {
    const stand = stack.use(await Stand.start({ kind, clients: watchers, topicsEach: 1 }));
    await stand.connect(watchers);
    stands.set(kind, stand);
  }
  const runOf = (mode: Mode, seconds: number): Omit<Run, 'type'> => {
    const { eventsPerTurn, apart } = MODES[mode];
    const chunkEvents = chunkOf(watchers, MODES[mode]);
    return { topics: 1, watchers, eventsPerTurn, apart, chunkEvents, seconds };
  };
  for (const stand of stands.values()) await stand.run(runOf('single', WARM_UP_SECONDS));
  const single = await inTurns(stands, runOf('single', SECONDS));
  const stream = await inTurns(stands, runOf('stream', SECONDS));
  const burst = await inTurns(stands, runOf('burst', SECONDS));
  return recordOf((kind) => ({ single: single(kind), stream: stream(kind), burst: burst(kind) }));
}

function recordOf<Value>(valueOf: (kind: Kind) => Value): Record<Kind, Value> {
  return {
    net: valueOf('net'),
    ws: valueOf('ws'),
    'socket.io': valueOf('socket.io'),
    gavelcast: valueOf('gavelcast'),
  };
}

/** Events between two reports of the clients: few enough that a turn is not one chunk long, whole bursts in any case. */
function chunkOf(
  watchers: number,
  { eventsPerTurn, chunkDeliveries }: (typeof MODES)[Mode],
): number {
  const bursts = (events: number): number => Math.max(1, Math.floor(events / eventsPerTurn));
  const most = bursts(UNDER_WAY_BYTES_MAX / EVENT_BYTES / 2);
  return eventsPerTurn * Math.min(most, bursts(chunkDeliveries / watchers));
}

async function measureAll(watchers: number): Promise<Measured> {
  const rounds: Readonly<Record<Kind, Rates>>[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const rates = await measure(watchers);
    rounds.push(rates);
    const told = KINDS.map((kind) => {
      const { single, stream, burst } = rates[kind];
      const each = [single, stream, burst].map((rate) => thousands(rate.deliveriesPerSecond));
      return `${kind} ${each.join(', ')}`;
    });
    process.stderr.write(`${watchers} watchers, deliveries/s: ${told.join('; ')}\n`);
  }
  return { watchers, rounds };
}

/** Median over the rounds of something within one round. */
function over({ rounds }: Measured, value: (round: Measured['rounds'][number]) => number): number {
  return median(rounds.map(value));
}

function rowsOf(measured: Measured): string[][] {
  return KINDS.map((kind) => {
    const per = (mode: Mode, value: (rate: Rate, floor: Rate) => number): number =>
      over(measured, (round) => value(round[kind][mode], round.net.single));
    const relative = (rate: Rate, floor: Rate): number =>
      rate.deliveriesPerSecond / floor.deliveriesPerSecond;
    return [
      thousands(measured.watchers),
      NAMES[kind],
      thousands(per('single', (rate) => rate.deliveriesPerSecond)),
      ratio(per('single', relative)),
      ratio(
        per('single', (rate, floor) => rate.deliveriesPerCpuSecond / floor.deliveriesPerCpuSecond),
      ),
      ratio(per('stream', relative)),
      thousands(per('burst', (rate) => rate.deliveriesPerSecond)),
      ratio(per('burst', relative)),
      percent(per('single', (rate) => rate.serverCpuShare)),
      percent(per('single', (rate) => rate.generatorCpuShare)),
      percent(per('single', (rate) => rate.waitedSeconds / rate.seconds)),
    ];
  });
}

function tableOf(all: readonly Measured[]): TableRows {
  const heading = [
    'watchers',
    'server',
    'singles/s',
    '× floor',
    '× floor per CPU s',
    'stream × floor singles',
    'bursts of 16: /s',
    '× floor singles',
    'CPU: server',
    'CPU: clients',
    'waited for clients',
  ];
  return [heading, ...all.flatMap(rowsOf)];
}

function aimsOf(all: readonly Measured[]): Aim[] {
  const aimed = all.find(({ watchers }) => watchers === AIMED_AT);
  if (aimed === undefined) return [];
  const rate = (round: Measured['rounds'][number], kind: Kind, mode: Mode): number =>
    round[kind][mode].deliveriesPerSecond;
  return fanoutAims({
    watchers: AIMED_AT,
    singlesOfFloor: over(
      aimed,
      (it) => rate(it, 'gavelcast', 'single') / rate(it, 'net', 'single'),
    ),
    singlesOfWs: over(aimed, (it) => rate(it, 'gavelcast', 'single') / rate(it, 'ws', 'single')),
    burstsOfFloor: over(aimed, (it) => rate(it, 'gavelcast', 'burst') / rate(it, 'net', 'single')),
  });
}

function chartsOf(all: readonly Measured[]): Chart[] {
  const chart = (name: string, title: string, mode: Mode): Chart => ({
    name,
    title,
    unit: 'deliveries a second, relative to bare sockets writing single events',
    ours: NAMES.gavelcast,
    groups: all.map((measured) => ({
      label: `${thousands(measured.watchers)} watchers`,
      bars: KINDS.map((kind) => {
        const value = over(
          measured,
          (it) => it[kind][mode].deliveriesPerSecond / it.net.single.deliveriesPerSecond,
        );
        return { series: NAMES[kind], value, text: ratio(value) };
      }),
    })),
  });
  return [
    chart('fanout-singles', 'Single events, each when the one before is written', 'single'),
    chart('fanout-bursts', 'Bursts of 16 events in one turn', 'burst'),
  ];
}

/** Where the clients, not the server, set the pace, the reader must know. */
function notesOf(all: readonly Measured[]): string[] {
  const bound = all.flatMap((measured) =>
    KINDS.flatMap((kind) =>
      (Object.keys(MODES) as Mode[])
        .filter((mode) => {
          const waits = over(measured, (it) => {
            const { waitedSeconds, seconds } = it[kind][mode];
            return waitedSeconds / seconds;
          });
          return waits > WAITING_MAX;
        })
        .map((mode) => `${NAMES[kind]} at ${thousands(measured.watchers)} watchers (${mode}s)`),
    ),
  );
  const notes = pinningNotes();
  if (bound.length === 0) return notes;
  return [
    ...notes,
    `The clients, not the server, set the pace in more than a tenth of the time for: ${bound.join(', ')}.`,
  ];
}

const WAITING_MAX = 0.1;

stayOffServerCore();
const all: Measured[] = [];
for (const watchers of WATCHERS) all.push(await measureAll(watchers));
await publishReport('fanout', options.json, {
  tables: [tableOf(all)],
  aims: aimsOf(all),
  charts: chartsOf(all),
  notes: notesOf(all),
  details: { eventBytes: 200, burst: BURST, secondsEach: SECONDS, isPinned: CAN_PIN, all },
});
