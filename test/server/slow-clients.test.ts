/** Clients that do not read: what they are spared, what they get when they read again, and when they are closed. */
import { get, type IncomingMessage } from 'node:http';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test, vi } from 'vitest';
import type { GatewayOptions } from '../../server/gateway-options.ts';
import type { DomainEvent } from '../../src/auction/domain-event.ts';
import { until } from '../support/until.ts';
import { bidPlaced, ending, endMoved, outbid } from './support/events.ts';
import { decodeFrames } from './support/frame-decoder.ts';
import { GatewayHarness, mint, OPTIONS } from './support/gateway-harness.ts';
import { ownCertificate } from './support/own-certificate.ts';
import { clientFrame, RawClient } from './support/raw-client.ts';

vi.setConfig({ testTimeout: 60_000 });

const ITEMS = [1, 2, 3];
/** As much as makes the kernel's buffers fill soon. */
const LONG_NAME = 'n'.repeat(16_000);

async function portal(options: Partial<GatewayOptions> = {}): Promise<GatewayHarness> {
  const harness = await GatewayHarness.start(options);
  for (const itemId of ITEMS) harness.reads.list(itemId);
  return harness;
}

function limits(changed: Partial<GatewayOptions['slowLimits']>): Partial<GatewayOptions> {
  return { slowLimits: { ...OPTIONS.slowLimits, ...changed } };
}

/** A client of user 3 that watches all items and has stopped reading. */
interface Stalled {
  readonly publish: (...events: DomainEvent[]) => void;
  /** Everything published since it was connected. */
  readonly published: DomainEvent[];
  /** Reads on until it has heard an event, and returns all events it heard. */
  readonly readUntil: (last: DomainEvent) => Promise<readonly Record<string, unknown>[]>;
  readonly closed: () => Promise<void>;
}

/** `tls`: as `v1`, over TLS that the server itself ends. */
type Kind = 'v1' | 'v2' | 'tls' | 'stream';

const TLS = ownCertificate('localhost');

/** Fills the kernel's buffers, and ours up to where the server stops writing. */
async function stalled(harness: GatewayHarness, kind: Kind): Promise<Stalled> {
  const { pause, readUntil, closed } =
    kind === 'stream' ? await stream(harness) : await socket(harness, kind);
  const published: DomainEvent[] = [];
  const publish = (...events: DomainEvent[]): void => {
    published.push(...events);
    harness.publish(...events);
  };
  pause();
  await until(
    () => {
      const event = bidPlaced(1, 4, '11.00');
      published.push(event);
      harness.gateway.publish({ events: [event], nameOf: () => LONG_NAME, committedAtMs: null });
      return harness.gateway.stats().clientsSlow === 1;
    },
    { everyMs: 1, what: 'the server to find the client slow' },
  );
  return { publish, published, readUntil, closed };
}

function connected({ port }: GatewayHarness, kind: Exclude<Kind, 'stream'>): RawClient {
  if (kind !== 'tls') return new RawClient(port);
  return new RawClient(port, connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }));
}

async function socket(harness: GatewayHarness, kind: Exclude<Kind, 'stream'>) {
  const client = connected(harness, kind);
  await client.upgrade(`/?token=${mint({ userId: 3 })}${kind === 'v2' ? '&v=2' : ''}`);
  client.socket.write(clientFrame(1, JSON.stringify({ action: 'subscribe', itemIds: ITEMS })));
  await client.receives('"subscribed","itemId":3');
  return {
    pause: () => client.socket.pause(),
    readUntil: async ({ eventId }: DomainEvent) => {
      client.socket.resume();
      await client.receives(`"eventId":"${eventId}"`);
      client.socket.destroy();
      return eventsIn(textsOf(client));
    },
    closed: async () => {
      await until(() => harness.gateway.stats().connectionsOpen === 0, { what: 'the cut' });
      client.socket.destroy();
    },
  };
}

async function stream(harness: GatewayHarness) {
  const url = `${harness.origin}/events?items=${ITEMS.join(',')}`;
  const headers = { Authorization: `Bearer ${mint({ userId: 3 })}` };
  const response = await new Promise<IncomingMessage>((done) => {
    get(url, { headers }, done);
  });
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (part: string) => (text += part));
  response.on('error', () => {
    // Being cut is what some of these tests are about.
  });
  await until(() => text.includes('"subscribed","itemId":3'), { everyMs: 2 });
  return {
    pause: () => response.pause(),
    readUntil: async ({ eventId }: DomainEvent) => {
      response.resume();
      await until(() => text.includes(`"eventId":"${eventId}"`), { everyMs: 2 });
      response.destroy();
      const lines = text.split('\n').filter((line) => line.startsWith('data: '));
      return eventsIn(lines.map((line) => line.slice('data: '.length)));
    },
    closed: async () => {
      await until(() => harness.gateway.stats().connectionsOpen === 0, { what: 'the cut' });
      response.destroy();
    },
  };
}

