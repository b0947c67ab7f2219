/**
 * Limits and gates against the running listener. Clients of several addresses are several addresses of the loopback.
 */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createClientAddresses } from '../../server/client-address.ts';
import { ConnectionLimits } from '../../server/connection-limits.ts';
import { portalTokenRules } from '../../src/token-rules.ts';
import { GatewayHarness, mint, OPTIONS, SECRET } from '../server/support/gateway-harness.ts';
import { ownCertificate } from '../server/support/own-certificate.ts';
import { RawClient } from '../server/support/raw-client.ts';
import { until } from '../support/until.ts';

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

/** Asks for an upgrade; 101 where it is granted (and left open, to be closed by the server's end). */
function upgrade(
  harness: GatewayHarness,
  setup: {
    readonly from?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly token?: string;
  } = {},
): Promise<Answer> {
  return new Promise((done, fail) => {
    const asked = request({
      host: '127.0.0.1',
      port: harness.port,
      path: `/?token=${setup.token ?? mint()}`,
      localAddress: setup.from ?? '127.0.0.1',
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        ...setup.headers,
      },
    });
    asked.on('upgrade', (_response, socket) => {
      socket.resume();
      socket.on('error', () => undefined);
      done({ status: 101, retryAfter: undefined });
    });
    asked.on('response', (response) => {
      response.resume();
      done({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] });
    });
    asked.on('error', fail);
    asked.end();
  });
}

const LIMITS = OPTIONS.addressLimits;

describe('connections', () => {
  test('of one address at once: 429 for one more, others are let in, and room is made by leaving', async () => {
    await using harness = await GatewayHarness.start({
      addressLimits: { ...LIMITS, connectionsMax: 2 },
    });
    const first = await harness.client();
    await harness.client();
    expect(await upgrade(harness)).toEqual({ status: 429, retryAfter: '5' });
    expect((await upgrade(harness, { from: '127.0.0.2' })).status).toBe(101);
    await first.leave();
    await until(() => harness.gateway.stats().connectionsOpen === 2);
    expect((await upgrade(harness)).status).toBe(101);
  });

  test('new ones a second: a burst, then 429 until time has passed', async () => {
    await using harness = await GatewayHarness.start({
      addressLimits: { ...LIMITS, newPerSecondMax: 1 },
    });
    harness.stopClock();
    for (let n = 0; n < 5; n += 1) expect((await upgrade(harness)).status).toBe(101);
    expect(await upgrade(harness)).toEqual({ status: 429, retryAfter: '1' });
    expect((await upgrade(harness, { from: '127.0.0.3' })).status).toBe(101);
    harness.skewMs = 1100;
    expect((await upgrade(harness)).status).toBe(101);
    expect((await upgrade(harness)).status).toBe(429);
  });

  test('in all: 503 with Retry-After', async () => {
    await using harness = await GatewayHarness.start({ connectionsMax: 1 });
    await harness.client();
    expect(await upgrade(harness, { from: '127.0.0.2' })).toEqual({ status: 503, retryAfter: '5' });
  });

  test('of one user: the oldest goes with 4503, the new one stays', async () => {
    await using harness = await GatewayHarness.start({ connectionsPerUserMax: 2 });
    const oldest = await harness.client({ userId: 5 });
    const other = await harness.client({ userId: 6 });
    const second = await harness.client({ userId: 5, v2: true });
    const third = await harness.client({ userId: 5 });
    expect(await oldest.closeCode()).toBe(4503);
    for (const client of [other, second, third]) await client.settle();
    expect(harness.gateway.stats()).toMatchObject({ connectionsOpen: 3, usersConnected: 2 });
  });
});

