/**
 * The operators' listener over real HTTP, beside a gateway with clients.
 */
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { createServer } from 'node:net';

import { describe, expect, onTestFinished, test } from 'vitest';

import { Admin, type AdminOptions } from '../../server/admin.ts';
import { AdminLive } from '../../server/admin-live.ts';
import { loadPageFiles } from '../../server/admin-page-files.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/until.ts';
import { GatewayHarness, keepLog, type LogLine } from './support/gateway-harness.ts';

const TOKEN = 'a-token-of-the-operators';

interface Desk {
  readonly url: string;
  readonly harness: GatewayHarness;
  readonly lines: readonly LogLine[];
  readonly drains: () => number;
  readonly logged: (event: string) => readonly LogLine[];
  get(path: string, headers?: Record<string, string>): Promise<{ status: number; text: string }>;
  post(
    path: string,
    token: string | null,
    body?: unknown,
  ): Promise<{ status: number; text: string }>;
}

async function open(options: Partial<AdminOptions> = {}): Promise<Desk> {
  const harness = await GatewayHarness.start();
  const lines: LogLine[] = [];
  const port = options.port ?? (await freePort());
  let drains = 0;
  const { gateway } = harness;
  const view = gateway.view();
  const live = new AdminLive({
    now: Date.now,
    totals: () => ({
      ...{ packets: 0, rowChanges: 0, transactions: 0, events: 0, behindMs: null },
      frames: gateway.stats().framesDelivered,
      bytes: gateway.stats().bytesDelivered,
      connections: gateway.stats().connectionsOpen,
    }),
    picture: () => ({ slow: view.slowest(5), watched: view.mostWatched(5) }),
    follow: (itemId) => ({ itemId, isInBook: true, watchers: view.watchersOf(itemId), events: [] }),
  });
  const admin = new Admin(
    { host: '127.0.0.1', port, token: TOKEN, ...options },
    {
      log: keepLog(lines),
      live,
      metrics: { contentType: 'text/plain', text: () => Promise.resolve('gavelcast_ready 1\n') },
      actions: { disconnect: (userId) => view.disconnect(userId), drain: () => (drains += 1) },
    },
  );
  await admin.start();
  onTestFinished(async () => {
    await admin.stop();
    await admin.stop();
    await gateway.stop();
  });
  const url = `http://127.0.0.1:${port}`;
  const ask = (
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: string,
  ): Promise<{ status: number; text: string }> =>
    // Not fetch, which lets nobody set the host.
    new Promise((resolve, reject) => {
      const request = httpRequest(url + path, { method, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, text });
        });
      });
      request.on('error', reject).end(body);
    });
  return {
    ...{ url, harness, lines, drains: () => drains },
    logged: (event) => lines.filter((line) => line.event === event),
    get: (path, headers = {}) => ask('GET', path, headers),
    post: (path, token, body) =>
      ask(
        'POST',
        path,
        token === null ? {} : { authorization: `Bearer ${token}` },
        body === undefined ? undefined : JSON.stringify(body),
      ),
  };
}

/** Pictures as they come. */
async function pictures(url: string): Promise<{ next(): Promise<Record<string, unknown>> }> {
  const stop = new AbortController();
  onTestFinished(() => {
    stop.abort();
  });
  const response = await fetch(url, { signal: stop.signal });
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  return {
    next: async () => {
      for (;;) {
        const end = text.indexOf('\n\n');
        if (end >= 0) {
          const picture = JSON.parse(text.slice('data: '.length, end)) as Record<string, unknown>;
          text = text.slice(end + 2);
          return picture;
        }
        const chunk = await reader?.read();
        if (chunk === undefined || chunk.done) throw new Error('the stream has ended');
        text += decoder.decode(chunk.value, { stream: true });
      }
    },
  };
}