function textsOf({ bytes }: RawClient): string[] {
  const texts = decodeFrames(bytes).filter(({ opcode }) => opcode === 1);
  return texts.map(({ payload }) => payload.toString());
}

function eventsIn(texts: readonly string[]): Record<string, unknown>[] {
  return texts
    .map((text) => JSON.parse(text) as Record<string, unknown>)
    .filter((message) => 'eventId' in message);
}

describe.each<Kind>(['v1', 'v2', 'tls', 'stream'])('a client that reads again (%s)', (kind) => {
  test('[P32] gets all that must be delivered and the newest of the rest, in commit order', async () => {
    await using harness = await portal({ tls: kind === 'tls' ? TLS : null });
    const client = await stalled(harness, kind);
    const [before] = harness.gateway.view().slowest(1);
    for (let round = 0; round < 300; round += 1) {
      client.publish(bidPlaced(1, 4, '12.00'), bidPlaced(2, 4, '13.00'), bidPlaced(2, 4, '14.00'));
      if (round % 30 === 0) client.publish(endMoved(1, 'later'), outbid(3, 3));
      if (round < 3) client.publish(ending(2, 300 - round));
    }
    // Nothing was written to it, and what is kept for it are the places in the history alone.
    const [after] = harness.gateway.view().slowest(1);
    expect(after?.unsentBytes).toBe(before?.unsentBytes);
    const last = endMoved(3, 'later');
    client.publish(last);
    const heard = await client.readUntil(last);
    const placeOf = new Map(client.published.map(({ eventId }, at) => [String(eventId), at]));
    const places = heard.map(({ eventId }) => placeOf.get(String(eventId)) ?? -1);
    expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
    const must = client.published.filter(
      ({ type }) => type === 'EndTimeMoved' || type === 'LeaderOutbid',
    );
    const mustHeard = heard.filter(({ type }) => type === 'auction_extended' || type === 'outbid');
    expect(mustHeard.map(({ eventId }) => eventId)).toEqual(must.map(({ eventId }) => eventId));
    for (const itemId of ['1', '2']) {
      const bids = client.published.filter((it) => it.type === 'BidPlaced' && it.itemId === itemId);
      const bidsHeard = heard.filter(
        (it) => it['type'] === 'bid_update' && String(it['itemId']) === itemId,
      );
      expect(bidsHeard.at(-1)?.['eventId']).toBe(bids.at(-1)?.eventId);
      const stoodFor = bidsHeard.map(({ skipped }) => 1 + Number(skipped ?? 0));
      expect(stoodFor.reduce((sum, count) => sum + count, 0)).toBe(bids.length);
    }
    const ending2 = heard.filter(({ type }) => type === 'auction_ending');
    expect(ending2).toMatchObject([{ itemId: 2, secondsRemaining: 298, skipped: 2 }]);
    // Of item 2 nothing had been written before, so all but one were passed over.
    expect(heard.filter(({ type, itemId }) => type === 'bid_update' && itemId === 2)).toMatchObject(
      [{ skipped: 599 }],
    );
    expect(harness.gateway.stats().eventsConflated).toBeGreaterThan(599);
  });
});

test('[P32] a client that has caught up gets events as they come again', async () => {
  await using harness = await portal();
  const client = await stalled(harness, 'v2');
  const live = [bidPlaced(2, 4, '15.00'), bidPlaced(2, 4, '16.00'), endMoved(2, 'later')];
  const last = endMoved(3, 'later');
  client.publish(last);
  const reading = client.readUntil(live[2] ?? last);
  await until(() => harness.gateway.stats().clientsSlow === 0, { what: 'the client to catch up' });
  client.publish(...live);
  const heard = await reading;
  expect(heard.slice(-4).map(({ eventId, skipped }) => [eventId, skipped])).toEqual(
    [last, ...live].map(({ eventId }) => [eventId, undefined]),
  );
});

test.each<Kind>(['v1', 'tls', 'stream'])(
  'a client is not slow for what only its own layer holds until the end of the turn (%s)',
  async (kind) => {
    await using harness = await portal({ tls: kind === 'tls' ? TLS : null });
    const client = kind === 'stream' ? await stream(harness) : await socket(harness, kind);
    const bids = Array.from({ length: 400 }, () => bidPlaced(1, 4, '12.00'));
    const next = [
      bidPlaced(1, 4, '13.00'),
      bidPlaced(1, 4, '14.00'),
      endMoved(1, 'later'),
    ] as const;
    harness.publish(...bids);
    // Written, and nothing has been taken from that layer yet.
    await new Promise(setImmediate);
    harness.publish(...next);
    const heard = await client.readUntil(next[2]);
    expect(heard).toHaveLength(bids.length + next.length);
    expect(harness.gateway.stats().eventsConflated).toBe(0);
  },
);

