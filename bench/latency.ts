/**
 * Commit → client: how long after a bid's COMMIT its frame is in the hands of each of its item's watchers, at 100
 * bids a second, on MariaDB and MySQL. `npm run bench:latency [-- --watchers 250,1000 --bids N --rate N --flavour F]`
 *
 * The database, the server, the watchers (bare sockets) and the writer are processes of their own, more than many a machine
 * has cores: none of them is pinned to one, so that they share them as an installation does. Two times are given:
 * since COMMIT was sent (what a bidder's friend beside him would measure) and since it was acknowledged.
 */
import { parseArgs } from 'node:util';

import { mintToken } from '../test/support/auction-client.ts';
import type { Flavour } from '../test/support/database-server.ts';
import { startGavelcast } from '../test/support/gavelcast-process.ts';
import { setStage, type Stage } from '../test/support/stage.ts';
import { latencyAim } from './aims.ts';
import { flavoursOf } from './flavours.ts';
import type { Hear, Heard, Watch, Watching } from './latency-watchers.ts';
import type { Commit, Write, Written } from './latency-writer.ts';
import { PinnedProcess } from './pinned-process.ts';
import { cpuSecondsOf } from './process-time.ts';
import { percent, publishReport, thousands, type TableRows } from './report.ts';
import { summarise, type Summary } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    watchers: { type: 'string', default: '250,1000' },
    bids: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '100' },
    flavour: { type: 'string' },
    json: { type: 'string', default: 'bench/results/latency.json' },
  },
});
const WATCHERS = options.watchers.split(',').map(Number);
const BIDS = Number(options.bids);
const RATE = Number(options.rate);
/** Frames that take longer than this after the last commit were lost: the benchmark fails then. */
const LOST_AFTER_MS = 60_000;

interface Result {
  readonly flavour: Flavour;
  readonly version: string;
  readonly watchers: number;
  readonly sinceCommitSentMs: Summary;
  readonly sinceCommitAcknowledgedMs: Summary;
  readonly serverCpuShare: number;
  readonly generatorCpuShare: number;
}

async function measure(flavour: Flavour, count: number): Promise<Result> {
  process.stderr.write(`${flavour}: starting a private server\n`);
  const stage = await setStage(flavour);
  const gavelcast = await startGavelcast(stage.source, { MAX_CONNECTIONS: String(count + 10) });
  try {
    const { itemId, bidderIds } = await openAuction(stage);
    process.stderr.write(
      `${flavour}: ${String(count)} watchers, ${String(BIDS)} bids at ${String(RATE)}/s\n`,
    );
    await using watchers = new PinnedProcess('latency-watchers.ts', 'anywhere');
    await using writer = new PinnedProcess('latency-writer.ts', 'anywhere');
    const tokens = Array.from({ length: count }, (_, i) => mintToken(1_000_000 + i));
    const watch: Watch = { type: 'watch', port: gavelcast.port, tokens, itemId, bids: BIDS };
    await watchers.ask<Watching>(watch, 'watching');
    const cpuBefore = cpuSecondsOf(gavelcast.child.pid);
    const startedAt = performance.now();
    const { host, port, database } = stage.source;
    const { user, password } = stage.server.admin;
    const where = { host, port, database, user, password, itemId, bidderIds };
    const write: Write = { type: 'write', ...where, bids: BIDS, bidsPerSecond: RATE };
    const { commits } = await writer.ask<Written>(write, 'written');
    const hear: Hear = { type: 'hear' };
    const arrivals = await watchers.ask<Heard>(hear, 'heard', LOST_AFTER_MS);
    const elapsedMs = performance.now() - startedAt;
    return {
      flavour,
      version: stage.server.version,
      watchers: count,
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

function delays(
  { arrivals, bidIds }: Heard,
  commits: readonly Commit[],
  instant: 'sentAtMs' | 'acknowledgedAtMs',
): Summary {
  const instants = new Map(commits.map((commit) => [commit.bidId, commit[instant]]));
  return summarise(
    Float64Array.from(arrivals, (at, i) => at - (instants.get(bidIds[i] ?? -1) ?? Number.NaN)),
  );
}

const flavours = flavoursOf(options.flavour);
const results: Result[] = [];
for (const watchers of WATCHERS) {
  for (const flavour of flavours) results.push(await measure(flavour, watchers));
}

function tableOf(): TableRows {
  const ms = (value: number): string => value.toFixed(1);
  const heading = ['watchers', 'source', 'deliveries/s', 'since', 'p50 ms', 'p90 ms', 'p99 ms'];
  const rows = results.flatMap((result) => {
    const { flavour, version, watchers, serverCpuShare, generatorCpuShare } = result;
    const named = [thousands(watchers), `${flavour} ${version}`, thousands(watchers * RATE)];
    const shares = [percent(serverCpuShare), percent(generatorCpuShare)];
    const times = [
      ['COMMIT sent', result.sinceCommitSentMs],
      ['acknowledged', result.sinceCommitAcknowledgedMs],
    ] as const;
    return times.map(([since, { p50, p90, p99, max }]) => [
      ...named,
      since,
      ms(p50),
      ms(p90),
      ms(p99),
      ms(max),
      ...shares,
    ]);
  });
  return [[...heading, 'max ms', 'CPU: server', 'CPU: clients'], ...rows];
}

const aims = results.map(({ flavour, watchers, sinceCommitSentMs: { p99 } }) =>
  latencyAim({ source: flavour, watchers, p99Ms: p99 }),
);
await publishReport('latency', options.json, {
  tables: [tableOf()],
  aims,
  charts: [
    {
      name: 'latency',
      title: 'From COMMIT to a watcher’s hands',
      unit: 'milliseconds',
      ours: 'p50',
      groups: results.map(({ flavour, watchers, sinceCommitSentMs: { p50, p99 } }) => ({
        label: `${thousands(watchers)} watchers, ${flavour}`,
        bars: [
          { series: 'p50', value: p50, text: p50.toFixed(1) },
          { series: 'p99', value: p99, text: p99.toFixed(1) },
        ],
      })),
    },
  ],
  notes: [
    'Database, server, writer and watchers share the cores of one machine; none is pinned to one.',
  ],
  details: { bids: BIDS, bidsPerSecond: RATE, results },
});
