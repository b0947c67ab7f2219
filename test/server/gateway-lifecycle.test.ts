import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { ANY_NUMBER, textLike } from './support/any-value.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { portalTokenRules } from '../../src/token-rules.ts';
import { bidPlaced } from './support/events.ts';
import { GatewayHarness, mint, TestClient } from './support/gateway-harness.ts';
import { ownCertificate } from './support/own-certificate.ts';
import { PATIENCE_MS, until } from '../support/until.ts';
import { clientFrame, RawClient, upgradeRequest } from './support/raw-client.ts';

test('a client that answers pings stays; one that is gone quiet is closed with 4003', async () => {
  await using harness = await GatewayHarness.start({ heartbeatIntervalMs: 150 });
  const healthy = await harness.client();
  let pings = 0;
  healthy.socket.on('ping', () => {
    pings += 1;
  });
  const dead = new RawClient(harness.port);
  await dead.upgrade(`/?token=${mint()}`);
  await expect.poll(() => harness.gateway.stats().heartbeatsLost, { timeout: PATIENCE_MS }).toBe(1);
  await dead.receives('heartbeat lost');
  const pingsSeen = pings;
  expect(pingsSeen).toBeGreaterThan(0);
  // Long enough for the healthy one to be found dead too, were its pongs not counted.
  await expect.poll(() => pings, { timeout: PATIENCE_MS }).toBeGreaterThan(pingsSeen + 4);
  await healthy.settle();
  expect(harness.gateway.stats()).toMatchObject({ heartbeatsLost: 1 });
  await expect
    .poll(() => harness.gateway.stats().connectionsOpen, { timeout: PATIENCE_MS })
    .toBe(1);
});

test('anything a client sends counts as a sign of life', async () => {
  await using harness = await GatewayHarness.start({
    heartbeatIntervalMs: 150,
    messageBurstMax: 10_000,
  });
  const talker = new RawClient(harness.port);
  await talker.upgrade(`/?token=${mint()}`);
  const mute = new RawClient(harness.port);
  await mute.upgrade(`/?token=${mint()}`);
  const talk = setInterval(() => talker.socket.write(clientFrame(1, '{"type":"ping"}')), 20);
  await mute.receives('heartbeat lost');
  await expect
    .poll(() => talker.text.split('"pong"').length, { timeout: PATIENCE_MS })
    .toBeGreaterThan(40);
  clearInterval(talk);
  expect(talker.text).not.toContain('heartbeat lost');
  talker.socket.destroy();
  mute.socket.destroy();
});

test('a flood of pings makes nothing pile up, and its sender is shown out', async () => {
  await using harness = await GatewayHarness.start();
  const client = new RawClient(harness.port);
  await client.upgrade(`/?token=${mint()}`);
  client.socket.pause();
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => clientFrame(9, 'x'.repeat(125))));
  const heapBefore = process.memoryUsage().external + process.memoryUsage().arrayBuffers;
  for (let at = 0; at < 400 && !client.isClosed; at += 1) {
    // Cut in the middle of it, which its end of the socket may learn of as a fault.
    if (!client.socket.write(pings)) await once(client.socket, 'drain').catch(() => undefined);
  }
  const heapAfter = process.memoryUsage().external + process.memoryUsage().arrayBuffers;
  expect(heapAfter - heapBefore).toBeLessThan(30_000_000);
  const honest = await harness.client();
  await honest.settle();
  await until(() => harness.gateway.stats().connectionsOpen === 1);
  client.socket.destroy();
});

