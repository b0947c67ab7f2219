import { describe, expect, test } from 'vitest';
import type { WatchEvent } from '../../client/wire.ts';
import { bidUpdate, ClientHarness, STATE } from './support/client-harness.ts';
import { settle } from './support/fake-environment.ts';

interface Stream {
  readonly url: URL;
  readonly headers: Headers;
  write(text: string): Promise<void>;
  end(): Promise<void>;
}

/** Streams the SDK has opened with `fetch`; answers with a status other than 200 where told. */
function streamsOf(harness: ClientHarness, status = 200): Stream[] {
  const streams: Stream[] = [];
  harness.environment.answer = (input, init) => {
    let source: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        source = controller;
      },
    });
    streams.push({
      url: new URL(input instanceof Request ? input.url : input),
      headers: new Headers(init?.headers),
      write: async (text) => {
        source?.enqueue(new TextEncoder().encode(text));
        await turn();
      },
      end: async () => {
        source?.close();
        await turn();
      },
    });
    return Promise.resolve(new Response(body, { status }));
  };
  return streams;
}

/** Streams take more than promises: lets the event loop turn. */
async function turn(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise((done) => setImmediate(done));
}

/** Two WebSockets that do not open, and what comes then. */
async function blocked(harness: ClientHarness): Promise<void> {
  for (let i = 0; i < 2; i += 1) {
    await settle();
    harness.socket.fall();
    await harness.environment.pass(harness.environment.nextTimerInMs ?? 0);
  }
  await turn();
}

function hello(harness: ClientHarness): string {
  const words = {
    type: 'hello',
    userId: 1,
    serverTime: harness.timeIn(0),
    heartbeatSeconds: 25,
    expiresAt: harness.timeIn(3_600_000),
  };
  return `: welcome\r\n\r\ndata: ${JSON.stringify(words)}\r\n\r\n`;
}

describe('where WebSockets do not open', () => {
  test('events are streamed; the token is in a header, the items in the URL', async () => {
    const harness = new ClientHarness({ url: 'wss://live.example.com/ws' });
    const streams = streamsOf(harness);
    const events: WatchEvent[] = [];
    harness.client.watch(1, (event) => events.push(event));
    harness.client.watch(2, () => undefined);
    await blocked(harness);
    const [stream] = streams;
    expect(stream?.url.href).toBe('https://live.example.com/events?items=1%2C2');
    expect(stream?.headers.get('authorization')).toBe('Bearer token-1');
    expect(stream?.headers.has('last-event-id')).toBe(false);
    await stream?.write(hello(harness));
    expect(harness.client.connection).toMatchObject({ state: 'live', transport: 'sse' });
    const subscribed = {
      type: 'subscribed',
      itemId: 1,
      state: STATE,
      serverTime: harness.timeIn(0),
    };
    const text = `id: x\ndata: ${JSON.stringify(subscribed)}\n\n`;
    await stream?.write(text.slice(0, 40));
    expect(events).toEqual([]);
    await stream?.write(text.slice(40));
    expect(events).toEqual([{ type: 'state', itemId: 1, state: STATE, reset: false }]);
    harness.client.close();
    expect(harness.environment.leftovers).toEqual({ timers: 0, listeners: 0, sockets: 0 });
  });

  test('bids passed over on a slow stream: it cannot ask, so the next link begins with the state', async () => {
    const harness = new ClientHarness();
    const streams = streamsOf(harness);
    const events: WatchEvent[] = [];
    harness.client.watch(1, (event) => events.push(event));
    await blocked(harness);
    const subscribed = {
      type: 'subscribed',
      itemId: 1,
      state: STATE,
      serverTime: harness.timeIn(0),
    };
    const data = (message: object): string => `data: ${JSON.stringify(message)}\n\n`;
    await streams[0]?.write(hello(harness) + data(subscribed));
    await streams[0]?.write(data({ ...bidUpdate('e4', 1, 12, 14), skipped: 3 }));
    await harness.environment.pass(2_000);
    expect(streams).toHaveLength(1);
    await streams[0]?.end();
    await blocked(harness);
    await streams[1]?.write(hello(harness) + data({ ...subscribed, recovered: true }));
    expect(events.map(({ type }) => type)).toEqual(['state', 'bid_update', 'state']);
    expect(events.at(-1)).toMatchObject({ reset: true });
  });

  test('when a stream ends a WebSocket is tried once before the next', async () => {
    const harness = new ClientHarness();
    const streams = streamsOf(harness);
    await blocked(harness);
    await streams[0]?.write(hello(harness));
    await streams[0]?.end();
    expect(harness.client.connection.state).toBe('reconnecting');
    await harness.environment.pass(harness.environment.nextTimerInMs ?? 0);
    expect(harness.environment.sockets).toHaveLength(3);
    harness.socket.fall();
    await harness.environment.pass(harness.environment.nextTimerInMs ?? 0);
    expect(streams).toHaveLength(2);
  });

  test('a stream is not made to wait for the failures of the WebSocket before it', async () => {
    const harness = new ClientHarness();
    const streams = streamsOf(harness);
    harness.environment.chance = 0.999;
    await blocked(harness);
    for (let fall = 0; fall < 3; fall += 1) {
      await streams[fall]?.write(hello(harness));
      await streams[fall]?.end();
      await harness.environment.pass(harness.environment.nextTimerInMs ?? 0);
      harness.socket.fall();
      expect(harness.environment.nextTimerInMs).toBeLessThan(1_000);
      await harness.environment.pass(1_000);
      await turn();
      expect(streams).toHaveLength(fall + 2);
    }
  });

  test('comments keep it alive; silence ends it', async () => {
    const harness = new ClientHarness();
    const streams = streamsOf(harness);
    await blocked(harness);
    await streams[0]?.write(hello(harness));
    for (let i = 0; i < 10; i += 1) {
      await harness.environment.pass(20_000);
      await streams[0]?.write(': still here\n\n');
    }
    expect(harness.client.connection.state).toBe('live');
    await harness.environment.pass(60_000);
    expect(harness.client.connection).toMatchObject({ state: 'reconnecting', reason: 'silent' });
  });

  test.each([
    [401, 'reconnecting', 2],
    [403, 'stopped', 1],
    [404, 'reconnecting', 1],
  ])('HTTP %i: %s', async (status, state, tokens) => {
    const harness = new ClientHarness();
    streamsOf(harness, status);
    await blocked(harness);
    expect(harness.client.connection.state).toBe(state);
    await harness.environment.pass(harness.environment.nextTimerInMs ?? 0);
    expect(harness.tokensAsked).toBe(tokens);
  });

  test('a server that has taken WebSockets before is more likely away than blocked', async () => {
    const harness = new ClientHarness();
    const streams = streamsOf(harness);
    await harness.hello();
    for (let i = 0; i < 6; i += 1) {
      harness.socket.fall();
      await harness.environment.pass(harness.environment.nextTimerInMs ?? 0);
    }
    expect(streams).toHaveLength(0);
    harness.socket.fall();
    await harness.environment.pass(harness.environment.nextTimerInMs ?? 0);
    expect(streams).toHaveLength(1);
  });

  test('no fallback where none is wanted', async () => {
    const harness = new ClientHarness({ eventsUrl: false });
    const streams = streamsOf(harness);
    await blocked(harness);
    expect(streams).toHaveLength(0);
    expect(harness.environment.sockets).toHaveLength(3);
  });
});
