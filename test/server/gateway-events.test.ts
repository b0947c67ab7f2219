/** Server-sent events: the same messages as over a WebSocket, the same admission, and an end that says why. */
import { request, type IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { openEventStream } from '../../client/event-stream.ts';
import { browserEnvironment } from '../../client/environment.ts';
import { itemIdOf, userIdOf } from '../../src/auction/ids.ts';
import { until } from '../support/until.ts';
import { bidPlaced, outbid, standing } from './support/events.ts';
import { GatewayHarness, mint, type TokenSetup } from './support/gateway-harness.ts';

interface SseEvent {
  readonly id: string | null;
  readonly event: string;
  readonly data: Record<string, unknown>;
  readonly text: string;
}

/** Reads the stream as the HTML standard says, by hand. */
class EventReader implements Disposable {
  status = 0;
  headers: IncomingMessage['headers'] = {};
  body = '';
  isEnded = false;
  response: IncomingMessage | null = null;
  readonly #request;

  constructor(
    harness: GatewayHarness,
    target: string,
    headers: Record<string, string> = {},
    method = 'GET',
  ) {
    this.#request = request(
      `${harness.origin}${target}`,
      { headers, method, agent: false },
      (response) => {
        this.status = response.statusCode ?? 0;
        this.headers = response.headers;
        this.response = response;
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          this.body += chunk;
        });
        response.on('close', () => {
          this.isEnded = true;
        });
      },
    );
    this.#request.on('error', () => {
      this.isEnded = true;
    });
    this.#request.end();
  }

  get events(): SseEvent[] {
    const blocks = this.body.split('\n\n').slice(0, -1);
    return blocks.flatMap((block) => {
      const field = (name: string): string | null =>
        block
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2) ?? null;
      const text = field('data');
      if (text === null) return [];
      const data = JSON.parse(text) as Record<string, unknown>;
      return [{ id: field('id'), event: field('event') ?? 'message', data, text }];
    });
  }

  get types(): unknown[] {
    return this.events.map(({ data }) => data['type']);
  }

  async heard(count: number): Promise<SseEvent[]> {
    await until(() => this.events.length >= count, {
      everyMs: 2,
      what: () => `${count} of ${this.body}`,
    });
    return this.events;
  }

  async ended(): Promise<void> {
    await until(() => this.isEnded, { everyMs: 2, what: 'the end of the stream' });
  }

  [Symbol.dispose](): void {
    this.#request.destroy();
  }
}

async function portal(
  options: Parameters<typeof GatewayHarness.start>[0] = {},
): Promise<GatewayHarness> {
  const harness = await GatewayHarness.start(options);
  for (let itemId = 1; itemId <= 3; itemId += 1) harness.reads.list(itemId);
  return harness;
}

function bearer(setup: TokenSetup = {}): Record<string, string> {
  return { Authorization: `Bearer ${mint({ userId: 3, ...setup })}` };
}