describe('refused tokens', () => {
  test('make an address wait, longer each time; an expired or missing one does not', async () => {
    await using harness = await GatewayHarness.start({
      addressLimits: { ...LIMITS, failuresMax: 3, delayMaxMs: 4000 },
    });
    harness.stopClock();
    const fail = async (): Promise<void> => {
      const client = harness.dial({ target: '/?token=rubbish' });
      expect(await client.closeCode()).toBe(4500);
    };
    for (let n = 0; n < 5; n += 1) {
      const expired = harness.dial({ expiresAtMs: harness.nowMs - 5000 });
      expect(await expired.closeCode()).toBe(4001);
      expect(await harness.dial({ target: '/' }).closeCode()).toBe(4500);
    }
    for (let n = 0; n < 3; n += 1) await fail();
    expect((await upgrade(harness)).status).toBe(101);
    let waited = 0;
    for (const seconds of [1, 2, 4, 4]) {
      await fail();
      const answer = await upgrade(harness);
      expect(answer).toEqual({ status: 429, retryAfter: String(seconds) });
      expect((await upgrade(harness, { from: '127.0.0.9' })).status).toBe(101);
      waited += seconds * 1000;
      harness.skewMs = waited;
      expect((await upgrade(harness)).status).toBe(101);
    }
    // Forgotten after ten quiet minutes.
    harness.skewMs += 601_000;
    await fail();
    expect((await upgrade(harness)).status).toBe(101);
  });

  test('in messages count as well', async () => {
    await using harness = await GatewayHarness.start({
      addressLimits: { ...LIMITS, failuresMax: 1, delayMaxMs: 4000 },
    });
    harness.stopClock();
    for (let n = 0; n < 2; n += 1) {
      const client = harness.dial({ target: '/?v=2' });
      await once(client.socket, 'open');
      client.say({ action: 'authenticate', token: 'rubbish' });
      await client.closeCode();
    }
    expect((await upgrade(harness)).status).toBe(429);
  });

  test('what is remembered of addresses is bounded', () => {
    const limits = new ConnectionLimits({ ...LIMITS, newPerSecondMax: 1 }, () => 0);
    const before = process.memoryUsage().heapUsed;
    for (let n = 0; n < 300_000; n += 1) limits.ask(`address ${n}`);
    // 65,536 addresses are kept, of 300,000.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(80 * 1024 * 1024);
  });
});

describe('handshakes', () => {
  test('half-open ones past the bound: the oldest is cut, and a client gets through', async () => {
    await using harness = await GatewayHarness.start({ handshakesMax: 20 });
    const idle = Array.from({ length: 60 }, () => new RawClient(harness.port));
    await until(() => idle.filter(({ isClosed }) => isClosed).length >= 40);
    for (const { socket } of idle) if (!socket.destroyed) socket.write('GET / HTT');
    const client = await harness.client();
    await client.settle();
    expect(harness.gateway.stats().handshakesCut).toBe(41);
    for (const { socket } of idle) socket.destroy();
  });

  test('of one address are bounded too', async () => {
    await using harness = await GatewayHarness.start({
      addressLimits: { ...LIMITS, connectionsMax: 10 },
    });
    const idle = Array.from({ length: 30 }, () => new RawClient(harness.port));
    await until(() => idle.filter(({ isClosed }) => isClosed).length === 20);
    expect((await upgrade(harness, { from: '127.0.0.2' })).status).toBe(101);
    for (const { socket } of idle) socket.destroy();
  });

  test('a request that trickles in is cut at its deadline', async () => {
    await using harness = await GatewayHarness.start({ handshakeWithinMs: 300 });
    const slow = new RawClient(harness.port);
    const timer = setInterval(() => slow.socket.write('X: y\r\n'), 50);
    slow.socket.write('GET / HTTP/1.1\r\nHost: a\r\n');
    await slow.closed();
    clearInterval(timer);
    expect(slow.text === '' || slow.text.startsWith('HTTP/1.1 408')).toBe(true);
  });
});

