/**
 * Commit → client: how long after a bid's COMMIT its frame is in the hands of each of 1,000 watchers of one item, at 100
 * bids a second, on MariaDB and MySQL. `npm run bench:latency [-- --watchers N --bids N --rate N --flavour F]`
 *
 * The database, the server, the watchers (bare sockets) and the writer are processes of their own. Two times are given:
 * since COMMIT was sent (what a bidder's friend beside him would measure) and since it was acknowledged.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { mintToken } from '../test/support/auction-client.ts';
import { FLAVOURS, type Flavour } from '../test/support/database-server.ts';
import { startGavelcast } from '../test/support/gavelcast-process.ts';
import { setStage, type Stage } from '../test/support/stage.ts';
import type { Commit } from './latency-writer.ts';
import { cpuSecondsOf } from './process-time.ts';
import { summarise, table, type Summary } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    watchers: { type: 'string', default: '1000' },
    bids: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '100' },
    flavour: { type: 'string' },
    json: { type: 'string', default: 'bench/results/latency.json' },
  },
});
const WATCHERS = Number(options.watchers);
const BIDS = Number(options.bids);
const RATE = Number(options.rate);

interface Result {
  readonly flavour: Flavour;
  readonly version: string;
  readonly sinceCommitSentMs: Summary;
  readonly sinceCommitAcknowledgedMs: Summary;
  readonly serverCpuShare: number;
  readonly generatorCpuShare: number;
}

async function measure(flavour: Flavour): Promise<Result> {
  process.stderr.write(`${flavour}: starting a private server\n`);
  const stage = await setStage(flavour);
  const gavelcast = await startGavelcast(stage.source, { MAX_CONNECTIONS: String(WATCHERS + 10) });
  try {
    const { itemId, bidderIds } = await openAuction(stage);
    process.stderr.write(
      `${flavour}: ${String(WATCHERS)} watchers, ${String(BIDS)} bids at ${String(RATE)}/s\n`,
    );
    const watchers = child('latency-watchers.ts');
    const tokens = Array.from({ length: WATCHERS }, (_, i) => mintToken(1_000_000 + i));
    watchers.send({ port: gavelcast.port, tokens, itemId, bids: BIDS });
    await message(watchers, 'subscribed');
    const cpuBefore = cpuSecondsOf(gavelcast.child.pid);
    const startedAt = performance.now();
    const arrived = message<Arrivals>(watchers, 'done');
    const writer = child('latency-writer.ts');
    const { admin } = stage.server;
    writer.send({ ...stage.source, ...admin, itemId, bidderIds, bids: BIDS, bidsPerSecond: RATE });
    const { commits } = await message<{ commits: Commit[] }>(writer, 'done');
    const arrivals = await arrived;
    const elapsedMs = performance.now() - startedAt;
    return {
      flavour,
      version: stage.server.version,
      sinceCommitSentMs: delays(arrivals, commits, 'sentAtMs'),
      sinceCommitAcknowledgedMs: delays(arrivals, commits, 'acknowledgedAtMs'),
      serverCpuShare: (cpuSecondsOf(gavelcast.child.pid) - cpuBefore) / (elapsedMs / 1000),
      generatorCpuShare: arrivals.cpuMs / elapsedMs,
    };
  } finally {
    await gavelcast.stop();
    await stage.stop();
  }
}

async function openAuction({ portal }: Stage): Promise<{ itemId: number; bidderIds: number[] }> {
  const sellerId = await portal.addUser({ name: 'Sally', role: 'seller' });
  const bidderIds: number[] = [];
  for (let i = 0; i < 20; i++) {
    bidderIds.push(await portal.addUser({ name: `Bidder ${String(i)}` }));
  }
  const endTime = Date.now() + 3_600_000;
  const item = { title: 'A clock', startingPrice: '10.00', endTime, sellerId };
  return { itemId: await portal.addItem(item), bidderIds };
}

interface Arrivals {
  /** When each frame came, and which bid it told, pairwise. */
  readonly arrivals: Float64Array;
  readonly bidIds: Float64Array;
  readonly cpuMs: number;
}

function delays(
  { arrivals, bidIds }: Arrivals,
  commits: readonly Commit[],
  instant: 'sentAtMs' | 'acknowledgedAtMs',
): Summary {
  const instants = new Map(commits.map((commit) => [commit.bidId, commit[instant]]));
  return summarise(
    Float64Array.from(arrivals, (at, i) => at - (instants.get(bidIds[i] ?? -1) ?? Number.NaN)),
  );
}

function child(file: string): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), { serialization: 'advanced' });
}

function message<T>(from: ChildProcess, type: string): Promise<T> {
  return new Promise((resolve, reject) => {
    from.once('exit', (code) => {
      reject(new Error(`a child ended with ${String(code)} before it said '${type}'`));
    });
    from.on('message', (received: T & { readonly type: string }) => {
      if (received.type === type) resolve(received);
    });
  });
}

const flavours =
  options.flavour === undefined ? FLAVOURS : FLAVOURS.filter((f) => f === options.flavour);
const results: Result[] = [];
for (const flavour of flavours) results.push(await measure(flavour));

const ms = (value: number): string => value.toFixed(2);
const rows = [
  [
    'server',
    'since',
    'p50 ms',
    'p90 ms',
    'p99 ms',
    'max ms',
    'deliveries',
    'server CPU',
    'generator CPU',
  ],
];
for (const result of results) {
  const cpu = [result.serverCpuShare, result.generatorCpuShare].map(
    (share) => `${(share * 100).toFixed(0)} %`,
  );
  for (const [since, summary] of [
    ['commit sent', result.sinceCommitSentMs],
    ['commit acknowledged', result.sinceCommitAcknowledgedMs],
  ] as const) {
    rows.push([
      `${result.flavour} ${result.version}`,
      since,
      ms(summary.p50),
      ms(summary.p90),
      ms(summary.p99),
      ms(summary.max),
      String(summary.samples),
      ...cpu,
    ]);
  }
}
process.stdout.write(`${table(rows)}\n`);
const report = {
  measuredAt: new Date().toISOString(),
  machine: `${String(cpus().length)} × ${cpus()[0]?.model ?? 'unknown'}`,
  watchers: WATCHERS,
  bids: BIDS,
  bidsPerSecond: RATE,
  results,
};
await mkdir('bench/results', { recursive: true });
await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
process.stdout.write(`written to ${options.json}\n`);
