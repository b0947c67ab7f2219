/** The SDK on Node's own WebSocket against the real gateway. */
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { browserEnvironment, type Environment } from '../../client/environment.ts';
import {
  connect,
  type ConnectionStatus,
  type ConnectOptions,
  type GavelcastClient,
} from '../../client/index.ts';
import { userIdOf } from '../../src/auction/ids.ts';
import type { WatchEvent } from '../../client/wire.ts';
import { bidPlaced, endMoved, ended, outbid, standing } from '../server/support/events.ts';
import { GatewayHarness, mint } from '../server/support/gateway-harness.ts';
import { until } from '../support/until.ts';

interface Opened extends Disposable {
  readonly client: GavelcastClient;
  readonly heard: Record<string, unknown>[];
}

function open(harness: GatewayHarness, options: Partial<ConnectOptions> = {}): Opened {
  const client = connect({ url: harness.origin, getToken: () => mint({ userId: 1 }), ...options });
  const heard: Record<string, unknown>[] = [];
  return {
    client,
    heard,
    [Symbol.dispose]() {
      client.close();
    },
  };
}

test('state, events of every kind, and an unsubscribe that leaves nothing at the server', async () => {
  await using harness = await GatewayHarness.start();
  harness.reads.list(1, { price: '10.50', bidCount: 0, leaderId: 4 });
  using opened = open(harness);
  const { client, heard } = opened;
  const stop = client.watch(1, (event) => heard.push({ ...event }));
  await until(() => heard.length === 1);
  expect(heard[0]).toMatchObject({
    type: 'state',
    reset: false,
    state: { status: 'active', currentPrice: 10.5, bidCount: 0, highestBidderId: 4 },
  });
  harness.publish(
    bidPlaced(1, 5, '12.00'),
    outbid(1, 1),
    outbid(1, 2),
    endMoved(1, 'later'),
    endMoved(1, 'earlier'),
    ended(1, 5, 900),
  );
  await until(() => heard.length === 6);
  expect(heard.slice(1).map(({ type }) => type)).toEqual([
    'bid_update',
    'outbid',
    'auction_extended',
    'auction_rescheduled',
    'auction_ended',
  ]);
  expect(client.state(1)).toMatchObject({ status: 'sold', currentPrice: 15, highestBidderId: 5 });
  stop();
  await until(() => harness.gateway.stats().subscriptionsOpen === 0);
  client.close();
  await harness.empty();
});

test('the server’s clock is the one that counts', async () => {
  await using harness = await GatewayHarness.start();
  harness.skewMs = 3_000_000;
  harness.reads.list(1, { endTimeMs: Date.now() + 3_100_000 });
  using opened = open(harness, { getToken: () => mint({ expiresAtMs: Date.now() + 9e6 }) });
  const { client } = opened;
  client.watch(1, () => undefined);
  const left = await until(() => client.countdown(1));
  expect(left).toBeGreaterThan(90);
  expect(left).toBeLessThanOrEqual(100.5);
});

test('a restart: back by itself, to the items it watched', { timeout: 30_000 }, async () => {
  const statuses: ConnectionStatus[] = [];
  const first = await GatewayHarness.start();
  first.reads.list(1, { price: '10.00' });
  const { port } = first;
  using opened = open(first);
  const { client, heard } = opened;
  client.on('connection', (status) => statuses.push(status));
  client.watch(1, (event) => heard.push({ ...event }));
  await until(() => heard.length === 1);
  first.publish(bidPlaced(1, 5, '12.00'));
  await until(() => heard.length === 2);
  await first.gateway.stop();
  await until(() => statuses.some(({ state }) => state === 'reconnecting'));
  expect(statuses.find(({ state }) => state === 'reconnecting')).toMatchObject({ code: 1012 });
  await using second = await GatewayHarness.start({ port });
  second.reads.list(1, { price: '13.00' });
  await until(() => heard.length === 3);
  expect(heard[2]).toMatchObject({ type: 'state', reset: true, state: { currentPrice: 13 } });
  expect(statuses.at(-1)?.state).toBe('live');
});

