/**
 * Connections accepted a second: ours, which verifies a JWT and admits the user, beside `ws`, which accepts anybody.
 * `npm run bench:auth [-- --connections N --rounds N --json FILE]`
 *
 * Each contestant runs in a fresh process and is warmed up by some connections first. A connection counts when its client
 * has read the `101`; clients of protocol v2 wait for their `hello`, after which they are live. The contestants take turns.
 */
import { parseArgs } from 'node:util';

import { authAim } from './aims.ts';
import type { Kind } from './contestants.ts';
import {
  connectionsWithin,
  openFilesMax,
  pinningNotes,
  stayOffServerCore,
} from './pinned-process.ts';
import { percent, publishReport, ratio, thousands, type TableRows } from './report.ts';
import { Stand } from './stand.ts';
import { median } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    connections: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string', default: 'bench/results/auth.json' },
  },
});
/** Beside those of the warm-up. */
const SPARE_FILES = 4_000;
const CONNECTIONS = connectionsWithin(openFilesMax(), SPARE_FILES, Number(options.connections));
const ROUNDS = Number(options.rounds);
const FIRST = Math.min(3_000, CONNECTIONS);

interface Case {
  readonly name: string;
  readonly kind: Kind;
  readonly v2: boolean;
}

const WS = 'ws, anybody';
const OURS = 'Gavelcast, JWT';
const CASES: readonly Case[] = [
  { name: WS, kind: 'ws', v2: false },
  { name: 'Socket.IO, anybody', kind: 'socket.io', v2: false },
  { name: OURS, kind: 'gavelcast', v2: false },
  { name: 'Gavelcast, JWT, v2 to its hello', kind: 'gavelcast', v2: true },
];

interface Pace {
  readonly perSecond: number;
  readonly perCpuSecond: number;
  readonly serverCpuShare: number;
  readonly generatorCpuShare: number;
}

async function measure({ name, kind, v2 }: Case): Promise<Pace> {
  // `ws` has no heartbeat: on a slow machine ours would count as time spent on accepting.
  const heartbeats = false;
  await using stand = await Stand.start({ kind, clients: FIRST + CONNECTIONS, v2, heartbeats });
  await stand.connect(FIRST);
  const before = await stand.weigh(false);
  const { seconds, cpuSeconds } = await stand.connect(CONNECTIONS);
  const after = await stand.weigh(false);
  const serverSeconds = after.cpuSeconds - before.cpuSeconds;
  const perSecond = CONNECTIONS / seconds;
  process.stderr.write(`${name}: ${thousands(perSecond)} connections/s\n`);
  return {
    perSecond,
    perCpuSecond: CONNECTIONS / serverSeconds,
    serverCpuShare: serverSeconds / seconds,
    generatorCpuShare: cpuSeconds / seconds,
  };
}

type Round = ReadonlyMap<string, Pace>;

const NONE: Pace = {
  perSecond: Number.NaN,
  perCpuSecond: Number.NaN,
  serverCpuShare: Number.NaN,
  generatorCpuShare: Number.NaN,
};

function over(rounds: readonly Round[], name: string, value: (pace: Pace, ws: Pace) => number) {
  return median(rounds.map((round) => value(round.get(name) ?? NONE, round.get(WS) ?? NONE)));
}

function tableOf(rounds: readonly Round[]): TableRows {
  return [
    [
      'server',
      'connections/s',
      '× ws',
      'per CPU s of the server',
      '× ws per CPU s',
      'CPU: server',
      'CPU: clients',
    ],
    ...CASES.map(({ name }) => [
      name,
      thousands(over(rounds, name, ({ perSecond }) => perSecond)),
      ratio(over(rounds, name, ({ perSecond }, ws) => perSecond / ws.perSecond)),
      thousands(over(rounds, name, ({ perCpuSecond }) => perCpuSecond)),
      ratio(over(rounds, name, ({ perCpuSecond }, ws) => perCpuSecond / ws.perCpuSecond)),
      percent(over(rounds, name, ({ serverCpuShare }) => serverCpuShare)),
      percent(over(rounds, name, ({ generatorCpuShare }) => generatorCpuShare)),
    ]),
  ];
}

stayOffServerCore();
const rounds: Map<string, Pace>[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const paces = new Map<string, Pace>();
  for (const each of CASES) paces.set(each.name, await measure(each));
  rounds.push(paces);
}
const byTheClock = over(rounds, OURS, ({ perSecond }, ws) => perSecond / ws.perSecond);
const byProcessor = over(rounds, OURS, ({ perCpuSecond }, ws) => perCpuSecond / ws.perCpuSecond);
await publishReport('auth', options.json, {
  tables: [tableOf(rounds)],
  aims: [authAim({ byTheClock, byProcessor })],
  charts: [
    {
      name: 'auth',
      title: 'Connections accepted',
      unit: 'per second of the server’s processor time, relative to ws accepting anybody',
      ours: 'Gavelcast',
      groups: CASES.map(({ name, kind }) => {
        const value = over(rounds, name, ({ perCpuSecond }, ws) => perCpuSecond / ws.perCpuSecond);
        const series = kind === 'gavelcast' ? 'Gavelcast' : 'others';
        return { label: name, bars: [{ series, value, text: ratio(value) }] };
      }),
    },
  ],
  notes: [
    `Over ${thousands(CONNECTIONS)} connections of each kind, which stay open. Reading the user’s standing from the database is not in it.`,
    ...pinningNotes(),
  ],
  details: { connections: CONNECTIONS, rounds: rounds.map((it) => Object.fromEntries(it)) },
});
