/**
 * One client that does not read among 2,000 that do: `npm run bench:slow [-- --clients N --events N --rate N --json FILE]`
 *
 * The gateway runs in this process with a book in memory, its clients in one of their own. The same events are published
 * twice, without the stalled client and with it; it watches every item, reads nothing, and comes back each time it is cut.
 * Measured are how long events take to the others, and the memory of this process.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { createGateway } from '../server/gateway.ts';
import type { Gateway, GatewayStats } from '../server/gateway-options.ts';
import { holdYoungGeneration } from '../server/young-generation.ts';
import type { DomainEvent } from '../src/auction/domain-event.ts';
import { mint, OPTIONS } from '../test/server/support/gateway-harness.ts';
import { MemoryReads } from '../test/server/support/memory-reads.ts';
import { Bids, nameOf } from './bench-events.ts';
import { PinnedProcess, pinningNotes } from './pinned-process.ts';
import { publishReport, thousands } from './report.ts';
import { SILENT_LOG } from './silent-log.ts';
import type { Hear, Heard, Watch, Watching } from './slow-watchers.ts';
import type { Summary } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    clients: { type: 'string', default: '2000' },
    events: { type: 'string', default: '500000' },
    rate: { type: 'string', default: '10000' },
    json: { type: 'string', default: 'bench/results/slow.json' },
  },
});
const CLIENTS = Number(options.clients);
const EVENTS = Number(options.events);
const RATE = Number(options.rate);
/** Each is watched by two of the clients that read. */
const ITEMS = Math.ceil(CLIENTS / 2);
const P99_SHARE_AIM = 1.1;
const MEMORY_EVERY_MS = 250;
const TICK_MS = 5;

interface Phase {
  readonly name: string;
  /** Milliseconds from `publish` to the client. */
  readonly latency: Summary;
  readonly seconds: number;
  readonly rssMaxBytes: number;
  readonly stats: GatewayStats;
}

async function main(): Promise<void> {
  // As `gavelcast serve` does.
  holdYoungGeneration();
  const reads = new MemoryReads();
  for (let itemId = 1; itemId <= ITEMS; itemId += 1) reads.list(itemId);
  const gateway = createGateway(
    // The clients are bare sockets that answer no pings.
    {
      ...OPTIONS,
      subscriptionsMax: ITEMS,
      messageBurstMax: 10_000,
      heartbeatIntervalMs: 3_600_000,
    },
    { log: SILENT_LOG, now: Date.now, reads, clockOffsetMs: () => 0 },
  );
  const { port } = await gateway.listen();
  await using watchers = new PinnedProcess('slow-watchers.ts', 'generator');
  try {
    const watch: Watch = { type: 'watch', port, token: mint(), clients: CLIENTS, items: ITEMS };
    await watchers.ask<Watching>(watch, 'watching');
    // What is compiled, and what the history fills up with, is paid for before anything is measured.
    await measure('warm-up', gateway, watchers);
    const without = await measure('all read', gateway, watchers);
    await watchers.ask<Watching>({ type: 'stall' }, 'watching');
    const withOne = await measure('one does not', gateway, watchers);
    await report(without, withOne);
  } finally {
    await gateway.stop();
  }
}

async function measure(name: string, gateway: Gateway, watchers: PinnedProcess): Promise<Phase> {
  let rssMaxBytes = 0;
  const timer = setInterval(() => {
    rssMaxBytes = Math.max(rssMaxBytes, process.memoryUsage.rss());
  }, MEMORY_EVERY_MS);
  const startedAt = performance.now();
  await publishAll(gateway);
  const seconds = (performance.now() - startedAt) / 1000;
  clearInterval(timer);
  const due = (EVENTS * CLIENTS) / ITEMS;
  const hear: Hear = { type: 'hear', due };
  const { latency } = await watchers.ask<Heard>(hear, 'heard');
  return { name, latency, seconds, rssMaxBytes, stats: gateway.stats() };
}

/** Publishes at the rate, item after item; when it was published stands in each event. */
async function publishAll(gateway: Gateway): Promise<void> {
  const bids = new Bids();
  const startedAt = performance.now();
  for (let published = 0; published < EVENTS;) {
    const due = Math.min(EVENTS, ((performance.now() - startedAt) * RATE) / 1000);
    const events: DomainEvent[] = [];
    for (; published < due; published += 1) {
      const bid = bids.next((published % ITEMS) + 1);
      const nowUs = Math.round((performance.timeOrigin + performance.now()) * 1000);
      events.push({
        ...bid,
        eventId: `${bid.eventId}${nextRun}` as typeof bid.eventId,
        bidCount: nowUs,
      });
    }
    gateway.publish({ events, nameOf, committedAtMs: Date.now() });
    await delay(TICK_MS);
  }
  nextRun += 1;
}

/** Event ids of one run are not those of another. */
let nextRun = 1;

async function report(without: Phase, withOne: Phase): Promise<void> {
  const ms = (value: number): string => value.toFixed(2);
  const megabytes = (bytes: number): string => (bytes / 1048576).toFixed(0);
  const share = withOne.latency.p99 / without.latency.p99;
  const { slowCloses, eventsConflated } = withOne.stats;
  const closes = [...slowCloses].map(([reason, count]) => `${count} ${reason}`).join(', ');
  await publishReport('slow', options.json, {
    tables: [
      [
        ['of the clients', 'p50 ms', 'p99 ms', 'max ms', 'resident MiB', 'events/s'],
        ...[without, withOne].map(({ name, latency, rssMaxBytes, seconds }) => [
          name,
          ms(latency.p50),
          ms(latency.p99),
          ms(latency.max),
          megabytes(rssMaxBytes),
          thousands(EVENTS / seconds),
        ]),
      ],
    ],
    aims: [
      {
        what: 'p99 of the others with one stalled client, against without',
        aim: `at most ${P99_SHARE_AIM}`,
        measured: share.toFixed(2),
        isMet: share <= P99_SHARE_AIM,
      },
    ],
    charts: [
      {
        name: 'slow',
        title: 'From publishing to the clients that read',
        unit: 'milliseconds',
        ours: 'p99',
        groups: [without, withOne].map(({ name, latency }) => ({
          label: name,
          bars: [
            { series: 'p50', value: latency.p50, text: ms(latency.p50) },
            { series: 'p99', value: latency.p99, text: ms(latency.p99) },
          ],
        })),
      },
    ],
    notes: [
      `${thousands(CLIENTS)} clients, ${thousands(EVENTS)} events a run. The stalled client was closed: ${closes === '' ? 'never' : closes}; ${thousands(eventsConflated)} events were conflated.`,
      ...pinningNotes(),
    ],
    details: {
      clients: CLIENTS,
      events: EVENTS,
      rate: RATE,
      without,
      withOne: { ...withOne, closes },
    },
  });
}

if (import.meta.main) await main();
