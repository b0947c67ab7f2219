/**
 * The clients of `bench:slow`: two for each item that read, and on demand one for all items that does not.
 */
import type { Socket } from 'node:net';

import { connectRawWatcher } from '../test/support/raw-watcher.ts';
import { until } from '../test/support/until.ts';
import type { Message } from './pinned-process.ts';
import { summarise, type Summary, type Window } from './statistics.ts';

export interface Watch extends Message {
  readonly type: 'watch';
  readonly port: number;
  readonly token: string;
  readonly clients: number;
  readonly items: number;
}

export interface Watching extends Message {
  readonly type: 'watching';
}

/**
 * Lets one client for all items stall. It reads nothing, so it never sees that it was cut: told again, it comes back.
 */
export interface Stall extends Message {
  readonly type: 'stall';
}

export interface Stalled extends Message {
  readonly type: 'stalled';
}

/** Sends the stalled client away. */
export interface Leave extends Message {
  readonly type: 'leave';
}

export interface Left extends Message {
  readonly type: 'left';
}

/** Asks for a summary once so many events were heard since the last one. */
export interface Hear extends Message {
  readonly type: 'hear';
  readonly due: number;
  /** Epoch ms from which windows of a second are laid, up to the next of these. */
  readonly marks: readonly number[];
}

export interface Heard extends Message {
  readonly type: 'heard';
  /** Milliseconds. */
  readonly latency: Summary;
  /** For each mark its windows. */
  readonly windows: readonly (readonly Window[])[];
}

/** Sockets that are connecting at once. */
const CONNECTING = 50;
/** Item ids of one message, which must be short. */
const IDS = 15;
/** When an event was published stands here, in microseconds. */
const PUBLISHED_AT = Buffer.from('"bidCount":');

let watch: Watch | null = null;
let stalled: Socket | null = null;
let subscribed = 0;
let latenciesMs: number[] = [];
let publishedAtsMs: number[] = [];
let due: number | null = null;
let marks: readonly number[] = [];

process.on('message', (message: Watch | Stall | Leave | Hear) => {
  switch (message.type) {
    case 'watch':
      watch = message;
      void connectAll(message).then(() => {
        say({ type: 'watching' });
      });
      return;
    case 'stall':
      if (watch === null) throw new Error('stall before watch');
      void stall(watch).then(() => {
        say({ type: 'stalled' });
      });
      return;
    case 'leave':
      stalled?.destroy();
      stalled = null;
      say({ type: 'left' });
      return;
    case 'hear':
      ({ due, marks } = message);
      tellIfHeard();
  }
});

function say(message: Watching | Stalled | Left | Heard): void {
  process.send?.(message);
}

/** Resolves once all of them are subscribed: from there on they hear everything. */
async function connectAll({ port, token, clients, items }: Watch): Promise<void> {
  for (let at = 0; at < clients;) {
    const some: Promise<unknown>[] = [];
    for (; some.length < CONNECTING && at < clients; at += 1) {
      const messages = [`{"action":"subscribe","itemId":${(at % items) + 1}}`];
      some.push(connectRawWatcher({ port, token, messages, onText: hear }));
    }
    await Promise.all(some);
  }
  await until(() => subscribed === clients, {
    what: () => `${clients} subscriptions, of which there are ${subscribed}`,
  });
}

/** Connects, asks for everything, and reads nothing. */
async function stall(of: Watch): Promise<void> {
  const messages: string[] = [];
  for (let first = 1; first <= of.items; first += IDS) {
    const count = Math.min(IDS, of.items - first + 1);
    const itemIds = Array.from({ length: count }, (_, at) => first + at);
    messages.push(JSON.stringify({ action: 'subscribe', itemIds }));
  }
  stalled?.destroy();
  stalled = await connectRawWatcher({ ...of, messages, onText: () => undefined });
  stalled.pause();
  stalled.once('error', () => undefined);
}

function hear(payload: Buffer): void {
  if (payload.includes('"type":"subscribed"')) {
    subscribed += 1;
    return;
  }
  const at = payload.indexOf(PUBLISHED_AT);
  if (at === -1) return;
  const start = at + PUBLISHED_AT.length;
  const publishedAtMs = Number.parseInt(payload.toString('latin1', start, start + 17), 10) / 1000;
  publishedAtsMs.push(publishedAtMs);
  latenciesMs.push(performance.timeOrigin + performance.now() - publishedAtMs);
  tellIfHeard();
}

function tellIfHeard(): void {
  if (due === null || latenciesMs.length < due) return;
  const windows = windowed();
  const latency = summarise(Float64Array.from(latenciesMs));
  latenciesMs = [];
  publishedAtsMs = [];
  due = null;
  say({ type: 'heard', latency, windows });
}

function windowed(): Window[][] {
  const all = marks.map((): number[][] => []);
  for (const [at, publishedAtMs] of publishedAtsMs.entries()) {
    const mark = Math.max(
      0,
      marks.findLastIndex((ms) => ms <= publishedAtMs),
    );
    const second = Math.max(0, Math.floor((publishedAtMs - (marks[mark] ?? 0)) / 1000));
    const windows = all[mark] ?? [];
    while (windows.length <= second) windows.push([]);
    windows[second]?.push(latenciesMs[at] ?? Number.NaN);
  }
  return all.map((windows) =>
    windows.map((latencies) => ({
      p99: summarise(Float64Array.from(latencies)).p99,
      samples: latencies.length,
    })),
  );
}
