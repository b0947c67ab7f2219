/**
 * Recovery under load: 10,000 clients come back at once to a full history while one hot item goes on.
 * `npm run bench:recovery [-- --clients N --missed N --rate N --json FILE]`
 *
 * The gateway runs in this process with a book in memory; clients are bare sockets in a process of their own. Measured are
 * how late the event loop runs (its delay, sampled every 1 ms) and how long a live event takes to a client that did not
 * leave, both while nobody recovers and while all do.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { createGateway } from '../server/gateway.ts';
import type { BidPlaced } from '../src/auction/domain-event.ts';
import { bidIdOf, itemIdOf, userIdOf, type EventId, type Money } from '../src/auction/ids.ts';
import type { Log } from '../src/ports.ts';
import { mint, OPTIONS } from '../test/server/support/gateway-harness.ts';
import { MemoryReads } from '../test/server/support/memory-reads.ts';
import { table } from './statistics.ts';

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

/** What the clients' process is told and says. */
export interface RecoveryPlan {
  readonly port: number;
  readonly hot: number;
  readonly clients: readonly { readonly token: string; readonly itemIds: readonly number[] }[];
  readonly since: string;
  /** Events each client must get. */
  readonly due: number;
}

let made = 0;

function bid(itemId: number): BidPlaced {
  made += 1;
  return {
    type: 'BidPlaced',
    // As long as those of a GTID source.
    eventId: `gAAAAAAAAAAAAAAAAAAAAAA${made.toString(36).padStart(6, '0')}.0.0.t4x2k1` as EventId,
    itemId: itemIdOf(itemId),
    bidId: bidIdOf(made),
    bidderId: userIdOf(7),
    amount: '1234.50' as Money,
    placedAtMs: Date.now(),
    reserveMet: null,
    bidCount: made,
  };
}

interface Phase {
  readonly name: string;
  readonly loopP50Ms: number;
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
  readonly liveP50Ms: number;
  readonly liveP99Ms: number;
  readonly seconds: number;
}

async function main(): Promise<void> {
  const reads = new MemoryReads();
  for (let itemId = 1; itemId <= HOT; itemId += 1) reads.list(itemId);
  const gateway = createGateway(
    { ...OPTIONS, connectionsMax: CLIENTS + 10, messageBurstMax: 1_000 },
    { log: silence(), now: Date.now, reads, clockOffsetMs: () => 0 },
  );
  const publish = (...events: BidPlaced[]): void => {
    gateway.publish({ events, nameOf: () => 'Beate', committedAtMs: Date.now() });
  };
  const { port } = await gateway.listen();
  // A full ring: 200,000 events, the last of which are the missed ones.
  const perItem = Math.round(MISSED / ITEMS_PER_CLIENT);
  const missed = perItem * ITEMS;
  for (let at = 0; at < OPTIONS.history.eventsMax - missed; at += 1) publish(bid(HOT));
  const last = bid(HOT);
  publish(last);
  for (let at = 0; at < missed; at += 1) publish(bid((at % ITEMS) + 1));
  const child = fork(fileURLToPath(new URL('recovery-clients.ts', import.meta.url)));
  try {
    const plan: RecoveryPlan = {
      port,
      hot: HOT,
      since: last.eventId,
      due: perItem * ITEMS_PER_CLIENT,
      clients: Array.from({ length: CLIENTS }, (_, at) => ({
        token: mint({ userId: at + 100 }),
        itemIds: [0, 1, 2].map((step) => ((at * 7 + step * 331) % ITEMS) + 1),
      })),
    };
    child.send(plan);
    await message(child, 'ready');
    const stopBids = liveBids(publish);
    const quiet = await measure('nobody recovers', child, () => delay(QUIET_MS));
    const arrival = await measure(
      `${CLIENTS.toString()} connect, 100 at a time`,
      child,
      async () => {
        child.send('connect');
        await message(child, 'connected');
      },
    );
    const storm = await measure(`${CLIENTS.toString()} recover at once`, child, async () => {
      child.send('recover');
      await message(child, 'recovered');
    });
    stopBids();
    await report([quiet, arrival, storm], gateway.stats());
  } finally {
    child.kill();
    await gateway.stop();
  }
}

/** Bids on the hot item at the rate, as the feed publishes them. */
function liveBids(publish: (event: BidPlaced) => void): () => void {
  const startedAt = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) * RATE) / 1000;
    for (; sent < due; sent += 1) publish(bid(HOT));
  }, 1000 / RATE);
  return () => {
    clearInterval(timer);
  };
}

async function measure(
  name: string,
  child: ChildProcess,
  work: () => Promise<unknown>,
): Promise<Phase> {
  child.send('reset');
  await message(child, 'reset');
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  loop.disable();
  child.send('report');
  const { p50, p99 } = (await message(child, 'report')) as { p50: number; p99: number };
  return {
    name,
    seconds,
    loopP50Ms: loop.percentile(50) / 1e6,
    loopP99Ms: loop.percentile(99) / 1e6,
    loopMaxMs: loop.max / 1e6,
    liveP50Ms: p50,
    liveP99Ms: p99,
  };
}

async function report(phases: readonly Phase[], stats: object): Promise<void> {
  const ms = (value: number): string => value.toFixed(1);
  process.stdout.write(
    `${table([
      ['', 'loop p50', 'loop p99', 'loop max', 'live p50', 'live p99', 'seconds'],
      ...phases.map((it) => [
        it.name,
        ms(it.loopP50Ms),
        ms(it.loopP99Ms),
        ms(it.loopMaxMs),
        ms(it.liveP50Ms),
        ms(it.liveP99Ms),
        it.seconds.toFixed(1),
      ]),
    ])}\n(milliseconds)\n`,
  );
  const cpu = cpus()[0]?.model ?? 'unknown';
  const result = {
    node: process.version,
    cpu,
    cores: cpus().length,
    clients: CLIENTS,
    missed: MISSED,
    rate: RATE,
    phases,
    stats,
  };
  await mkdir('bench/results', { recursive: true });
  await writeFile(options.json, `${JSON.stringify(result, null, 2)}\n`);
}

/** Waits for one kind of message of the clients' process. */
function message(child: ChildProcess, kind: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => {
      reject(new Error(`the clients ended before "${kind}"`));
    };
    const onMessage = (heard: { readonly kind: string }): void => {
      if (heard.kind !== kind) return;
      child.off('exit', onExit);
      child.off('message', onMessage);
      resolve(heard);
    };
    child.once('exit', onExit);
    child.on('message', onMessage);
  });
}

function silence(): Log {
  const nothing = (): void => undefined;
  const log: Log = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: nothing,
    fatal: nothing,
    child: () => log,
  };
  return log;
}

if (import.meta.main) await main();
