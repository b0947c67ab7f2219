/**
 * How fast a backlog is worked off: one-row transactions through decoding, translating and encoding (no sockets), beside
 * bare zongji and `mariadb-binlog -v` (or `mysqlbinlog -v`) on the same backlog in the same run.
 * `npm run bench:tail [-- --transactions N --rounds N --flavour mariadb|mysql]`
 *
 * Each reading is a process of its own; the kinds take turns, so that what else the machine does hits all alike. The
 * figures are medians of the rounds.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

import { findInstallation, programOnPath } from '../test/support/database-installation.ts';
import type { Flavour } from '../test/support/database-server.ts';
import { tailAim } from './aims.ts';
import { flavoursOf } from './flavours.ts';
import { PinnedProcess } from './pinned-process.ts';
import { publishReport, ratio, type TableRows } from './report.ts';
import { median } from './statistics.ts';
import { writeBacklog, type Backlog } from './tail-backlog.ts';
import type { ReadOrder, ReadResult } from './tail-reader.ts';

const { values: options } = parseArgs({
  options: {
    transactions: { type: 'string', default: '500000' },
    rounds: { type: 'string', default: '3' },
    flavour: { type: 'string' },
    json: { type: 'string', default: 'bench/results/tail.json' },
  },
});
const TRANSACTIONS = Number(options.transactions);
const ROUNDS = Number(options.rounds);
const KINDS = ['zongji', 'zongji-exact', 'decode', 'publish'] as const;

interface Measured {
  readonly flavour: Flavour;
  readonly version: string;
  readonly transactions: number;
  readonly binlogMiB: number;
  /** Transactions a second, one figure a round. */
  readonly perSecond: Readonly<Record<string, readonly number[]>>;
  readonly cpuSeconds: Readonly<Record<string, readonly number[]>>;
  /** Of `publish`, one curve a round. */
  readonly residentMiB: readonly (readonly number[])[];
}

async function measure(flavour: Flavour): Promise<Measured> {
  process.stderr.write(`${flavour}: writing ${TRANSACTIONS.toString()} transactions\n`);
  const backlog = await writeBacklog(flavour, TRANSACTIONS);
  const perSecond: Record<string, number[]> = {};
  const cpuSeconds: Record<string, number[]> = {};
  const residentMiB: (readonly number[])[] = [];
  const note = (kind: string, seconds: number): void => {
    (perSecond[kind] ??= []).push(TRANSACTIONS / seconds);
  };
  try {
    for (let round = 1; round <= ROUNDS; round += 1) {
      for (const kind of KINDS) {
        process.stderr.write(`${flavour}: round ${round.toString()}: ${kind} reads\n`);
        const result = await read(kind, backlog);
        note(kind, result.seconds);
        (cpuSeconds[kind] ??= []).push(result.cpuSeconds);
        if (kind === 'publish') residentMiB.push(result.residentMiB);
        if (result.rows < TRANSACTIONS)
          throw new Error(`${kind} saw ${result.rows.toString()} rows`);
        const speed = Math.round(TRANSACTIONS / result.seconds);
        process.stderr.write(
          `${flavour}: round ${round.toString()}: ${kind} ${speed.toString()}/s\n`,
        );
      }
      const seconds = await readWithTool(flavour, backlog);
      if (seconds !== null) note(toolOf(flavour), seconds);
    }
  } finally {
    await backlog.stage.stop();
  }
  const { version } = backlog.stage.server;
  const binlogMiB = backlog.bytes / 2 ** 20;
  return {
    flavour,
    version,
    transactions: TRANSACTIONS,
    binlogMiB,
    perSecond,
    cpuSeconds,
    residentMiB,
  };
}

async function read(kind: ReadOrder['kind'], backlog: Backlog): Promise<ReadResult> {
  const { from, until, stage } = backlog;
  await using reader = new PinnedProcess('tail-reader.ts', 'anywhere');
  const order: ReadOrder = { type: 'read', kind, source: stage.source, from, until };
  return await reader.ask<ReadResult>(order, 'finished');
}

function toolOf(flavour: Flavour): string {
  return flavour === 'mariadb' ? 'mariadb-binlog -v' : 'mysqlbinlog -v';
}

/** Seconds that the server's own tool takes to print the same range; null where it is not installed. */
async function readWithTool(flavour: Flavour, backlog: Backlog): Promise<number | null> {
  const { chroot } = findInstallation(flavour);
  const name = flavour === 'mariadb' ? 'mariadb-binlog' : 'mysqlbinlog';
  const isThere = chroot !== null || programOnPath(name) !== null;
  if (!isThere) return null;
  const { source } = backlog.stage;
  const args = [
    '--no-defaults',
    '-v',
    '--read-from-remote-server',
    `--host=${source.host}`,
    `--port=${source.port.toString()}`,
    `--user=${source.user}`,
    `--password=${source.password}`,
    `--start-position=${backlog.from.offset.toString()}`,
    `--stop-position=${backlog.until.offset.toString()}`,
    backlog.from.file,
  ];
  const [program, rest] = chroot === null ? [name, args] : ['chroot', [chroot, name, ...args]];
  const startedAt = performance.now();
  const tool = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  tool.stdout.resume();
  tool.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(tool, 'close')) as [number | null];
  if (code === 0) return (performance.now() - startedAt) / 1000;
  process.stderr.write(`${name} failed: ${errors}\n`);
  return null;
}

function tableOf(measured: readonly Measured[]): TableRows {
  const rows = [['server', 'reader', 'transactions/s', '× zongji', 'CPU s']];
  for (const { flavour, version, perSecond, cpuSeconds } of measured) {
    const zongji = median(perSecond['zongji'] ?? []);
    for (const [kind, speeds] of Object.entries(perSecond)) {
      const speed = median(speeds);
      const cpu = cpuSeconds[kind];
      rows.push([
        `${flavour} ${version}`,
        kind,
        Math.round(speed).toString(),
        (speed / zongji).toFixed(2),
        cpu === undefined ? '' : median(cpu).toFixed(1),
      ]);
    }
  }
  return rows;
}

const flavours = flavoursOf(options.flavour);
const measured: Measured[] = [];
for (const flavour of flavours) measured.push(await measure(flavour));
await publishReport('tail', options.json, {
  tables: [tableOf(measured)],
  aims: measured.map(({ flavour, perSecond }) => {
    const ofZongji = median(perSecond['publish'] ?? []) / median(perSecond['zongji'] ?? []);
    return tailAim({ source: flavour, ofZongji });
  }),
  charts: [
    {
      name: 'tail',
      title: 'Transactions read a second',
      unit: 'relative to bare zongji',
      ours: 'publish',
      groups: measured.map(({ flavour, perSecond }) => ({
        label: flavour,
        bars: Object.entries(perSecond).map(([series, speeds]) => {
          const value = median(speeds) / median(perSecond['zongji'] ?? []);
          return { series, value, text: ratio(value) };
        }),
      })),
    },
  ],
  notes: measured.map(({ flavour, residentMiB }) => {
    const most = Math.max(...residentMiB.flat());
    return `${flavour}: at most ${most} MiB resident while publishing.`;
  }),
  details: { measured },
});
