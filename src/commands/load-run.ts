/**
 * The clients of a load test: started one after the other, kept connected as the close codes say, and counted.
 */
import { setMaxListeners } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { BidSequence } from './bid-sequence.ts';
import type { LoadRun } from './load-report.ts';
import type { LoadClient, LoadTally } from './load-tally.ts';
import { nextStep } from './reconnect-step.ts';
import { connectOnce, type Session } from './watch-connection.ts';

export interface LoadPlan {
  readonly url: URL;
  readonly clients: number;
  /** Items that client number `at` watches. */
  readonly itemsOf: (at: number) => readonly string[];
  /** Its token; asked for at each connection. */
  readonly tokenOf: (at: number) => string;
  /** False: tokens are what they are. */
  readonly canRenewToken: boolean;
  readonly isLegacy: boolean;
  /** Time over which the clients are started. */
  readonly rampMs: number;
  /** Time after that. */
  readonly durationMs: number;
}

export interface LoadDeps {
  readonly tally: LoadTally;
  /** Ends the test before its time. */
  readonly signal: AbortSignal;
  /** Called every second. */
  readonly progress: (now: {
    readonly elapsedMs: number;
    readonly eventsPerSecond: number;
  }) => void;
}

const STEP_MS = 20;
const PROGRESS_EVERY_MS = 1000;
/** How often it is looked how late our own event loop runs. */
const LOOP_EVERY_MS = 10;

/** Runs it to the end, or to the signal; every connection is closed when this resolves. */
export async function runLoad(plan: LoadPlan, deps: LoadDeps): Promise<LoadRun> {
  const { tally, signal } = deps;
  const over = new AbortController();
  const ending = AbortSignal.any([signal, over.signal]);
  setMaxListeners(0, ending);
  const loop = monitorEventLoopDelay({ resolution: LOOP_EVERY_MS });
  loop.enable();
  const startedAtMs = performance.now();
  const progress = startProgress(deps, startedAtMs);
  const clients: Promise<void>[] = [];
  const start = (): void => {
    clients.push(keepConnected(clients.length, plan, { tally, signal: ending }));
  };
  await startAll(plan, { start, startedAtMs, signal });
  const steadyAtMs = performance.now();
  const eventsBefore = tally.events;
  await pause(plan.durationMs, signal);
  const endedAtMs = performance.now();
  const steadyEvents = tally.events - eventsBefore;
  clearInterval(progress);
  loop.disable();
  over.abort();
  await Promise.all(clients);
  return {
    url: `${plan.url.protocol}//${plan.url.host}${plan.url.pathname}`,
    clients: plan.clients,
    elapsedMs: endedAtMs - startedAtMs,
    steadyMs: endedAtMs - steadyAtMs,
    steadyEvents,
    ownDelayMs: Math.max(0, loop.percentile(99) / 1e6 - LOOP_EVERY_MS),
    isPartial: signal.aborted,
  };
}

/** Never behind by more than a step, however late the timers come. */
async function startAll(
  { clients, rampMs }: LoadPlan,
  run: { readonly start: () => void; readonly startedAtMs: number; readonly signal: AbortSignal },
): Promise<void> {
  let started = 0;
  while (started < clients && !run.signal.aborted) {
    const elapsedMs = performance.now() - run.startedAtMs;
    const due = elapsedMs >= rampMs ? clients : Math.ceil((clients * elapsedMs) / rampMs);
    for (; started < due; started += 1) run.start();
    if (started < clients) await pause(STEP_MS, run.signal);
  }
}

async function keepConnected(
  at: number,
  plan: LoadPlan,
  { tally, signal }: Pick<LoadDeps, 'tally' | 'signal'>,
): Promise<void> {
  const items = plan.itemsOf(at);
  const session: Session = { since: null, afterMs: null };
  const client: LoadClient = { sequence: new BidSequence(), openedAtMs: 0, awaited: 0 };
  const isOver = (): boolean => signal.aborted;
  let attempt = 0;
  while (!isOver()) {
    const dialledAtMs = performance.now();
    const end = await connectOnce({
      url: plan.url,
      token: plan.tokenOf(at),
      items,
      isLegacy: plan.isLegacy,
      session,
      signal,
      onMessage: (json) => {
        if (!isOver()) tally.received(client, json, performance.now());
      },
      onOpen: () => {
        const atMs = performance.now();
        client.awaited = items.length;
        tally.opened(client, { tookMs: atMs - dialledAtMs, atMs });
      },
    });
    if (isOver()) return;
    tally.ended(end);
    attempt = end.wasOpen ? 0 : attempt + 1;
    const { afterMs } = session;
    const { canRenewToken } = plan;
    const step = nextStep({ end, attempt, canRenewToken, afterMs, random: Math.random() });
    if (step.action === 'stop') return;
    if (step.dropsState) {
      session.since = null;
      client.sequence.clear();
    }
    session.afterMs = null;
    await pause(step.delayMs, signal);
  }
}

function startProgress({ tally, progress }: LoadDeps, startedAtMs: number): NodeJS.Timeout {
  let eventsBefore = 0;
  let atMs = startedAtMs;
  return setInterval(() => {
    const nowMs = performance.now();
    const eventsPerSecond = ((tally.events - eventsBefore) * 1000) / (nowMs - atMs);
    eventsBefore = tally.events;
    atMs = nowMs;
    progress({ elapsedMs: nowMs - startedAtMs, eventsPerSecond });
  }, PROGRESS_EVERY_MS);
}

/** Resolves early when the signal comes. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
