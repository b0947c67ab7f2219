/** A flood of messages is answered in slices, so that the event loop turns between them; told by a clock of the test's. */
import { expect, test } from 'vitest';

import { Connection, type ConnectionHost } from '../../server/connection.ts';
import { Inbox } from '../../server/inbox.ts';
import { RateBucket } from '../../server/rate-bucket.ts';
import type { Transport } from '../../server/transport.ts';
import { TurnBatch } from '../../server/turn-batch.ts';
import { keepLog } from './support/gateway-harness.ts';
import { IDLE_HOST, IDLE_SOCKET } from './support/idle-connection.ts';

const CLIENTS = 300;
/** What one answer takes. */
const ANSWER_MS = 1;
/** Answers that fit into the time of a turn. */
const ANSWERS_A_TURN = 4;

const nothing = (): void => undefined;

const HOST: ConnectionHost = { ...IDLE_HOST, batch: new TurnBatch() };

function connections(count: number): readonly Connection[] {
  const bucket = (): RateBucket => new RateBucket({ perSecond: 20, burst: 200 }, 0);
  return Array.from(
    { length: count },
    () => new Connection(HOST, { socket: IDLE_SOCKET, isV2: true, bucket: bucket() }),
  );
}

/** An inbox whose answers take time, and what it has answered. */
function inboxOf(): { readonly inbox: Inbox; readonly answered: string[] } {
  const answered: string[] = [];
  let nowMs = 0;
  const inbox = new Inbox({
    log: keepLog([]),
    now: () => 0,
    monotonicMs: () => nowMs,
    answer: (_, text) => {
      nowMs += ANSWER_MS;
      answered.push(text);
    },
    rateLimited: nothing,
  });
  return { inbox, answered };
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

test('messages of many clients at once: some a turn, so that everything else has its turns too', async () => {
  const { inbox, answered } = inboxOf();
  const texts = connections(CLIENTS).map((connection, at) => {
    inbox.receive(connection, `from ${at}`);
    return `from ${at}`;
  });
  expect(answered).toHaveLength(ANSWERS_A_TURN);
  let turns = 0;
  while (answered.length < CLIENTS) {
    const before = answered.length;
    await turn();
    turns += 1;
    expect(answered.length - before).toBeGreaterThan(0);
    expect(answered.length - before).toBeLessThanOrEqual(ANSWERS_A_TURN);
  }
  expect(turns).toBeGreaterThanOrEqual(CLIENTS / ANSWERS_A_TURN - 1);
  // First come, first served.
  expect(answered).toEqual(texts);
});

test('what a client sends while it waits is answered after what it sent before', async () => {
  const { inbox, answered } = inboxOf();
  const clients = connections(CLIENTS);
  const last = clients.at(-1);
  for (const client of clients) inbox.receive(client, client === last ? 'first' : 'another');
  await turn();
  if (last !== undefined) for (const text of ['second', 'third']) inbox.receive(last, text);
  expect(answered).not.toContain('first');
  while (answered.length < CLIENTS + 2) await turn();
  expect(answered.filter((text) => text !== 'another')).toEqual(['first', 'second', 'third']);
});

test('what one client sends at once is answered some a turn too, in its order, beside what others send', async () => {
  const { inbox, answered } = inboxOf();
  const [one, other] = connections(2);
  if (one === undefined || other === undefined) throw new Error('there are two');
  const texts = Array.from({ length: 100 }, (_, at) => `message ${at}`);
  // The first asks the database, and all others wait for it.
  let know = nothing;
  inbox.hold(one, new Promise((done) => (know = done)));
  for (const text of texts) inbox.receive(one, text);
  know();
  await Promise.resolve();
  inbox.receive(other, 'another');
  let placeOfOther = 0;
  while (answered.length < texts.length + 1) {
    const before = answered.length;
    await turn();
    expect(answered.length - before).toBeGreaterThan(0);
    expect(answered.length - before).toBeLessThanOrEqual(ANSWERS_A_TURN);
    placeOfOther = answered.indexOf('another');
  }
  expect(answered.filter((text) => text !== 'another')).toEqual(texts);
  expect(placeOfOther).toBeLessThanOrEqual(2 * ANSWERS_A_TURN);
});

test('a client of whom much waits is not read from, whoever made it wait, until little does', async () => {
  const { inbox, answered } = inboxOf();
  const reading: boolean[] = [];
  const socket: Transport = {
    ...IDLE_SOCKET,
    pause: () => reading.push(false),
    resume: () => reading.push(true),
  };
  const bucket = new RateBucket({ perSecond: 20, burst: 200 }, 0);
  const client = new Connection(HOST, { socket, isV2: true, bucket });
  let know = nothing;
  inbox.hold(client, new Promise((done) => (know = done)));
  for (let at = 0; at < 7; at += 1) inbox.receive(client, 'few');
  expect(reading).toEqual([]);
  inbox.enqueue(client, nothing);
  inbox.receive(client, 'one more');
  expect(reading).toEqual([false]);
  know();
  while (answered.length < 8) await turn();
  expect(reading).toEqual([false, true]);
});