describe('the stream', () => {
  test('hello, states, then events with their ids, the user’s own among them', async () => {
    await using harness = await portal();
    using reader = new EventReader(harness, '/events?items=1,2', bearer());
    await reader.heard(3);
    expect(reader.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    const events = [
      bidPlaced(1, 4, '11.00'),
      outbid(3, 3),
      bidPlaced(3, 4, '12.00'),
      bidPlaced(2, 4, '13.00'),
    ];
    harness.publish(...events);
    await reader.heard(6);
    expect(reader.types).toEqual([
      'hello',
      'subscribed',
      'subscribed',
      'bid_update',
      'outbid',
      'bid_update',
    ]);
    expect(reader.events.map(({ id }) => id)).toEqual([
      null,
      null,
      null,
      events[0]?.eventId,
      events[1]?.eventId,
      events[3]?.eventId,
    ]);
  });

  test('[P35] the same JSON as over a WebSocket', async () => {
    await using harness = await portal();
    using reader = new EventReader(harness, `/events?items=1&token=${mint({ userId: 3 })}`);
    const socket = await harness.client({ userId: 3, v2: true });
    await socket.ask({ action: 'subscribe', itemId: 1 });
    await reader.heard(2);
    for (const name of ['n', 'ü'.repeat(300), '€'.repeat(40_000), 'line\nbreak\u2028']) {
      harness.gateway.publish({
        events: [bidPlaced(1, 4, '11.00')],
        nameOf: () => name,
        committedAtMs: null,
      });
    }
    await reader.heard(6);
    await socket.heard(5);
    expect(reader.events.slice(2).map(({ text }) => text)).toEqual(socket.texts.slice(1));
  });

  test('[P36] Last-Event-ID: what was missed of items and user in one order, then live', async () => {
    await using harness = await portal();
    const seen = bidPlaced(1, 4, '11.00');
    const missed = [bidPlaced(2, 4, '12.00'), outbid(3, 3), bidPlaced(1, 4, '13.00')];
    harness.publish(seen, ...missed);
    for (const [query, headers] of [
      ['', { 'Last-Event-ID': seen.eventId }],
      [`&since=${seen.eventId}`, {}],
    ] as const) {
      using reader = new EventReader(harness, `/events?items=1,2${query}`, {
        ...bearer(),
        ...headers,
      });
      const events = await reader.heard(6);
      expect(events.slice(1, 3).map(({ data }) => data['recovered'])).toEqual([true, true]);
      expect(events.slice(3).map(({ id }) => id)).toEqual(missed.map(({ eventId }) => eventId));
    }
    using late = new EventReader(harness, '/events?items=1', {
      ...bearer(),
      'Last-Event-ID': 'gone',
    });
    await late.heard(3);
    expect(late.types).toEqual(['hello', 'subscribed', 'standing']);
  });

  test('[P35] countdown steps carry no position', async () => {
    await using harness = await portal();
    using reader = new EventReader(harness, '/events?items=1', bearer());
    await reader.heard(2);
    const eventId = '~1.x.a' as ReturnType<typeof bidPlaced>['eventId'];
    harness.publish({
      type: 'EndingAnnounced',
      eventId,
      itemId: itemIdOf(1),
      secondsRemaining: 10,
      endTimeMs: 0,
    });
    const events = await reader.heard(3);
    expect(events[2]).toMatchObject({ id: null, data: { eventId: '~1.x.a' } });
  });

  test('a watchlist', async () => {
    await using harness = await portal();
    harness.reads.watchlists.set(userIdOf(3), [itemIdOf(2)]);
    using reader = new EventReader(harness, '/events?items=1&watchlist=1', bearer());
    const events = await reader.heard(3);
    expect(events.slice(1).map(({ data }) => data['itemId'])).toEqual([1, 2]);
  });

  test('a client that leaves is forgotten', async () => {
    await using harness = await portal();
    const reader = new EventReader(harness, '/events?items=1', bearer());
    await reader.heard(2);
    reader[Symbol.dispose]();
    await harness.empty();
    expect(harness.gateway.stats()).toMatchObject({ subscriptionsOpen: 0, usersConnected: 0 });
  });
});

describe('the end says why', () => {
  test('[P38] a ban', async () => {
    await using harness = await portal();
    using reader = new EventReader(harness, '/events', bearer());
    await reader.heard(1);
    harness.publish(standing(3, false));
    await reader.ended();
    expect(reader.events.at(-1)).toMatchObject({
      event: 'error',
      data: { type: 'close', code: 4502, reason: 'suspended or banned' },
    });
  });

  test('[P38] a token that expires', async () => {
    await using harness = await portal({ heartbeatIntervalMs: 1000 });
    using reader = new EventReader(
      harness,
      '/events',
      bearer({ expiresAtMs: Date.now() + 3_600_000 }),
    );
    await reader.heard(1);
    harness.skewMs = 3_700_000;
    await reader.ended();
    expect(reader.events.at(-1)?.data).toMatchObject({ type: 'close', code: 4001 });
  });

  test('a drain', async () => {
    const harness = await portal();
    using reader = new EventReader(harness, '/events', bearer());
    await reader.heard(1);
    await harness.gateway.stop();
    await reader.ended();
    expect(reader.types).toEqual(['hello', 'reconnect', 'close']);
    expect(reader.events.at(-1)?.data['code']).toBe(1012);
  });

  test('[P37] idle streams get keepalives and live on', async () => {
    await using harness = await portal({ heartbeatIntervalMs: 100 });
    using reader = new EventReader(harness, '/events', bearer());
    await until(() => reader.body.split(': keepalive\n\n').length > 4);
    expect([reader.isEnded, reader.types]).toEqual([false, ['hello']]);
  });
});

describe('refusals', () => {
  test.each<[string, string, Record<string, string>, number]>([
    ['no token', '/events', {}, 401],
    ['an expired token', '/events', bearer({ expiresAtMs: Date.now() - 10_000 }), 401],
    ['another secret', '/events', bearer({ secret: 'not-the-secret-of-this-portal-at-all' }), 403],
    ['no item id', '/events?items=1,x', bearer(), 400],
    ['another origin', '/events', { ...bearer(), Origin: 'https://evil.example' }, 403],
  ])('%s', async (_, target, headers, status) => {
    await using harness = await portal({ allowedOrigins: ['https://shop.example'] });
    using reader = new EventReader(harness, target, headers);
    await reader.ended();
    expect(reader.status).toBe(status);
    expect(harness.gateway.stats()).toMatchObject({ connectionsOpen: 0 });
  });

  test('too many connections, and other methods', async () => {
    await using harness = await portal({ connectionsMax: 1 });
    using first = new EventReader(harness, '/events', bearer());
    await first.heard(1);
    using second = new EventReader(harness, '/events', bearer());
    await second.ended();
    expect([second.status, second.headers['retry-after']]).toEqual([503, '5']);
    using post = new EventReader(harness, '/events', bearer(), 'POST');
    await post.ended();
    expect(post.status).toBe(405);
  });

  test('a browser of another origin may ask first', async () => {
    await using harness = await portal({ allowedOrigins: ['https://shop.example'] });
    const headers = {
      Origin: 'https://shop.example',
      'Access-Control-Request-Headers': 'authorization',
    };
    using reader = new EventReader(harness, '/events', headers, 'OPTIONS');
    await reader.ended();
    expect(reader.status).toBe(204);
    expect(reader.headers).toMatchObject({
      'access-control-allow-origin': 'https://shop.example',
      'access-control-allow-headers': 'Authorization, Last-Event-ID',
    });
  });
});

test('the SDK’s reader understands it, close code included', async () => {
  await using harness = await portal();
  const texts: string[] = [];
  const codes: number[] = [];
  const url = `${harness.origin}/events?items=1`;
  openEventStream(
    browserEnvironment(),
    { url, token: mint({ userId: 3 }), since: null },
    {
      message: (text) => texts.push(text),
      closed: (code) => codes.push(code),
      keepalive: () => undefined,
    },
  );
  await until(() => texts.length === 2);
  harness.publish(bidPlaced(1, 4, '11.00'));
  await until(() => texts.length === 3);
  harness.publish(standing(3, false));
  await until(() => codes.length === 1);
  expect(codes).toEqual([4502]);
});
