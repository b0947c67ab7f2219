/**
 * A million live auctions: how long the program takes to start beside them, and what memory it then holds.
 * `npm run bench:book [-- --auctions N --bids-each N --flavour mariadb|mysql --json FILE]`
 *
 * The database is a real one on the same machine, with its rows in memory; the program is started as an operator starts it
 * and watched from outside. The countdown schedule is measured beside it, in this process: what it costs to follow one
 * auction among a thousand, and among as many as are live.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import type { Flavour } from '../test/support/database-server.ts';
import { startGavelcast, type GavelcastProcess } from '../test/support/gavelcast-process.ts';
import { setStage } from '../test/support/stage.ts';
import { bookAims, nextStepAim } from './aims.ts';
import { writeAuctions } from './book-rows.ts';
import { measureCountdown, type CountdownCost } from './book-countdown.ts';
import { flavoursOf } from './flavours.ts';
import { cpuSecondsOf } from './process-time.ts';
import { publishReport, ratio, thousands, type Aim, type Chart, type TableRows } from './report.ts';
import { median } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    auctions: { type: 'string', default: '1000000' },
    'bids-each': { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    flavour: { type: 'string' },
    json: { type: 'string', default: 'bench/results/book.json' },
  },
});
const AUCTIONS = Number(options.auctions);
const BIDS_EACH = Number(options['bids-each']);
const ROUNDS = Number(options.rounds);
const START_WITHIN_MS = 300_000;
/** After it is ready, so that what is left over from loading counts. */
const SETTLE_MS = 3_000;
const FEW = 1_000;

interface Start {
  /** From starting the process until it says that it is ready. */
  readonly readySeconds: number;
  /** Of its processor time until then. */
  readonly cpuSeconds: number;
  /** Megabytes of a million bytes. */
  readonly residentMb: number;
  /** The most it ever held, loading included. */
  readonly peakMb: number;
}

interface Measured {
  readonly flavour: Flavour;
  readonly version: string;
  readonly starts: readonly Start[];
}

async function measure(flavour: Flavour): Promise<Measured> {
  process.stderr.write(`${flavour}: starting a private server\n`);
  const variables = { innodb_buffer_pool_size: '1G' };
  const stage = await setStage(flavour, { variables });
  try {
    await writeAuctions(stage, { auctions: AUCTIONS, bidsEach: BIDS_EACH });
    const starts: Start[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const startedAt = performance.now();
      const gavelcast = await startGavelcast(stage.source, {}, { readyWithinMs: START_WITHIN_MS });
      const readySeconds = (performance.now() - startedAt) / 1000;
      try {
        starts.push(await watchStarted(gavelcast, readySeconds));
      } finally {
        await gavelcast.stop();
      }
    }
    return { flavour, version: stage.server.version, starts };
  } finally {
    await stage.stop();
  }
}

async function watchStarted(gavelcast: GavelcastProcess, readySeconds: number): Promise<Start> {
  const pid = gavelcast.child.pid ?? 0;
  const cpuSeconds = cpuSecondsOf(pid);
  await delay(SETTLE_MS);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const residentMb = megabytes(status, 'VmRSS');
  process.stderr.write(
    `ready in ${readySeconds.toFixed(1)} s (CPU ${cpuSeconds.toFixed(1)} s), ${residentMb.toFixed(0)} MB\n`,
  );
  return { readySeconds, cpuSeconds, residentMb, peakMb: megabytes(status, 'VmHWM') };
}

/** A line `VmRSS:  123456 kB` of /proc/<pid>/status. */
function megabytes(status: string, name: string): number {
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  return (Number(kib) * 1024) / 1e6;
}

function startsTable(measured: readonly Measured[]): TableRows {
  return [
    ['source', 'live auctions', 'bids', 'ready in s', 'CPU s', 'resident MB', 'peak MB'],
    ...measured.map(({ flavour, version, starts }) => [
      `${flavour} ${version}`,
      thousands(AUCTIONS),
      thousands(AUCTIONS * BIDS_EACH),
      median(starts.map((start) => start.readySeconds)).toFixed(1),
      median(starts.map((start) => start.cpuSeconds)).toFixed(1),
      median(starts.map((start) => start.residentMb)).toFixed(0),
      median(starts.map((start) => start.peakMb)).toFixed(0),
    ]),
  ];
}

function countdownTable(few: CountdownCost, many: CountdownCost): TableRows {
  const row = (what: string, field: Exclude<keyof CountdownCost, 'auctions'>): string[] => [
    what,
    few[field].toFixed(0),
    many[field].toFixed(0),
    ratio(many[field] / few[field]),
  ];
  return [
    [
      'countdown, ns each',
      `among ${thousands(few.auctions)}`,
      `among ${thousands(many.auctions)}`,
      '×',
    ],
    row('an auction’s end moves', 'moveNs'),
    row('when is the next step due', 'nextNs'),
    row('a step is taken', 'stepNs'),
  ];
}

function aimsOf(measured: readonly Measured[], few: CountdownCost, many: CountdownCost): Aim[] {
  const ofStarts = measured.flatMap(({ flavour, starts }) =>
    bookAims({
      auctions: AUCTIONS,
      source: flavour,
      residentMb: median(starts.map((start) => start.residentMb)),
      readySeconds: median(starts.map((start) => start.readySeconds)),
    }),
  );
  return [...ofStarts, nextStepAim(few, many)];
}

function chartOf(measured: readonly Measured[]): Chart {
  const value = (starts: readonly Start[], of: 'readySeconds' | 'cpuSeconds'): number =>
    median(starts.map((start) => start[of]));
  return {
    name: 'book',
    title: `From start to ready beside ${thousands(AUCTIONS)} live auctions`,
    unit: 'seconds',
    ours: 'until it is ready',
    groups: measured.map(({ flavour, starts }) => {
      const ready = value(starts, 'readySeconds');
      const cpu = value(starts, 'cpuSeconds');
      return {
        label: flavour,
        bars: [
          { series: 'until it is ready', value: ready, text: ready.toFixed(1) },
          { series: 'processor time', value: cpu, text: cpu.toFixed(1) },
        ],
      };
    }),
  };
}

const flavours = flavoursOf(options.flavour);
process.stderr.write(`countdown: among ${thousands(AUCTIONS)} auctions\n`);
const few = measureCountdown(Math.min(FEW, AUCTIONS));
const many = measureCountdown(AUCTIONS);
const measured: Measured[] = [];
for (const flavour of flavours) measured.push(await measure(flavour));
await publishReport('book', options.json, {
  tables: [startsTable(measured), countdownTable(few, many)],
  aims: aimsOf(measured, few, many),
  charts: [chartOf(measured)],
  notes: ['The database server runs on the same machine and shares its cores.'],
  details: { auctions: AUCTIONS, bidsEach: BIDS_EACH, measured, countdown: { few, many } },
});
