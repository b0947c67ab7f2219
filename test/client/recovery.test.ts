/** The SDK on real sockets in Node, against a server with a history. */
import { expect, test } from 'vitest';
import { connect, type GavelcastClient, type WatchEvent } from '../../client/index.ts';
import { browserEnvironment, type Environment } from '../../client/environment.ts';
import { until } from '../support/until.ts';
import { RecoveringServer } from './support/recovering-server.ts';

/** Real sockets, real time, but the shortest jitter. */
const IMPATIENT: Environment = { ...browserEnvironment(), random: () => 0 };

function open(server: RecoveringServer): GavelcastClient & Disposable {
  const client = connect({ url: server.url, getToken: () => 'token' }, IMPATIENT);
  return Object.assign(client, {
    [Symbol.dispose]() {
      client.close();
    },
  });
}

function watchInto(client: GavelcastClient, itemId: number): WatchEvent[] {
  const events: WatchEvent[] = [];
  client.watch(itemId, (event) => events.push(event));
  return events;
}

function bidCounts(events: readonly WatchEvent[]): number[] {
  return events.flatMap((event) => (event.type === 'bid_update' ? [event.bidCount] : []));
}

test('links cut at random: every bid once, in order', { timeout: 60_000 }, async () => {
  await using server = await new RecoveringServer().listen();
  // Without any event there is no position to return to.
  server.bid(9);
  using client = open(server);
  const seen = [1, 2, 3].map((itemId) => watchInto(client, itemId));
  await until(() => seen.every((events) => events[0]?.type === 'state'));
  for (let round = 0; round < 6; round += 1) {
    for (let i = 0; i < 21; i += 1) {
      server.bid(1 + (i % 3));
      if (i === (round * 7) % 21) server.cutAll();
      if (i % 5 === 0) await new Promise((done) => setImmediate(done));
    }
    await until(() => client.connection.state === 'live' && server.connections === 1);
  }
  const expected = Array.from({ length: 42 }, (_, i) => i + 1);
  await until(() => seen.every((events) => bidCounts(events).length >= 42));
  for (const events of seen) {
    expect(bidCounts(events)).toEqual(expected);
    expect(events.filter((event) => event.type === 'state')).toHaveLength(1);
  }
  expect(client.state(1)).toMatchObject({ bidCount: 42, currentPrice: 52 });
});

test('a server that has forgotten resets', async () => {
  await using server = await new RecoveringServer().listen();
  using client = open(server);
  server.bid(1);
  const events = watchInto(client, 1);
  await until(() => events.length === 1);
  server.cutAll();
  server.forget();
  server.bid(1);
  await until(() => events.at(-1)?.type === 'state' && events.length > 1);
  expect(events.at(-1)).toMatchObject({ reset: true, state: { bidCount: 2 } });
});

test(
  'WebSockets blocked: the same over server-sent events, cuts and all',
  { timeout: 60_000 },
  async () => {
    await using server = await new RecoveringServer().listen();
    server.takesSockets = false;
    using client = open(server);
    const events = watchInto(client, 1);
    const first = await until(() => events[0], { withinMs: 20_000 });
    expect(first).toMatchObject({ type: 'state', reset: false });
    expect(client.connection).toMatchObject({ state: 'live', transport: 'sse' });
    expect(server.tokens).toEqual(['token']);
    server.bid(1);
    await until(() => bidCounts(events).length === 1);
    server.cutAll();
    server.bid(1);
    server.bid(1);
    await until(() => bidCounts(events).length === 3, { withinMs: 20_000 });
    const other = watchInto(client, 2);
    await until(() => other.length > 0, { withinMs: 20_000 });
    server.bid(2);
    server.bid(1);
    await until(() => bidCounts(events).length === 4 && bidCounts(other).length === 1);
    expect(bidCounts(events)).toEqual([1, 2, 3, 4]);
    expect(bidCounts(other)).toEqual([1]);
    server.closeAll(4502);
    await until(() => client.connection.state === 'stopped');
    expect(client.connection.code).toBe(4502);
  },
);

test('a token is renewed in place on a live connection', async () => {
  await using server = await new RecoveringServer().listen();
  server.expiresInMs = 2000;
  let asked = 0;
  const client = connect({ url: server.url, getToken: () => `t${(asked += 1)}` }, IMPATIENT);
  try {
    await until(() => server.tokens.length >= 3);
    expect(server.tokens.slice(0, 3)).toEqual(['t1', 't2', 't3']);
    expect(server.connections).toBe(1);
    expect(client.connection.state).toBe('live');
  } finally {
    client.close();
  }
  await until(() => server.connections === 0);
});
