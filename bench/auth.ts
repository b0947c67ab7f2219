/**
 * Connections accepted a second: ours, which verifies a JWT and admits the user, beside `ws`, which accepts anybody.
 * `npm run bench:auth [-- --connections N --rounds N --json FILE]`
 *
 * In each round each contestant runs in a fresh process and is warmed up by some connections first; then they take turns of a
 * thousand connections, which stay open, so that what else the machine does hits all alike. A connection counts when its
 * client has read the `101`; clients of protocol v2 wait for their `hello`, after which they are live.
 */
import { parseArgs } from 'node:util';

import { authAims } from './aims.ts';
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
/** Connections of one contestant before it is the next one's turn. */
const TURN = 1_000;

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

/** One contestant of a round, and what its turns have come to. */
interface Contestant {
  readonly name: string;
  readonly stand: Stand;
  connections: number;
  seconds: number;
  serverSeconds: number;
  generatorSeconds: number;
}

async function measureRound(): Promise<Round> {
  await using stands = new AsyncDisposableStack();
  const contestants: Contestant[] = [];
  for (const { name, kind, v2 } of CASES) {
    // `ws` has no heartbeat: on a slow machine ours would count as time spent on accepting.
    const options = { kind, clients: FIRST + CONNECTIONS, v2, heartbeats: false };
    const stand = stands.use(await Stand.start(options));
    await stand.connect(FIRST);
    const counted = { connections: 0, seconds: 0, serverSeconds: 0, generatorSeconds: 0 };
    contestants.push({ name, stand, ...counted });
  }
  for (let left = CONNECTIONS; left > 0; left -= TURN) {
    for (const contestant of contestants) await takeTurn(contestant, Math.min(left, TURN));
    // None always comes after the same.
    contestants.reverse();
  }
  return new Map(contestants.map((contestant) => [contestant.name, paceOf(contestant)]));
}

async function takeTurn(contestant: Contestant, count: number): Promise<void> {
  const { stand } = contestant;
  const before = await stand.weigh(false);
  const { seconds, cpuSeconds } = await stand.connect(count);
  const after = await stand.weigh(false);
  contestant.connections += count;
  contestant.seconds += seconds;
  contestant.serverSeconds += after.cpuSeconds - before.cpuSeconds;
  contestant.generatorSeconds += cpuSeconds;
}

function paceOf(contestant: Contestant): Pace {
  const { name, connections, seconds, serverSeconds, generatorSeconds } = contestant;
  const perSecond = connections / seconds;
  process.stderr.write(`${name}: ${thousands(perSecond)} connections/s\n`);
  return {
    perSecond,
    perCpuSecond: connections / serverSeconds,
    serverCpuShare: serverSeconds / seconds,
    generatorCpuShare: generatorSeconds / seconds,
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
const rounds: Round[] = [];
while (rounds.length < ROUNDS) rounds.push(await measureRound());
const byTheClock = over(rounds, OURS, ({ perSecond }, ws) => perSecond / ws.perSecond);
const byProcessor = over(rounds, OURS, ({ perCpuSecond }, ws) => perCpuSecond / ws.perCpuSecond);
await publishReport('auth', options.json, {
  tables: [tableOf(rounds)],
  aims: authAims({ byTheClock, byProcessor }),
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