test('a bad token stops it, and so does a ban; an expired one is replaced', async () => {
  await using harness = await GatewayHarness.start();
  using bad = open(harness, {
    getToken: () => mint({ secret: 'another secret, not the portal’s' }),
  });
  await until(() => bad.client.connection.state === 'stopped');
  expect(bad.client.connection.code).toBe(4500);

  let asked = 0;
  using late = open(harness, {
    getToken: () => {
      asked += 1;
      return mint({ userId: 3, expiresAtMs: Date.now() + (asked === 1 ? -60_000 : 3_600_000) });
    },
  });
  await until(() => late.client.connection.state === 'live');
  expect(asked).toBe(2);

  harness.reads.standings.set(userIdOf(3), { mayConnect: false, suspendedUntilMs: null });
  harness.publish(standing(3, false));
  await until(() => late.client.connection.state === 'stopped');
  expect(late.client.connection.code).toBe(4502);
});

test('a token about to expire is renewed in place; the link and its items live on', async () => {
  await using harness = await GatewayHarness.start();
  harness.reads.list(1);
  let asked = 0;
  using opened = open(harness, {
    getToken: () => {
      asked += 1;
      return mint({ expiresAtMs: Date.now() + (asked === 1 ? 10_000 : 3_600_000) });
    },
  });
  const { client, heard } = opened;
  client.watch(1, (event) => heard.push({ ...event }));
  await until(() => asked === 2);
  await until(() => heard.length === 1);
  // Past the grace of the first token the link is still there.
  harness.skewMs = 60_000;
  harness.publish(bidPlaced(1, 5, '12.00'));
  await until(() => heard.length === 2);
  expect(harness.gateway.stats().connectionsAccepted).toBe(1);
});

/** The SDK's environment with sockets that can be told to stop reading, as a network that comes to a halt does. */
function haltingEnvironment(): Environment & { readonly sockets: WebSocket[] } {
  const sockets: WebSocket[] = [];
  return {
    ...browserEnvironment(),
    sockets,
    openSocket(url, protocols, listeners) {
      const socket = new WebSocket(url, protocols);
      sockets.push(socket);
      socket.on('message', (data: Buffer) => {
        listeners.message(data.toString());
      });
      socket.on('close', (code) => {
        listeners.closed(code);
      });
      return {
        send: (text) => {
          socket.send(text);
        },
        close: () => {
          socket.removeAllListeners('close').close();
        },
      };
    },
  };
}

test('a link that comes to a halt: the newest bid, how many it stands for, then the state', async () => {
  await using harness = await GatewayHarness.start();
  harness.reads.list(1, { price: '1.00', bidCount: 0 });
  const environment = haltingEnvironment();
  const heard: WatchEvent[] = [];
  const options = { url: harness.origin, getToken: () => mint({ userId: 1 }) };
  const client = connect(options, environment);
  client.watch(1, (event) => heard.push(event));
  await until(() => heard.length === 1);
  environment.sockets[0]?.pause();
  let bidCount = 0;
  const bid = (): void => {
    bidCount += 1;
    harness.publish({ ...bidPlaced(1, 5, `${(bidCount + 1).toString()}.00`), bidCount });
  };
  // The kernel takes some megabytes for somebody who does not read.
  while (harness.gateway.stats().clientsSlow === 0) {
    for (let more = 0; more < 1_000; more += 1) bid();
    await new Promise((done) => setImmediate(done));
  }
  for (let more = 0; more < 1_000; more += 1) bid();
  harness.reads.list(1, { price: `${(bidCount + 1).toString()}.00`, bidCount });
  environment.sockets[0]?.resume();
  await until(() => heard.length > 1 && heard.at(-1)?.type === 'state', { withinMs: 20_000 });
  const told = heard.filter((event) => event.type === 'bid_update');
  const skipped = told.reduce((sum, event) => sum + (event.skipped ?? 0), 0);
  expect(skipped).toBeGreaterThan(0);
  expect(told.length + skipped).toBe(bidCount);
  expect(heard.at(-1)).toMatchObject({
    reset: true,
    state: { bidCount, currentPrice: bidCount + 1 },
  });
  expect(client.connection.state).toBe('live');
  client.close();
}, 30_000);