describe('what anybody who reaches it may see', () => {
  test('health, metrics, the page and its files; nothing else', async () => {
    const desk = await open();
    expect((await desk.get('/healthz')).status).toBe(200);
    expect((await desk.get('/metrics')).text).toBe('gavelcast_ready 1\n');
    expect((await desk.get('/')).text).toContain('<title>Gavelcast');
    for (const path of ['/page/main.ts', '/page/base.css', '/page/icon.svg']) {
      expect((await desk.get(path)).status, path).toBe(200);
    }
    for (const path of ['/page/../admin.ts', '/page/', '/admin.ts', '/readyz']) {
      expect((await desk.get(path)).status, path).toBe(404);
    }
  });

  test('every file that a file of the page names is there, and none is elsewhere', () => {
    const files = loadPageFiles();
    for (const [path, { body }] of files) {
      const named = [...body.matchAll(/(?:from |href=|src=)["']([^"']+)["']/g)].map(([, to]) => to);
      for (const to of named) {
        if (to === '/metrics' || to === undefined || to.startsWith('#')) continue;
        const target = new URL(to, `http://admin/page${path === '/' ? '/' : path.slice(5)}`);
        expect([...files.keys()], `${path} names ${to}`).toContain(target.pathname);
      }
      if (!path.endsWith('.svg'))
        expect(body).not.toMatch(/https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
    }
  });

  test('a name that leads to the loopback is no way in', async () => {
    const desk = await open();
    for (const host of ['evil.example', 'evil.example:8081']) {
      expect((await desk.get('/metrics', { host })).status, host).toBe(403);
    }
    for (const host of ['localhost:1', '127.0.0.1', '[::1]:8081', '10.0.0.7']) {
      expect((await desk.get('/metrics', { host })).status, host).toBe(200);
    }
  });

  test('a picture at once, then one a second, with the item that is followed', async () => {
    const desk = await open();
    desk.harness.reads.list(7);
    const client = await desk.harness.client({ userId: 3 });
    await client.ask({ action: 'subscribe', itemId: 7 });
    const stream = await pictures(`${desk.url}/live?item=7`);
    const first = await stream.next();
    expect(first['followed']).toMatchObject({ itemId: '7', watchers: 1 });
    expect(first['watched']).toEqual([{ itemId: '7', watchers: 1 }]);
    const second = await stream.next();
    expect(second['samples']).toHaveLength(1);
    expect(second['samples']).toMatchObject([{ connections: 1 }]);
  });

  test('pages are bounded', async () => {
    const desk = await open();
    for (let page = 0; page < 16; page += 1) await pictures(`${desk.url}/live`);
    expect((await desk.get('/live')).status).toBe(503);
  });
});

describe('what only the token may do', () => {
  test('without a token in the configuration: nothing', async () => {
    const desk = await open({ token: null });
    for (const given of [null, '', 'null', TOKEN]) {
      expect((await desk.post('/drain', given)).status).toBe(403);
    }
    expect(JSON.parse((await desk.get('/session')).text)).toEqual({ canAct: false });
    expect(desk.drains()).toBe(0);
  });

  test('a wrong token is refused and logged, without what was given', async () => {
    const desk = await open();
    for (const given of [null, 'x', `${TOKEN}x`, TOKEN.slice(1)]) {
      expect((await desk.post('/drain', given)).status).toBe(401);
    }
    expect(desk.drains()).toBe(0);
    expect(desk.logged('admin token refused')).toHaveLength(4);
    expect(JSON.stringify(desk.lines)).not.toContain(TOKEN.slice(1));
  });

  test('disconnect closes every connection of one user with 4001, and no other', async () => {
    const desk = await open();
    const his = [
      await desk.harness.client({ userId: 3 }),
      await desk.harness.client({ userId: 3 }),
    ];
    const other = await desk.harness.client({ userId: 4 });
    const answer = await desk.post('/disconnect', TOKEN, { userId: 3 });
    expect(JSON.parse(answer.text)).toEqual({ connections: 2 });
    for (const client of his) expect(await client.closeCode()).toBe(4001);
    await other.settle();
    expect(other.closed).toBeNull();
    expect(desk.logged('admin action')).toMatchObject([
      { fields: { action: 'disconnect', userId: '3', connections: 2 } },
    ]);
    await until(() => desk.harness.gateway.stats().closesByCode.get(4001) === 2, {
      what: 'counts',
    });
  });

  test('a body that is none is refused', async () => {
    const desk = await open();
    const bodies = [
      undefined,
      'x',
      {},
      { userId: null },
      { userId: 1.5 },
      { userId: 'x'.repeat(2000) },
    ];
    for (const body of bodies) {
      expect((await desk.post('/disconnect', TOKEN, body)).status).toBe(400);
    }
    expect((await desk.post('/unknown', TOKEN)).status).toBe(404);
  });

  test('drain is handed on', async () => {
    const desk = await open();
    expect((await desk.post('/drain', TOKEN)).status).toBe(202);
    expect(desk.drains()).toBe(1);
  });
});

test('a port that is taken: said once, with what to do, and taken over when it is free', async () => {
  const occupant = createServer().listen(0, '127.0.0.1');
  await once(occupant, 'listening');
  const address = occupant.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const desk = await open({ port });
  const [line] = desk.logged('admin not listening');
  expect(line?.fields).toMatchObject({
    code: 'PORT_UNAVAILABLE',
    text: expect.stringMatching(new RegExp(`${port}.*ADMIN_PORT`)) as string,
  });
  occupant.close();
  await until(() => desk.logged('admin listening').length > 0, {
    what: 'the port to be taken over',
  });
  expect((await desk.get('/healthz')).status).toBe(200);
  expect(desk.logged('admin not listening')).toHaveLength(1);
});
