/**
 * Recovery under load: 10,000 clients come back at once to a full history while one hot item goes on.
 * `npm run bench:recovery [-- --clients N --missed N --rate N --json FILE]`
 *
 * The gateway runs in this process with a book in memory; clients are bare sockets in a process of their own, and one
 * client that stays is in a third. Measured are how late the event loop runs (its delay, sampled every 1 ms), how long a
 * live event takes to the client that stays, and what an event costs in memory while the history holds it.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { createGateway } from '../server/gateway.ts';
import type { Gateway, GatewayStats } from '../server/gateway-options.ts';
import { holdYoungGeneration } from '../server/young-generation.ts';
import type { DomainEvent } from '../src/auction/domain-event.ts';
import { mint, OPTIONS } from '../test/server/support/gateway-harness.ts';
import { MemoryReads } from '../test/server/support/memory-reads.ts';
import { until } from '../test/support/until.ts';
import { recoveryAim } from './aims.ts';
import { demandAll } from './due.ts';
import { PinnedProcess } from './pinned-process.ts';
import type {
  Came,
  Connect,
  Leave,
  Left,
  Recover,
  RecoveryPlan,
  Return,
} from './recovery-clients.ts';
import { bidOn, fill, heldBytes } from './recovery-history.ts';
import type { Forgotten, Hear, Heard, Reset, Watch, Watching } from './recovery-witness.ts';
import { publishReport, thousands } from './report.ts';
import { SILENT_LOG } from './silent-log.ts';

const { values: options } = parseArgs({
  options: {
    clients: { type: 'string', default: '10000' },
    missed: { type: 'string', default: '100' },
    rate: { type: 'string', default: '200' },
    json: { type: 'string', default: 'bench/results/recovery.json' },
  },
});
const CLIENTS = Number(options.clients);
/** Events that each client has missed, over its three items. */
const MISSED = Number(options.missed);
const RATE = Number(options.rate);
const ITEMS = 1_000;
const ITEMS_PER_CLIENT = 3;
const HOT = ITEMS + 1;
const QUIET_MS = 5_000;
/** What is due after so long without any of it was lost: the benchmark fails then. */
const LOST_AFTER_MS = 60_000;

interface Stats extends GatewayStats {
  /** Memory that one event of the history takes. */
  readonly bytesPerEvent: number;
}

interface Phase {
  readonly name: string;
  readonly loopP50Ms: number;
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
  readonly liveP50Ms: number;
  readonly liveP99Ms: number;
  readonly liveMaxMs: number;
  readonly seconds: number;
}

async function main(): Promise<void> {
  // As `gavelcast serve` does.
  holdYoungGeneration();
  const reads = new MemoryReads();
  for (let itemId = 1; itemId <= HOT; itemId += 1) reads.list(itemId);
  const gateway = createGateway(
    { ...OPTIONS, connectionsMax: CLIENTS + 10, messageBurstMax: 1_000 },
    { log: SILENT_LOG, now: Date.now, reads, clockOffsetMs: () => 0 },
  );
  const publish = (event: DomainEvent): void => {
    gateway.publish({ events: [event], nameOf: () => 'Beate', committedAtMs: Date.now() });
  };
  const { port } = await gateway.listen();
  const perItem = Math.round(MISSED / ITEMS_PER_CLIENT);
  const { eventsMax } = OPTIONS.history;
  process.stderr.write('filling the history\n');
  const emptyBytes = heldBytes();
  const since = fill({ publish, eventsMax, hot: HOT, missed: perItem * ITEMS, items: ITEMS });
  const bytesPerEvent = (heldBytes() - emptyBytes) / gateway.stats().historyEvents;
  try {
    await using clients = new PinnedProcess('recovery-clients.ts', 'anywhere');
    await using witness = new PinnedProcess('recovery-witness.ts', 'anywhere');
    clients.send(planOf({ port, since, due: perItem * ITEMS_PER_CLIENT }));
    const watch: Watch = { type: 'watch', port, token: mint({ userId: 1 }), itemId: HOT };
    await witness.ask<Watching>(watch, 'watching');
    const phases = await whileBidding(publish, () => measureAll(gateway, clients, witness));
    await report(phases, { ...gateway.stats(), bytesPerEvent });
  } finally {
    await gateway.stop();
  }
}

