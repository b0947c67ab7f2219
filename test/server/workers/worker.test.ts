/** A worker's own code on a channel, without a process of its own, and a primary that answers it. */
import { once } from 'node:events';
import { duplexPair } from 'node:stream';

import { expect, test } from 'vitest';
import { WebSocket } from 'ws';

import { BarredUsers } from '../../../server/barred-users.ts';
import { Channel } from '../../../server/workers/channel.ts';
import { ReadDesk } from '../../../server/workers/read-desk.ts';
import { Worker } from '../../../server/workers/worker.ts';
import type {
  Answer,
  FeedNews,
  FromWorker,
  ToWorker,
} from '../../../server/workers/worker-message.ts';
import { until } from '../../support/until.ts';
import { mint, OPTIONS, TestClient } from '../support/gateway-harness.ts';
import { MemoryReads } from '../support/memory-reads.ts';

const ITEM = 1;
const END_TIME_MS = Date.UTC(2030, 0, 1, 12);

/** The primary of one worker, which listens. */
class Primary implements AsyncDisposable {
  readonly #channel: Channel<ToWorker, FromWorker>;
  readonly #reads = new MemoryReads();
  readonly #desk = new ReadDesk({ reads: this.#reads, barred: new BarredUsers() });
  readonly #clients: TestClient[] = [];
  #port: number | null = null;
  #exitCode: number | null = null;

  private constructor() {
    const [here, there] = duplexPair();
    this.#reads.list(ITEM, { endTimeMs: END_TIME_MS });
    this.#channel = new Channel<ToWorker, FromWorker>(here, {
      received: (message) => {
        this.#received(message);
      },
      ended: () => undefined,
    });
    new Worker(there, {
      now: Date.now,
      exit: (code) => {
        this.#exitCode ??= code;
      },
    });
  }

  static async start(hasLegacyTimes: boolean, zoneName: string): Promise<Primary> {
    const primary = new Primary();
    const options = { ...OPTIONS, hasLegacyTimes };
    primary.#channel.send({ kind: 'start', worker: 1, options, feed: primary.#news(zoneName) });
    primary.#channel.send({ kind: 'open' });
    await until(() => primary.#port !== null, { what: 'the worker to listen' });
    return primary;
  }

  learnZone(zoneName: string): void {
    this.#channel.send({ kind: 'feed', feed: this.#news(zoneName) });
  }

  /** When the item ends, as a client that comes now is told. */
  async endTime(): Promise<unknown> {
    const socket = new WebSocket(`ws://127.0.0.1:${String(this.#port)}/?token=${mint()}`);
    const client = new TestClient(socket);
    this.#clients.push(client);
    await once(client.socket, 'open');
    const answer = await client.ask({ action: 'subscribe', itemId: ITEM });
    expect(answer).toMatchObject({ type: 'subscribed' });
    return (answer['state'] as Record<string, unknown>)['endTime'];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.#clients) socket.terminate();
    this.#channel.send({ kind: 'drain' });
    await until(() => this.#exitCode !== null, { what: 'the end of the worker' });
    this.#channel.destroy();
  }

  #news(zoneName: string): FeedNews {
    return { state: this.#reads.feed, isFresh: true, clockOffsetMs: 0, zoneName };
  }

  #received(message: FromWorker): void {
    if (message.kind === 'listening') this.#port = message.address.port;
    if (message.kind !== 'ask') return;
    const { id, question } = message;
    const answer = (given: Answer): void => {
      this.#channel.send({ kind: 'answer', id, answer: given });
    };
    if (question.of === 'place') answer({ of: 'place', refusal: null });
    else void this.#desk.ask(question, answer);
  }
}

test('with LEGACY_TIMES a worker tells times as the clocks in the zone of the news it was started with', async () => {
  await using primary = await Primary.start(true, 'Europe/Berlin');
  expect(await primary.endTime()).toBe('2030-01-01 13:00:00');
});

test('with LEGACY_TIMES a worker goes by the zone that its primary has learnt meanwhile', async () => {
  await using primary = await Primary.start(true, 'UTC');
  expect(await primary.endTime()).toBe('2030-01-01 12:00:00');
  primary.learnZone('-05:00');
  expect(await primary.endTime()).toBe('2030-01-01 07:00:00');
});

test('without LEGACY_TIMES a worker tells times in UTC, whatever zone the news name', async () => {
  await using primary = await Primary.start(false, 'Europe/Berlin');
  expect(await primary.endTime()).toMatch(/^2030-01-01T12:00:00(\.000)?Z$/);
});
