import { request } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { FeedState } from '../../src/ports.ts';
import { until } from '../support/until.ts';
import { GatewayHarness, mint } from './support/gateway-harness.ts';
import { RawClient, upgradeRequest } from './support/raw-client.ts';

test('/healthz answers GET and HEAD while the process runs, whatever the feed does', async () => {
  await using harness = await GatewayHarness.start();
  harness.reads.feed = { state: 'stopped' };
  const response = await fetch(`${harness.origin}/healthz?probe=1`);
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ status: 'ok' });
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  const head = await fetch(`${harness.origin}/healthz`, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
  const post = await fetch(`${harness.origin}/healthz`, { method: 'POST', body: 'x' });
  expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
});

describe('/readyz', () => {
  const unready: [FeedState, string][] = [
    [{ state: 'starting' }, 'feed starting'],
    [
      { state: 'connecting', attempt: 3, lastError: 'connect ECONNREFUSED 10.0.0.9' },
      'feed connecting',
    ],
    [
      { state: 'halted', code: 'ROW_UNDECODABLE', reason: 'table portal.items' },
      'feed halted: ROW_UNDECODABLE',
    ],
    [{ state: 'stopped' }, 'feed stopped'],
  ];
  test.each(unready)('%j', async (feed, reason) => {
    await using harness = await GatewayHarness.start();
    harness.reads.feed = feed;
    const response = await fetch(`${harness.origin}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ ready: false, reason });
  });

  test('fresh and silent packets', async () => {
    await using harness = await GatewayHarness.start();
    const fresh = await fetch(`${harness.origin}/readyz`);
    expect([fresh.status, await fresh.json()]).toEqual([200, { ready: true }]);
    harness.reads.isSilent = true;
    const silent = await fetch(`${harness.origin}/readyz`);
    expect([silent.status, await silent.json()]).toEqual([
      503,
      { ready: false, reason: 'feed silent' },
    ]);
  });
});

describe('/notify', () => {
  test('is answered at once, before its body has arrived', async () => {
    await using harness = await GatewayHarness.start();
    const client = new RawClient(harness.port);
    client.socket.write('POST /notify HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"type":');
    await client.receives('HTTP/1.1 200 OK');
    client.socket.destroy();
  });

  test('keeps the connection for the next call, whatever the size of the body', async () => {
    await using harness = await GatewayHarness.start();
    const client = new RawClient(harness.port);
    for (let call = 1; call <= 5; call += 1) {
      const body = 'x'.repeat(call * 1_000_000);
      client.socket.write(
        `POST /notify HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      await until(() => client.text.split('HTTP/1.1 200 OK').length - 1 === call, {
        what: `answer ${String(call)}`,
      });
    }
    expect(client.isClosed).toBe(false);
    client.socket.destroy();
  });

  test('takes a chunked body as PHP may send it, and no other method', async () => {
    await using harness = await GatewayHarness.start();
    const status = await new Promise<number | undefined>((done, fail) => {
      const post = request(`${harness.origin}/notify`, { method: 'POST' }, (response) => {
        response.resume();
        done(response.statusCode);
      });
      post.on('error', fail);
      post.write('{"type":"bid_update",');
      post.end('"itemId":1}');
    });
    expect(status).toBe(200);
    expect((await fetch(`${harness.origin}/notify`)).status).toBe(405);
  });
});

test('other HTTP gets 426, unless a static route takes it', async () => {
  await using harness = await GatewayHarness.start({
    staticRoutes: (incoming, response) => {
      if (incoming.url !== '/page') return false;
      response.end('page');
      return true;
    },
  });
  const other = await fetch(`${harness.origin}/anything`, { method: 'POST', body: 'x' });
  expect([other.status, other.headers.get('upgrade')]).toEqual([426, 'websocket']);
  const page = await fetch(`${harness.origin}/page`);
  expect([page.status, await page.text()]).toEqual([200, 'page']);
});

test('an Upgrade to anything but a WebSocket is plain HTTP', async () => {
  await using harness = await GatewayHarness.start();
  const client = new RawClient(harness.port);
  client.socket.write(
    'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n',
  );
  await client.receives('HTTP/1.1 200 OK');
  client.socket.destroy();
});

describe('refusals before the handshake', () => {
  async function statusOf(port: number, target: string, headers: string[] = []): Promise<string> {
    const client = new RawClient(port);
    client.socket.write(upgradeRequest(target, headers));
    await client.receives('\r\n\r\n');
    const [head = ''] = client.text.split('\r\n\r\n');
    client.socket.destroy();
    return head;
  }

  test('another path than WS_PATH', async () => {
    await using harness = await GatewayHarness.start({ path: '/live' });
    expect(await statusOf(harness.port, `/?token=${mint()}`)).toMatch(/^HTTP\/1\.1 403 /);
    expect(await statusOf(harness.port, `/live/?token=${mint()}`)).toMatch(/^HTTP\/1\.1 403 /);
    expect(await statusOf(harness.port, `/live?token=${mint()}`)).toMatch(/^HTTP\/1\.1 101 /);
  });

  test('an origin that is not on the list, exactly; none at all is a native app', async () => {
    await using harness = await GatewayHarness.start({ allowedOrigins: ['https://a.example'] });
    const target = `/?token=${mint()}`;
    for (const origin of [
      'https://b.example',
      'http://a.example',
      'https://a.example:444',
      'https://a.example.evil.example',
      'null',
    ]) {
      expect(await statusOf(harness.port, target, [`Origin: ${origin}`])).toMatch(
        /^HTTP\/1\.1 403 /,
      );
    }
    expect(await statusOf(harness.port, target, ['Origin: https://a.example'])).toMatch(/ 101 /);
    expect(await statusOf(harness.port, target)).toMatch(/ 101 /);
    expect(harness.gateway.stats()).toMatchObject({ upgradesRefused: 5, authenticationsFailed: 0 });
  });

  test('more connections than allowed: 503 with Retry-After, until one leaves', async () => {
    await using harness = await GatewayHarness.start({ connectionsMax: 2 });
    const [first] = [await harness.client(), await harness.client()];
    expect(await statusOf(harness.port, `/?token=${mint()}`)).toMatch(
      /^HTTP\/1\.1 503 [^]*\r\nRetry-After: \d+/,
    );
    await first.leave();
    await until(() => harness.gateway.stats().connectionsOpen === 1, { what: 'its leaving' });
    await harness.client();
  });

  test('a handshake that is not one gets 400 and leaves nothing open', async () => {
    await using harness = await GatewayHarness.start();
    const client = new RawClient(harness.port);
    client.socket.write(
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    await client.receives('HTTP/1.1 400');
    await client.closed();
    expect(harness.gateway.stats()).toMatchObject({ connectionsOpen: 0, connectionsAccepted: 0 });
  });
});

test('a request that does not arrive in time is cut, one byte of it or none', async () => {
  await using harness = await GatewayHarness.start({ handshakeWithinMs: 200 });
  const silent = new RawClient(harness.port);
  const slow = new RawClient(harness.port);
  slow.socket.write('GET / HTTP/1.1\r\nHost: x\r\n');
  await slow.closed();
  await silent.closed();
});

test('a token never costs another part of the query', async () => {
  await using harness = await GatewayHarness.start();
  const raw = new RawClient(harness.port);
  await raw.upgrade(`/?%&&=&token=${mint()}&v=1`);
  expect(harness.gateway.stats().usersConnected).toBe(1);
  raw.socket.destroy();
});