function planOf(of: { port: number; since: string; due: number }): RecoveryPlan {
  const clients = Array.from({ length: CLIENTS }, (_, at) => ({
    token: mint({ userId: at + 100 }),
    itemIds: [0, 1, 2].map((step) => ((at * 7 + step * 331) % ITEMS) + 1),
  }));
  return { type: 'plan', ...of, clients, lostAfterMs: LOST_AFTER_MS };
}

async function measureAll(
  gateway: Gateway,
  clients: PinnedProcess,
  witness: PinnedProcess,
): Promise<Phase[]> {
  const count = thousands(CLIENTS);
  const quiet = await measure('nobody recovers', witness, () => delay(QUIET_MS));
  const arrival = await measure(`${count} connect, 100 at a time`, witness, () =>
    carriedOut(clients, { type: 'connect' }, 'connected'),
  );
  const storm = await measure(`${count} recover at once`, witness, () =>
    carriedOut(clients, { type: 'recover' }, 'recovered'),
  );
  const leave: Leave = { type: 'leave' };
  await clients.ask<Left>(leave, 'left');
  await until(() => gateway.stats().connectionsOpen === 1, {
    what: () => `all clients to be gone but one of ${gateway.stats().connectionsOpen}`,
  });
  const comeback = await measure(`${count} connect and recover`, witness, () =>
    carriedOut(clients, { type: 'return' }, 'returned'),
  );
  return [quiet, arrival, storm, comeback];
}

/** Gives an order to the clients. @throws Error when something that was due never came */
async function carriedOut(
  clients: PinnedProcess,
  order: Connect | Recover | Return,
  answer: Came['type'],
): Promise<void> {
  demandAll(await clients.ask<Came>(order, answer));
}

/** Bids on the hot item at the rate, as the feed publishes them, until the work is done. */
async function whileBidding<Done>(
  publish: (event: DomainEvent) => void,
  work: () => Promise<Done>,
): Promise<Done> {
  const startedAt = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) * RATE) / 1000;
    for (; sent < due; sent += 1) publish(bidOn(HOT));
  }, 1000 / RATE);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

async function measure(
  name: string,
  witness: PinnedProcess,
  work: () => Promise<unknown>,
): Promise<Phase> {
  process.stderr.write(`${name}\n`);
  const reset: Reset = { type: 'reset' };
  await witness.ask<Forgotten>(reset, 'forgotten');
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  loop.disable();
  const hear: Hear = { type: 'hear' };
  const { latency } = await witness.ask<Heard>(hear, 'heard');
  return {
    name,
    seconds,
    loopP50Ms: loop.percentile(50) / 1e6,
    loopP99Ms: loop.percentile(99) / 1e6,
    loopMaxMs: loop.max / 1e6,
    liveP50Ms: latency.p50,
    liveP99Ms: latency.p99,
    liveMaxMs: latency.max,
  };
}

async function report(phases: readonly Phase[], stats: Stats): Promise<void> {
  const ms = (value: number): string => value.toFixed(1);
  const { historyEvents, historyBytes, bytesPerEvent } = stats;
  const wireBytes = historyBytes / historyEvents;
  await publishReport('recovery', options.json, {
    tables: [
      [
        ['ms', 'loop p50', 'loop p99', 'loop max', 'live p50', 'live p99', 'live max', 'seconds'],
        ...phases.map((it) => [
          it.name,
          ms(it.loopP50Ms),
          ms(it.loopP99Ms),
          ms(it.loopMaxMs),
          ms(it.liveP50Ms),
          ms(it.liveP99Ms),
          ms(it.liveMaxMs),
          it.seconds.toFixed(1),
        ]),
      ],
    ],
    // The first phase is the quiet one.
    aims: [recoveryAim({ loopP99Ms: phases.slice(1).map((it) => it.loopP99Ms) })],
    notes: [
      `Each client has missed ${MISSED} events; ${RATE} live ones a second go on meanwhile.`,
      `An event of ${wireBytes.toFixed(0)} bytes on the wire holds ${bytesPerEvent.toFixed(0)} bytes of memory in the history, indexes and all.`,
    ],
    details: { clients: CLIENTS, missed: MISSED, rate: RATE, phases, stats },
  });
}

if (import.meta.main) await main();