describe('client addresses', () => {
  const cases: readonly (readonly [string, string | undefined, string | null])[] = [
    ['203.0.113.7', undefined, '203.0.113.7'],
    ['::ffff:203.0.113.7', undefined, '203.0.113.7'],
    ['203.0.113.7', '198.51.100.1', '203.0.113.7'],
    ['10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['10.0.0.1', '1.1.1.1, 198.51.100.1', '198.51.100.1'],
    ['10.0.0.1', '1.1.1.1, 198.51.100.1, 10.0.0.2', '198.51.100.1'],
    ['10.0.0.1', '198.51.100.1:4711', '198.51.100.1'],
    ['10.0.0.1', '[2001:db8:1:2:3::4]:80', '20010db800010002/64'],
    ['2001:db8:1:2:ffff::', undefined, '20010db800010002/64'],
    ['2001:db8:1:3::', undefined, '20010db800010003/64'],
    ['10.0.0.1', undefined, null],
    ['10.0.0.1', 'unknown', null],
    ['10.0.0.1', '10.0.0.9', null],
    ['', undefined, null],
  ];
  test.each(cases)('%s naming %s is %s', (remote, forwarded, key) => {
    expect(createClientAddresses(['10.0.0.0/8']).keyOf(remote, forwarded)).toBe(key);
  });

  test('behind a trusted proxy each client has limits of its own; a stranger’s header is not believed', async () => {
    const limits = { ...LIMITS, connectionsMax: 1 };
    await using trusting = await GatewayHarness.start({
      trustedProxies: ['127.0.0.1'],
      addressLimits: limits,
    });
    const via = (address: string): Promise<Answer> =>
      upgrade(trusting, { headers: { 'X-Forwarded-For': `9.9.9.9, ${address}` } });
    expect((await via('203.0.113.1')).status).toBe(101);
    expect((await via('203.0.113.1')).status).toBe(429);
    expect((await via('203.0.113.2')).status).toBe(101);
    await using stranger = await GatewayHarness.start({ addressLimits: limits });
    const headers = { 'X-Forwarded-For': '203.0.113.1' };
    expect((await upgrade(stranger, { headers })).status).toBe(101);
    const others = { 'X-Forwarded-For': '203.0.113.2' };
    expect((await upgrade(stranger, { headers: others })).status).toBe(429);
  });

  test('the PROXY protocol is not spoken: its line is a bad request', async () => {
    await using harness = await GatewayHarness.start();
    const client = new RawClient(harness.port);
    client.socket.write('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.closed();
    expect(client.text).toMatch(/^HTTP\/1.1 400/);
  });
});

describe('origin and host', () => {
  const cases: readonly (readonly [string | null, number])[] = [
    [null, 101],
    ['https://a.example', 101],
    ['HTTPS://A.example', 101],
    ['https://a.example:444', 403],
    ['http://a.example', 403],
    ['https://a.example.evil.test', 403],
    ['https://evil-a.example', 403],
    ['https://shop.b.example', 101],
    ['https://b.example', 403],
    ['https://x.shop.b.example', 403],
    ['https://.b.example', 403],
    ['https://evil.test/.b.example', 403],
    ['https://evilb.example', 403],
    ['null', 403],
    ['', 403],
  ];
  test.each(cases)('origin %j: %i, before any look at the token', async (origin, status) => {
    await using harness = await GatewayHarness.start({
      allowedOrigins: ['https://a.example', 'https://*.b.example'],
    });
    const headers: Record<string, string> = origin === null ? {} : { Origin: origin };
    expect((await upgrade(harness, { headers, token: 'rubbish' })).status).toBe(status);
    if (status === 403) expect(harness.gateway.stats().authenticationsFailed).toBe(0);
  });

  test('no origin can be refused', async () => {
    await using harness = await GatewayHarness.start({ originRequired: true });
    expect((await upgrade(harness)).status).toBe(403);
    expect((await upgrade(harness, { headers: { Origin: 'https://x.example' } })).status).toBe(101);
  });

  test('the host’s name and the path', async () => {
    await using harness = await GatewayHarness.start({
      allowedHosts: ['ws.a.example', 'b.example:8080'],
    });
    const named = async (host: string): Promise<number> =>
      (await upgrade(harness, { headers: { Host: host } })).status;
    expect(await named('ws.a.example')).toBe(101);
    expect(await named('WS.a.example:1234')).toBe(101);
    expect(await named('b.example:8080')).toBe(101);
    expect(await named('b.example')).toBe(403);
    expect(await named('127.0.0.1')).toBe(403);
    await using onPath = await GatewayHarness.start({ path: '/ws' });
    expect((await upgrade(onPath)).status).toBe(403);
  });
});

test('items that are not public yet: their seller alone, or everybody where the operator says so', async () => {
  for (const upcomingIsPublic of [false, true]) {
    await using harness = await GatewayHarness.start({ upcomingIsPublic });
    harness.reads.list(1, { status: 'upcoming', sellerId: 5 });
    const seller = await harness.client({ userId: 5 });
    const other = await harness.client({ userId: 6 });
    expect(await seller.ask({ action: 'subscribe', itemId: 1 })).toMatchObject({
      type: 'subscribed',
    });
    expect(await other.ask({ action: 'subscribe', itemId: 1 })).toMatchObject(
      upcomingIsPublic ? { type: 'subscribed' } : { code: 'item_not_found' },
    );
  }
});

describe('our own TLS', () => {
  const nameServed = async (port: number): Promise<string> => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return String(CN);
  };

  test('a client is no handshake any more', async () => {
    const tls = ownCertificate('handshakes.example');
    await using harness = await GatewayHarness.start({ tls, handshakesMax: 1 });
    const sockets: WebSocket[] = [];
    for (let userId = 1; userId <= 3; userId += 1) {
      const url = `wss://127.0.0.1:${harness.port}/?token=${mint({ userId })}`;
      const socket = new WebSocket(url, { rejectUnauthorized: false });
      sockets.push(socket);
      await once(socket, 'open');
    }
    expect(harness.gateway.stats().handshakesCut).toBe(0);
    expect(harness.gateway.stats().connectionsOpen).toBe(3);
    for (const socket of sockets) socket.terminate();
  });

  test('serves clients, takes a new certificate without dropping them, and nothing below 1.2', async () => {
    const tls = ownCertificate('first.example');
    await using harness = await GatewayHarness.start({ tls, heartbeatIntervalMs: 200 });
    harness.reads.list(1);
    const socket = new WebSocket(`wss://127.0.0.1:${harness.port}/?token=${mint()}`, {
      rejectUnauthorized: false,
    });
    const texts: string[] = [];
    let isClosed = false;
    socket.on('message', (data: Buffer) => texts.push(data.toString()));
    socket.on('close', () => (isClosed = true));
    await once(socket, 'open');
    expect(await nameServed(harness.port)).toBe('first.example');
    const renewed = ownCertificate('second.example');
    harness.gateway.reload({ jwt: portalTokenRules(SECRET), tls: renewed });
    expect(await nameServed(harness.port)).toBe('second.example');
    const mixed = { cert: tls.cert, key: renewed.key };
    expect(() => {
      harness.gateway.reload({ jwt: portalTokenRules(SECRET), tls: mixed });
    }).toThrow('WS_TLS_CERT and WS_TLS_KEY cannot be used together');
    expect(await nameServed(harness.port)).toBe('second.example');
    socket.send('{"action":"subscribe","itemId":1}');
    await until(() => texts.some((text) => text.includes('"subscribed"')));
    // Five heartbeat periods: bytes received are seen through TLS too.
    const startedAtMs = Date.now();
    await until(() => Date.now() - startedAtMs > 1000);
    expect(isClosed).toBe(false);
    socket.terminate();

    const old = connectTls({
      port: harness.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    const [error] = (await once(old, 'error')) as [Error];
    expect(error.message).toMatch(/protocol version|alert|no protocols|unsupported/i);

    const plain = connect({ port: harness.port, host: '127.0.0.1' });
    plain.on('error', () => undefined);
    plain.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(plain, 'close');
  });
});

test('plain HTTP answers carry headers that let no page, cache or sniffer make anything of them', async () => {
  await using harness = await GatewayHarness.start();
  for (const path of ['/healthz', '/readyz', '/', '/notify', '/nothing']) {
    const response = await fetch(harness.origin + path);
    await response.arrayBuffer();
    expect(Object.fromEntries(response.headers), path).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    });
    expect(response.headers.get('x-powered-by') ?? response.headers.get('server')).toBeNull();
  }
});