describe('a client that does not read again is closed with 4002', () => {
  test.each<Kind>(['v1', 'tls', 'stream'])(
    'when more than it may be owed waits (%s)',
    async (kind) => {
      const tls = kind === 'tls' ? TLS : null;
      await using harness = await portal({ ...limits({ owedBytesMax: 20_000 }), tls });
      const client = await stalled(harness, kind);
      // What is conflatable is not owed.
      for (let round = 0; round < 500; round += 1) client.publish(bidPlaced(1, 4, '12.00'));
      expect(harness.gateway.stats().slowCloses.size).toBe(0);
      for (let round = 0; round < 300; round += 1) client.publish(endMoved(1, 'later'));
      expect([...harness.gateway.stats().slowCloses]).toEqual([['owed', 1]]);
      expect(harness.gateway.stats()).toMatchObject({ clientsSlow: 0, subscriptionsOpen: 0 });
      await client.closed();
      expect(harness.gateway.stats().closesByCode.get(4002)).toBe(1);
    },
  );

  test.each<Kind>(['v1', 'tls', 'stream'])('when nothing drains for long (%s)', async (kind) => {
    const tls = kind === 'tls' ? TLS : null;
    await using harness = await portal({ ...limits({ stalledMsMax: 300 }), tls });
    const client = await stalled(harness, kind);
    await client.closed();
    expect([...harness.gateway.stats().slowCloses]).toEqual([['stalled', 1]]);
  });

  test('but not for bids, however many come in one turn', async () => {
    await using harness = await portal();
    const client = await socket(harness, 'v1');
    client.pause();
    const bids = Array.from({ length: 50_000 }, () => bidPlaced(1, 4, '12.00'));
    harness.publish(...bids);
    await new Promise(setImmediate);
    // Those that come before it is found slow, and after.
    for (let turn = 0; turn < 5; turn += 1) {
      harness.publish(bidPlaced(1, 4, '13.00'), bidPlaced(1, 4, '14.00'));
      await new Promise(setImmediate);
    }
    expect(harness.gateway.stats().clientsSlow).toBe(1);
    expect(harness.gateway.stats().slowCloses.size).toBe(0);
    const last = bidPlaced(1, 4, '15.00');
    harness.publish(last);
    const heard = await client.readUntil(last);
    const stoodFor = heard.map(({ skipped }) => 1 + Number(skipped ?? 0));
    expect(stoodFor.reduce((sum, count) => sum + count, 0)).toBe(bids.length + 11);
  });

  test('when what it needs has left the history', async () => {
    await using harness = await portal({
      ...limits({ stalledMsMax: 2_000 }),
      history: { ...OPTIONS.history, eventsMax: 20 },
    });
    const client = await stalled(harness, 'v1');
    for (let round = 0; round < 30; round += 1) client.publish(bidPlaced(2, 4, '12.00'));
    await client.closed();
    expect([...harness.gateway.stats().slowCloses]).toEqual([['evicted', 1]]);
  });

  test('when its own answers pile up', async () => {
    await using harness = await portal({
      ...limits({ owedBytesMax: 100_000 }),
      messagesPerSecondMax: 100_000,
      messageBurstMax: 100_000,
    });
    const client = new RawClient(harness.port);
    await client.upgrade(`/?token=${mint()}`);
    client.socket.pause();
    const pings = Buffer.concat(
      Array.from({ length: 1_000 }, () => clientFrame(1, '{"action":"ping"}')),
    );
    await until(
      () => {
        client.socket.write(pings);
        return harness.gateway.stats().slowCloses.get('owed') === 1;
      },
      { everyMs: 1, what: 'the close' },
    );
    client.socket.destroy();
  });
});

test('a slow client that subscribes is answered when it has caught up: no state overtakes its events', async () => {
  await using harness = await portal();
  const client = new RawClient(harness.port);
  await client.upgrade(`/?token=${mint()}`);
  client.socket.write(clientFrame(1, '{"action":"subscribe","itemId":1}'));
  await client.receives('"subscribed","itemId":1');
  client.socket.pause();
  await until(
    () => {
      harness.gateway.publish({
        events: [bidPlaced(1, 4, '11.00')],
        nameOf: () => LONG_NAME,
        committedAtMs: null,
      });
      return harness.gateway.stats().clientsSlow === 1;
    },
    { everyMs: 1 },
  );
  const moved = endMoved(1, 'later');
  harness.publish(moved);
  const { messagesReceived } = harness.gateway.stats();
  client.socket.write(clientFrame(1, '{"action":"subscribe","itemId":2}'));
  await until(() => harness.gateway.stats().messagesReceived > messagesReceived);
  client.socket.resume();
  await client.receives('"subscribed","itemId":2');
  const texts = textsOf(client);
  const placeOf = (part: string): number => texts.findIndex((text) => text.includes(part));
  expect(placeOf(`"eventId":"${moved.eventId}"`)).toBeLessThan(placeOf('"subscribed","itemId":2'));
  expect(placeOf(`"eventId":"${moved.eventId}"`)).toBeGreaterThan(0);
  client.socket.destroy();
});
