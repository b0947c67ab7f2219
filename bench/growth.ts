/**
 * What an event costs as the rest grows: one watcher's event with few connections and topics, and with many of both.
 * `npm run bench:growth [-- --few N --connections N --topics N --seconds S --json FILE]`
 *
 * Every topic has one watcher. The events go round all topics, one in each turn of the loop, so that each finds another
 * connection, as cold as it would be. Idle time is watched too: heartbeats are the one cost that grows by itself.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { growthAims } from './aims.ts';
import {
  connectionsWithin,
  openFilesMax,
  pinningNotes,
  stayOffServerCore,
} from './pinned-process.ts';
import { percent, publishReport, ratio, thousands, type Chart, type TableRows } from './report.ts';
import { Stand } from './stand.ts';
import { median } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    few: { type: 'string', default: '1000' },
    connections: { type: 'string', default: '50000' },
    topics: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    idle: { type: 'string', default: '30' },
    json: { type: 'string', default: 'bench/results/growth.json' },
  },
});
const WANTED = Number(options.connections);
const CONNECTIONS = connectionsWithin(openFilesMax(), 500, WANTED);
const TOPICS = Number(options.topics);
const ROUNDS = Number(options.rounds);
const SECONDS = Number(options.seconds);
/** More than a heartbeat period. */
const IDLE_SECONDS = Number(options.idle);
const FEW = Number(options.few);
/** Events under way: few to one client even where there is one for each. */
const CHUNK_EVENTS = 64;

interface Scale {
  readonly connections: number;
  readonly topics: number;
  readonly connectSeconds: number;
  readonly residentMiB: number;
  /** Of one core, with nothing to do but heartbeats; null: not watched. */
  readonly idleCpuShare: number | null;
  /** Processor time of an event with one watcher, publish to socket: one figure a round. */
  readonly eventMicroseconds: readonly number[];
}

async function measure(connections: number, topics: number, idle: boolean): Promise<Scale> {
  const topicsEach = Math.max(1, Math.floor(topics / connections));
  const watched = topicsEach * connections;
  const kind = 'gavelcast';
  await using stand = await Stand.start({
    kind,
    clients: connections,
    topicsEach,
    topics: watched,
  });
  const { seconds: connectSeconds } = await stand.connect(connections);
  const { residentBytes } = await stand.weigh(true);
  const idleCpuShare = idle ? await idleShare(stand) : null;
  const order = { topics: watched, watchers: 1, chunkEvents: CHUNK_EVENTS, eventsPerTurn: 1 };
  await stand.run({ ...order, seconds: SECONDS / 2 });
  const eventMicroseconds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { cpuSeconds, events } = await stand.run({ ...order, seconds: SECONDS });
    eventMicroseconds.push((cpuSeconds / events) * 1e6);
  }
  const residentMiB = residentBytes / 2 ** 20;
  process.stderr.write(
    `${connections} connections: ${median(eventMicroseconds).toFixed(1)} µs an event\n`,
  );
  return {
    connections,
    topics: watched,
    connectSeconds,
    residentMiB,
    idleCpuShare,
    eventMicroseconds,
  };
}

async function idleShare(stand: Stand): Promise<number> {
  process.stderr.write(`idle for ${IDLE_SECONDS} s\n`);
  const before = await stand.weigh(false);
  const startedAt = performance.now();
  await delay(IDLE_SECONDS * 1000);
  const after = await stand.weigh(false);
  return (after.cpuSeconds - before.cpuSeconds) / ((performance.now() - startedAt) / 1000);
}

function tableOf(scales: readonly Scale[]): TableRows {
  return [
    [
      'connections',
      'topics',
      'resident MiB',
      'connected and subscribed in s',
      'CPU when idle',
      'µs of CPU an event',
    ],
    ...scales.map((scale) => [
      thousands(scale.connections),
      thousands(scale.topics),
      scale.residentMiB.toFixed(0),
      scale.connectSeconds.toFixed(1),
      scale.idleCpuShare === null ? '' : percent(scale.idleCpuShare),
      median(scale.eventMicroseconds).toFixed(1),
    ]),
  ];
}

function chartOf(scales: readonly Scale[]): Chart {
  return {
    name: 'growth',
    title: 'What an event with one watcher costs',
    unit: 'microseconds of processor time',
    ours: 'Gavelcast',
    groups: scales.map((scale) => {
      const value = median(scale.eventMicroseconds);
      const label = `${thousands(scale.connections)} connections, ${thousands(scale.topics)} topics`;
      return { label, bars: [{ series: 'Gavelcast', value, text: value.toFixed(1) }] };
    }),
  };
}

stayOffServerCore();
const few = await measure(FEW, FEW, false);
const many = await measure(CONNECTIONS, TOPICS, true);
const times = median(many.eventMicroseconds) / median(few.eventMicroseconds);
const limited =
  CONNECTIONS < WANTED
    ? [
        `This machine lets a process have ${thousands(openFilesMax())} open files: ${thousands(CONNECTIONS)} connections instead of ${thousands(WANTED)}.`,
      ]
    : [];
await publishReport('growth', options.json, {
  tables: [tableOf([few, many])],
  aims: growthAims({ costRatio: times, idleCpuShare: many.idleCpuShare ?? Number.NaN }),
  charts: [chartOf([few, many])],
  notes: [
    `An event costs ${ratio(times)} times as much with many connections and topics as with few.`,
    ...limited,
    ...pinningNotes(),
  ],
  details: { idleSeconds: IDLE_SECONDS, scales: [few, many], costRatio: times },
});
