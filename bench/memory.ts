/**
 * What a connection costs in resident memory: idle and subscribed, ours beside what else there is.
 * `npm run bench:memory [-- --connections N --rounds N --json FILE]`
 *
 * Each contestant runs in a fresh process. Some connections are made and collected first, so that what a process needs
 * anyway is not counted; then `N` more. What the process takes from the system is told as it is, and again without the
 * young generation of the heap: that is one for the process and grows by tens of megabytes when many come at once, so the
 * first number is an operator's, and the second says what a connection itself holds. Kernel memory of sockets is in neither:
 * it is the same for all.
 */
import { parseArgs } from 'node:util';

import { memoryAims } from './aims.ts';
import type { Kind } from './contestants.ts';
import { connectionsWithin, openFilesMax, stayOffServerCore } from './pinned-process.ts';
import { publishReport, ratio, thousands, type TableRows } from './report.ts';
import { Stand } from './stand.ts';
import { median } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    connections: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string', default: 'bench/results/memory.json' },
  },
});
/** Beside those of the warm-up. */
const SPARE_FILES = 4_000;
const CONNECTIONS = connectionsWithin(openFilesMax(), SPARE_FILES, Number(options.connections));
const ROUNDS = Number(options.rounds);
/** Connections before the first weighing: enough for every pool and table to have its first size. */
const FIRST = Math.min(3_000, CONNECTIONS);
const TOPICS = 1_000;

interface Case {
  readonly name: string;
  readonly kind: Kind;
  readonly topicsEach: number;
}

const WS = 'ws, idle';
const OURS = 'Gavelcast, three subscriptions';
const CASES: readonly Case[] = [
  { name: 'bare socket, idle', kind: 'net', topicsEach: 0 },
  { name: WS, kind: 'ws', topicsEach: 0 },
  { name: 'Socket.IO, idle', kind: 'socket.io', topicsEach: 0 },
  { name: 'Socket.IO, three rooms', kind: 'socket.io', topicsEach: 3 },
  { name: 'Gavelcast, authenticated, idle', kind: 'gavelcast', topicsEach: 0 },
  { name: OURS, kind: 'gavelcast', topicsEach: 3 },
];

/** Bytes per connection; `young`: bytes of the process, once everybody was connected. */
interface Weight {
  readonly resident: number;
  /** Of that, without the young generation. */
  readonly held: number;
  readonly young: number;
  readonly heap: number;
  readonly external: number;
}

async function weigh({ name, kind, topicsEach }: Case): Promise<Weight> {
  const clients = FIRST + CONNECTIONS;
  await using stand = await Stand.start({ kind, clients, topicsEach, topics: TOPICS });
  await stand.connect(FIRST);
  const before = await stand.weigh(true);
  await stand.connect(CONNECTIONS);
  const after = await stand.weigh(true);
  const each = (value: 'residentBytes' | 'youngBytes' | 'heapBytes' | 'externalBytes'): number =>
    (after[value] - before[value]) / CONNECTIONS;
  const resident = each('residentBytes');
  const held = resident - each('youngBytes');
  process.stderr.write(`${name}: ${kib(resident)} KiB a connection, ${kib(held)} held\n`);
  const young = after.youngBytes;
  return { resident, held, young, heap: each('heapBytes'), external: each('externalBytes') };
}

type Round = ReadonlyMap<string, Weight>;

function over(
  rounds: readonly Round[],
  name: string,
  value: (weight: Weight, ws: Weight) => number,
) {
  const none = {
    resident: Number.NaN,
    held: Number.NaN,
    young: Number.NaN,
    heap: Number.NaN,
    external: Number.NaN,
  };
  return median(rounds.map((round) => value(round.get(name) ?? none, round.get(WS) ?? none)));
}

function tableOf(rounds: readonly Round[]): TableRows {
  return [
    [
      'connection',
      'resident KiB',
      '× ws',
      'without the young generation',
      '× ws',
      'of that JavaScript heap',
      'outside the heap',
      'young generation of the process, MiB',
    ],
    ...CASES.map(({ name }) => [
      name,
      kib(over(rounds, name, ({ resident }) => resident)),
      ratio(over(rounds, name, ({ resident }, ws) => resident / ws.resident)),
      kib(over(rounds, name, ({ held }) => held)),
      ratio(over(rounds, name, ({ held }, ws) => held / ws.held)),
      kib(over(rounds, name, ({ heap }) => heap)),
      kib(over(rounds, name, ({ external }) => external)),
      (over(rounds, name, ({ young }) => young) / 2 ** 20).toFixed(0),
    ]),
  ];
}

function kib(bytes: number): string {
  return (bytes / 1024).toFixed(1);
}

stayOffServerCore();
const rounds: Map<string, Weight>[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const weights = new Map<string, Weight>();
  for (const each of CASES) weights.set(each.name, await weigh(each));
  rounds.push(weights);
}
const residentOfWs = over(rounds, OURS, ({ resident }, ws) => resident / ws.resident);
const heldOfWs = over(rounds, OURS, ({ held }, ws) => held / ws.held);
await publishReport('memory', options.json, {
  tables: [tableOf(rounds)],
  aims: memoryAims({ residentOfWs, heldOfWs }),
  charts: [
    {
      name: 'memory',
      title: 'Memory that one connection holds',
      unit: 'KiB',
      ours: 'Gavelcast',
      groups: CASES.map(({ name, kind }) => {
        const value = over(rounds, name, ({ held }) => held) / 1024;
        const series = kind === 'gavelcast' ? 'Gavelcast' : 'others';
        return { label: name, bars: [{ series, value, text: value.toFixed(1) }] };
      }),
    },
  ],
  notes: [`Over ${thousands(CONNECTIONS)} connections of each kind.`],
  details: {
    connections: CONNECTIONS,
    topics: TOPICS,
    rounds: rounds.map((round) => Object.fromEntries(round)),
  },
});
