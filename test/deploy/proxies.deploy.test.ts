/**
 * Each proxy on its shipped file, over TLS, with a real Gavelcast behind it: longer than its idle timeout, through a
 * reload, with the client's address and without the client's token.
 */
import { once } from 'node:events';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';

import { AuctionClient, mintToken } from '../support/auction-client.ts';
import { startGavelcast, type GavelcastProcess } from '../support/gavelcast-process.ts';
import { until } from '../support/until.ts';
import { deploy, type Deployment } from './support/deployment.ts';
import { PROXIES } from './support/proxies.ts';
import { startProxyLine, type ProxyLine } from './support/proxy-line.ts';

/** As much longer than a heartbeat period as a busy machine keeps a process waiting. */
const IDLE_SECONDS = 10;
const HEARTBEAT_SECONDS = 4;

let deployment: Deployment;
/** One that never pings within a test: what is idle with it is idle for the proxy too. */
let silent: GavelcastProcess;

beforeAll(async () => {
  deployment = await deploy({ HEARTBEAT_SECONDS: String(HEARTBEAT_SECONDS) });
  silent = await startGavelcast(deployment.stage.source, { HEARTBEAT_SECONDS: '300' });
});
afterAll(async () => {
  await silent.stop();
  await deployment.stop();
});

describe.each(PROXIES)('$name', (proxy) => {
  let line: ProxyLine;

  beforeAll(async () => {
    const gavelcastPort = deployment.gavelcast.port;
    const start = proxy.start.bind(proxy);
    line = await startProxyLine({ gavelcastPort, idleSeconds: IDLE_SECONDS, start });
  });
  afterAll(async () => {
    await line.stop();
  });

  const watch = async (v2 = false) => {
    const itemId = await deployment.newItem();
    const userId = await deployment.newUser();
    const client = await AuctionClient.connect(line.url, { userId, v2 });
    await client.subscribe(itemId);
    return { client, itemId, userId };
  };

  test('carries a subscribed client for longer than its idle timeout', async () => {
    const { client, itemId, userId } = await watch();
    let pings = 0;
    client.socket.on('ping', () => (pings += 1));
    const startedAtMs = performance.now();
    await until(() => pings >= 4 && performance.now() - startedAtMs > 1500 * IDLE_SECONDS, {
      withinMs: 60_000,
      what: () => `pings; ${pings} came, closed: ${String(client.closeCode)}`,
    });
    await deployment.bid(itemId, userId, '12.50');
    expect(await client.next('bid_update')).toMatchObject({ itemId, bidAmount: 12.5 });
    expect(client.closeCode).toBeNull();
    await client.close();
  }, 120_000);

  // Without it the test above would prove nothing. Caddy has no such timeout.
  const silenceTest = proxy.cutsIdle ? 'would cut one that is silent' : 'has no idle timeout';
  test(
    silenceTest,
    async () => {
      line.relay.leadTo(silent.port);
      const { client } = await watch();
      const startedAtMs = performance.now();
      const elapsedMs = (): number => performance.now() - startedAtMs;
      await until(() => client.closeCode !== null || elapsedMs() > 2000 * IDLE_SECONDS, {
        withinMs: 60_000,
      });
      expect(elapsedMs()).toBeGreaterThan(500 * IDLE_SECONDS);
      expect(client.closeCode).toBe(proxy.cutsIdle ? 1006 : null);
      line.relay.leadTo(deployment.gavelcast.port);
      await client.close();
    },
    120_000,
  );

  test('a renewed certificate is taken up by a reload, and nobody misses a bid', async () => {
    const { client, itemId, userId } = await watch(true);
    await deployment.bid(itemId, userId, '12.00');
    const { eventId } = await client.next('bid_update');
    const serial = line.setting.certificates.renew();
    proxy.reload(line.program, line.setting);
    await until(async () => (await line.serial()) === serial, {
      withinMs: 20_000,
      what: () => `the new certificate:\n${line.logs()}`,
    });
    if (!proxy.keepsOnReload) {
      await until(() => client.closeCode !== null, { what: 'the close that the reload brings' });
    }
    await deployment.bid(itemId, userId, '12.50');
    if (proxy.keepsOnReload) {
      await client.next('bid_update', (message) => message['bidAmount'] === 12.5);
      expect(client.closeCode).toBeNull();
    }
    // Whoever was cut comes back with `since`, and is told what came meanwhile; then all goes on.
    const back = await AuctionClient.connect(line.url, { userId, v2: true });
    back.send({ action: 'subscribe', itemIds: [itemId], since: eventId });
    expect(await back.next('subscribed')).toMatchObject({ recovered: true });
    await deployment.bid(itemId, userId, '13.00');
    await back.next('bid_update', (message) => message['bidAmount'] === 13);
    expect(back.of('bid_update')).toMatchObject([
      { bidAmount: 12.5, bidCount: 2 },
      { bidAmount: 13, bidCount: 3 },
    ]);
    await Promise.all([client.close(), back.close()]);
  });

  test("tells the client's address, and not the one it claims", async () => {
    const socket = new WebSocket(`${line.url}?token=${mintToken(await deployment.newUser())}`, {
      headers: { 'X-Forwarded-For': '203.0.113.9' },
    });
    await once(socket, 'open');
    const head = line.relay.heads.at(-1) ?? '';
    expect(head).toMatch(/^x-forwarded-for: 127\.0\.0\.1$/m);
    expect(head).toMatch(/^x-forwarded-proto: https$/m);
    expect(head).not.toContain('203.0.113.9');
    socket.close();
    await once(socket, 'close');
  });

  test('logs no token, not even of clients it cannot serve', async () => {
    const token = mintToken(await deployment.newUser());
    const attempts = [
      () => new WebSocket(`${line.url}?token=${token}`),
      () => new WebSocket(`${line.url}/?v=2&token=${token}`),
      () => new WebSocket(line.url, ['gavelcast.v2', `bearer.${token}`]),
      () => new WebSocket(line.url, { headers: { Authorization: `Bearer ${token}` } }),
    ];
    for (const target of [deployment.gavelcast.port, null]) {
      line.relay.leadTo(target);
      for (const attempt of attempts) {
        await closed(attempt());
      }
    }
    line.relay.leadTo(deployment.gavelcast.port);
    // Caddy 2.6 writes status 0 where it switched protocols.
    await until(() => /\b101\b|"status":0,/.test(line.logs()) && /\b50[234]\b/.test(line.logs()), {
      what: () => `log lines of both:\n${line.logs()}`,
    });
    const [, payload = '', signature = ''] = token.split('.');
    expect(line.logs()).toContain('/ws');
    expect(line.logs()).not.toContain(payload);
    expect(line.logs()).not.toContain(signature);
  });
});

/** Resolves when the attempt is over, however it went. */
function closed(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    socket.on('open', () => {
      socket.close();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve();
    });
  });
}