test('stop: new clients are refused, v2 ones told when to return, all closed with 1012', async () => {
  const harness = await GatewayHarness.start();
  const old = await harness.client();
  const modern = [await harness.client({ v2: true }), await harness.client({ v2: true })];
  // A client that never answers the close frame keeps the drain going.
  const rude = new RawClient(harness.port);
  await rude.upgrade(`/?token=${mint()}`);
  const stopping = harness.gateway.stop();
  expect(harness.gateway.stop()).toBe(stopping);
  const late = new RawClient(harness.port);
  late.socket.write(upgradeRequest(`/?token=${mint()}`));
  await late.receives('HTTP/1.1 503');
  await late.receives('Retry-After:');
  const ready = await fetch(`${harness.origin}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([503, { ready: false, reason: 'draining' }]);
  expect((await fetch(`${harness.origin}/healthz`)).status).toBe(200);
  expect(await old.closeCode()).toBe(1012);
  expect(old.texts).toEqual([]);
  for (const client of modern) {
    expect(await client.closeCode()).toBe(1012);
    expect(client.messages).toEqual([{ type: 'reconnect', afterMs: ANY_NUMBER }]);
  }
  await stopping;
  await rude.closed();
  expect(harness.gateway.stats().connectionsOpen).toBe(0);
  await expect(fetch(`${harness.origin}/healthz`)).rejects.toThrow();
});

test('stop is bounded by drainMs though a client clings on', async () => {
  const harness = await GatewayHarness.start({ drainMs: 100 });
  const rude = new RawClient(harness.port);
  await rude.upgrade(`/?token=${mint()}`);
  const startedAt = performance.now();
  await harness.gateway.stop();
  // The client itself would never go.
  expect(performance.now() - startedAt).toBeLessThan(15_000);
  await rude.closed();
});

test('stop before listen, and publish after stop, do no harm', async () => {
  const harness = await GatewayHarness.start();
  await harness.gateway.stop();
  harness.publish(bidPlaced(1, 4, '1.00'));
  harness.gateway.feedChanged({ state: 'stopped' });
  await new GatewayHarness().gateway.stop();
});

test('a port that is taken is named, with the way to find who holds it', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const address = holder.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { port } = address;
  await expect(GatewayHarness.start({ port })).rejects.toMatchObject({
    code: 'PORT_UNAVAILABLE' satisfies ErrorCode,
    message: textLike(new RegExp(`127\\.0\\.0\\.1:${port}.*ss -ltnp 'sport = :${port}'`)),
  });
  holder.close();
});

test('an address this machine does not have is said to be missing', async () => {
  await expect(GatewayHarness.start({ host: '192.0.2.1' })).rejects.toMatchObject({
    code: 'PORT_UNAVAILABLE',
    message: textLike(/no such address/),
  });
});

test('v2 clients are told once that the feed is lost, and once that it is back', async () => {
  await using harness = await GatewayHarness.start();
  const streaming = { state: 'streaming', packetAtMs: Date.now(), committedAtMs: null } as const;
  harness.gateway.feedChanged(streaming);
  const old = await harness.client();
  const modern = await harness.client({ v2: true });
  for (const attempt of [1, 2]) {
    harness.reads.feed = { state: 'connecting', attempt, lastError: null };
    harness.gateway.feedChanged(harness.reads.feed);
  }
  harness.skewMs = 7000;
  const late = await harness.client({ v2: true });
  expect(await late.heard(1)).toMatchObject([{ type: 'degraded' }]);
  expect(late.messages[0]?.['lagSeconds']).toBeGreaterThanOrEqual(7);
  harness.reads.feed = { ...streaming, packetAtMs: Date.now() + 7000 };
  harness.gateway.feedChanged(harness.reads.feed);
  for (const client of [old, modern]) await client.settle();
  expect(modern.types).toEqual(['degraded', 'restored']);
  expect(modern.messages[1]?.['lagSeconds']).toBe(0);
  expect(old.texts).toEqual([]);
});

test('a feed that falls silent announces itself to no one, and is noticed by the clock', async () => {
  await using harness = await GatewayHarness.start({ heartbeatIntervalMs: 50 });
  const client = await harness.client({ v2: true });
  harness.reads.isSilent = true;
  expect((await client.heard(1))[0]).toMatchObject({ type: 'degraded' });
  harness.reads.isSilent = false;
  expect((await client.heard(2))[1]).toMatchObject({ type: 'restored' });
});

test('a changed source closes everyone with 4004', async () => {
  await using harness = await GatewayHarness.start();
  const clients = [await harness.client(), await harness.client({ v2: true })];
  harness.gateway.sourceReset('binlogs were purged');
  for (const client of clients) expect(await client.closeCode()).toBe(4004);
});

test.each([
  ['begin', null, ownCertificate('new.example')],
  ['end', ownCertificate('old.example'), null],
])(
  'a reload with which TLS would %s on an open port is refused: nothing changes',
  async (word, tls, renewed) => {
    await using harness = await GatewayHarness.start({ tls });
    const jwt = portalTokenRules('another-secret-of-the-portal-that-is-long-enough');
    expect(() => {
      harness.gateway.reload({ jwt, tls: renewed });
    }).toThrow(`TLS does not ${word} while the port is open`);
    const scheme = tls === null ? 'ws' : 'wss';
    const url = `${scheme}://127.0.0.1:${harness.port}/?token=${mint()}`;
    const client = new TestClient(new WebSocket(url, { rejectUnauthorized: false }));
    await once(client.socket, 'open');
    await client.settle();
    client.socket.terminate();
  },
);

test('ten thousand clients come and go and leave nothing behind', async () => {
  await using harness = await GatewayHarness.start();
  for (let itemId = 1; itemId <= 20; itemId += 1) harness.reads.list(itemId);
  const tokens = Array.from({ length: 10 }, (_, at) => mint({ userId: at + 1 }));
  const CYCLES = 10_000;
  const AT_ONCE = 40;
  let cycle = 0;
  const comeAndGo = async (): Promise<void> => {
    while (cycle < CYCLES) {
      const number = cycle;
      cycle += 1;
      const client = new RawClient(harness.port);
      await client.upgrade(`/?token=${tokens[number % 10] ?? ''}`);
      client.socket.write(
        clientFrame(1, `{"action":"subscribe","itemIds":[${(number % 20) + 1},1]}`),
      );
      await client.receives('subscribed');
      // Half leave by the book, half just drop the line.
      if (number % 2 === 0) client.socket.write(clientFrame(8, ''));
      else client.socket.resetAndDestroy();
      await client.closed();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, comeAndGo));
  await harness.empty();
  expect(harness.gateway.stats()).toMatchObject({
    connectionsAccepted: CYCLES,
    connectionsOpen: 0,
    connectionsV2Open: 0,
    usersConnected: 0,
    itemsWatched: 0,
    subscriptionsOpen: 0,
  });
}, 120_000);

test('whoever was accepted on a shared port before it was left comes in', async () => {
  await using harness = await GatewayHarness.start({ reusePort: true });
  const request = upgradeRequest(`/?token=${mint()}`);
  const arriving = new RawClient(harness.port);
  await once(arriving.socket, 'connect');
  arriving.socket.write(request.slice(0, 20));
  // Each answer takes a turn, and each turn accepts whoever waits at the sockets of the port.
  for (let turns = 0; turns < 3; turns += 1) await fetch(`${harness.origin}/healthz`);
  const stopped = harness.gateway.stop();
  expect(harness.gateway.stats().isDraining).toBe(true);
  arriving.socket.write(request.slice(20));
  await arriving.closed();
  await stopped;
  expect(arriving.text).toMatch(/^HTTP\/1\.1 101 /);
  expect(harness.gateway.stats().upgradesRefused).toBe(0);
});
