/** Clients that come back: what they missed, once, in order, byte for byte, before anything live. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DomainEvent } from '../../src/auction/domain-event.ts';
import { until } from '../support/until.ts';
import { bidPlaced, ended, endMoved, outbid, started } from './support/events.ts';
import { decodeFrames } from './support/frame-decoder.ts';
import { GatewayHarness, mint, type TestClient } from './support/gateway-harness.ts';
import { clientFrame, RawClient } from './support/raw-client.ts';

const ITEMS = [1, 2, 3, 4];

async function portal(
  options: Parameters<typeof GatewayHarness.start>[0] = {},
): Promise<GatewayHarness> {
  const harness = await GatewayHarness.start({ messageBurstMax: 100_000, ...options });
  for (const itemId of ITEMS) harness.reads.list(itemId);
  return harness;
}

function eventIds(client: TestClient): unknown[] {
  return client.messages.filter((it) => 'eventId' in it).map((it) => it['eventId']);
}

function idsOf(events: readonly DomainEvent[]): string[] {
  return events.map((event) => event.eventId);
}

describe('since on subscribe', () => {
  test('[P33] exactly the missed events of the named items, after every subscribed, then live', async () => {
    await using harness = await portal();
    const seen = bidPlaced(1, 4, '11.00');
    const missed = [
      bidPlaced(1, 4, '12.00'),
      bidPlaced(2, 4, '5.00'),
      bidPlaced(3, 4, '6.00'),
      endMoved(1, 'later'),
    ];
    harness.publish(seen, ...missed);
    const client = await harness.client({ userId: 3 });
    client.say({ action: 'subscribe', itemIds: [1, 2], since: seen.eventId });
    await client.heard(5);
    const live = bidPlaced(2, 4, '7.00');
    harness.publish(live);
    await client.heard(6);
    expect(
      client.messages.map((it) => it['eventId'] ?? [it['type'], it['itemId'], it['recovered']]),
    ).toEqual([
      ['subscribed', 1, true],
      ['subscribed', 2, true],
      ...idsOf([missed[0], missed[1], missed[3], live].filter((it) => it !== undefined)),
    ]);
    expect(harness.gateway.stats()).toMatchObject({
      historyEvents: 6,
      recoveriesMet: 1,
      recoveriesRefused: 0,
      eventsReplayed: 3,
      clientsCatchingUp: 0,
    });
  });

  test('nothing missed is recovered too', async () => {
    await using harness = await portal();
    const seen = bidPlaced(1, 4, '11.00');
    harness.publish(seen, bidPlaced(2, 4, '12.00'));
    const client = await harness.client();
    expect(await client.ask({ action: 'subscribe', itemId: 1, since: seen.eventId })).toMatchObject(
      {
        recovered: true,
      },
    );
    await client.settle();
    expect(client.types).toEqual(['subscribed']);
  });

  test.each(['', 'nonsense', '~1.x.a', 'e0', '__proto__'])(
    'since %j is not known: the state alone',
    async (since) => {
      await using harness = await portal();
      harness.publish(bidPlaced(1, 4, '11.00'));
      const client = await harness.client();
      expect(await client.ask({ action: 'subscribe', itemId: 1, since })).toMatchObject({
        type: 'subscribed',
        recovered: false,
        state: { currentPrice: 10 },
      });
      await client.settle();
      expect(client.types).toEqual(['subscribed']);
    },
  );

  test('[P31] what has left the history is never replayed in part', async () => {
    await using harness = await portal({
      history: { eventsMax: 3, bytesMax: 1e6, ageMaxMs: 60_000 },
    });
    const events = ['11.00', '12.00', '13.00', '14.00', '15.00'].map((amount) =>
      bidPlaced(1, 4, amount),
    );
    harness.publish(...events);
    const [first, second] = idsOf(events);
    const late = await harness.client();
    expect(await late.ask({ action: 'subscribe', itemId: 1, since: first })).toMatchObject({
      recovered: false,
    });
    const inTime = await harness.client();
    await inTime.ask({ action: 'subscribe', itemId: 1, since: second });
    await inTime.heard(4);
    expect(eventIds(inTime)).toEqual(idsOf(events.slice(2)));
    await late.settle();
    expect(eventIds(late)).toEqual([]);
  });

  test('several subscribes with one since, and one after an unsubscribe: each event once', async () => {
    await using harness = await portal();
    const events = ITEMS.flatMap((itemId) => [
      bidPlaced(itemId, 4, '11.00'),
      bidPlaced(itemId, 4, '12.00'),
    ]);
    const seen = bidPlaced(1, 4, '10.00');
    harness.publish(seen, ...events);
    const client = await harness.client();
    client.say({ action: 'subscribe', itemIds: [1, 2], since: seen.eventId });
    client.say({ action: 'subscribe', itemIds: [3], since: seen.eventId });
    client.say({ action: 'subscribe', itemIds: [1, 3], since: seen.eventId });
    await client.settle();
    const live = bidPlaced(1, 4, '13.00');
    harness.publish(live);
    client.say({ action: 'unsubscribe', itemId: 1 });
    await client.settle();
    const missed = bidPlaced(1, 4, '14.00');
    harness.publish(missed);
    client.say({ action: 'subscribe', itemId: 1, since: seen.eventId });
    await client.settle();
    const expected = idsOf(events.filter((it) => it.itemId !== '4'));
    expect(eventIds(client)).toEqual([...expected, live.eventId, missed.eventId]);
  });

  test('new event types are replayed to v2 clients only', async () => {
    await using harness = await portal();
    const seen = bidPlaced(1, 4, '11.00');
    harness.publish(seen, started(1), endMoved(1, 'earlier'), endMoved(1, 'later'));
    for (const v2 of [false, true]) {
      const client = await harness.client({ v2 });
      client.say({ action: 'subscribe', itemId: 1, since: seen.eventId });
      await client.settle();
      expect(client.types.slice(1)).toEqual(
        v2 ? ['auction_started', 'auction_rescheduled', 'auction_extended'] : ['auction_extended'],
      );
    }
  });

  test('items that have to be read: live events wait for the replay, however long the tables take', async () => {
    await using harness = await portal();
    harness.reads.table(50, { status: 'sold', price: '99.00' });
    const seen = bidPlaced(1, 4, '11.00');
    const missed = bidPlaced(1, 4, '12.00');
    harness.publish(seen, missed);
    const client = await harness.client();
    const release = harness.reads.holdReads();
    client.say({ action: 'subscribe', itemIds: [1, 50], since: seen.eventId });
    await client.heard(1);
    const live = bidPlaced(1, 4, '13.00');
    harness.publish(live);
    release();
    await client.heard(4);
    expect(client.types).toEqual(['subscribed', 'subscribed', 'bid_update', 'bid_update']);
    expect(eventIds(client)).toEqual(idsOf([missed, live]));
  });

  test('[P34] after a reset of the source nothing from before is recovered', async () => {
    await using harness = await portal();
    const seen = bidPlaced(1, 4, '11.00');
    harness.publish(seen, bidPlaced(1, 4, '12.00'));
    harness.gateway.sourceReset('test');
    const client = await harness.client();
    expect(await client.ask({ action: 'subscribe', itemId: 1, since: seen.eventId })).toMatchObject(
      {
        recovered: false,
      },
    );
  });

  test('a long replay is sliced: others get their events meanwhile, and it keeps its order', async () => {
    await using harness = await portal();
    const seen = bidPlaced(1, 4, '11.00');
    const events = Array.from({ length: 30_000 }, () => bidPlaced(1, 4, '12.00'));
    harness.publish(seen, ...events);
    const other = await harness.client();
    await other.ask({ action: 'subscribe', itemId: 2 });
    const client = await harness.client();
    await client.ask({ action: 'subscribe', itemId: 1, since: seen.eventId });
    let published = 0;
    const late: DomainEvent[] = [];
    await until(
      () => {
        // One event a look on both items while the replay goes on.
        if (client.texts.length < 30_001) {
          const mine = bidPlaced(1, 4, '13.00');
          late.push(mine);
          harness.publish(mine, bidPlaced(2, 4, '13.00'));
          published += 1;
        }
        return client.texts.length > 30_000 && client.texts.length === 1 + 30_000 + late.length;
      },
      { everyMs: 1, withinMs: 20_000 },
    );
    expect(published).toBeGreaterThan(1);
    await other.heard(1 + published);
    expect(eventIds(client)).toEqual(idsOf([...events, ...late]));
  });
});

describe("since on connecting: the user's own events", () => {
  test('come before anything live, without subscriptions, and not again with the item', async () => {
    await using harness = await portal();
    const seen = bidPlaced(1, 4, '11.00');
    const own = [outbid(1, 3), ended(2, 3, 9), ended(3, 8, 3)];
    harness.publish(seen, ...own, outbid(1, 4), bidPlaced(2, 4, '12.00'));
    const client = harness.dial({
      userId: 3,
      target: `/?token=${mint({ userId: 3 })}&since=${seen.eventId}`,
    });
    await client.heard(3);
    const live = outbid(4, 3);
    harness.publish(live);
    await client.heard(4);
    expect(eventIds(client)).toEqual(idsOf([...own, live]));
    client.say({ action: 'subscribe', itemIds: [2], since: seen.eventId });
    await client.heard(6);
    // The bid that was not his own, but not the ending again.
    expect(client.types.slice(4)).toEqual(['subscribed', 'bid_update']);
  });

  test('events committed while his standing is read are replayed, not lost', async () => {
    await using harness = await portal();
    const seen = bidPlaced(1, 4, '11.00');
    harness.publish(seen);
    const release = harness.reads.holdReads();
    const client = harness.dial({
      userId: 3,
      target: `/?token=${mint({ userId: 3 })}&since=${seen.eventId}`,
    });
    await until(() => harness.gateway.stats().connectionsOpen === 1);
    const missed = outbid(1, 3);
    harness.publish(missed);
    release();
    await client.heard(1);
    expect(eventIds(client)).toEqual([missed.eventId]);
  });
});

describe('a history filled before anybody is served', () => {
  test('is replayed to those who come back, and delivered to nobody', async () => {
    await using harness = await portal();
    const client = await harness.client();
    await client.ask({ action: 'subscribe', itemId: 1 });
    const [seen, missed] = [bidPlaced(1, 4, '11.00'), bidPlaced(1, 4, '12.00')];
    harness.gateway.publish({
      events: [seen, missed],
      nameOf: () => 'N',
      committedAtMs: Date.now(),
      replay: true,
    });
    await client.settle();
    expect(client.types).toEqual(['subscribed']);
    const back = await harness.client();
    await back.ask({ action: 'subscribe', itemId: 1, since: seen.eventId });
    await back.heard(2);
    expect(eventIds(back)).toEqual([missed.eventId]);
  });
});

test('[law] the bytes of a replay are the bytes that were live', async () => {
  await using harness = await portal();
  const anEvent = fc.constantFrom(
    () => bidPlaced(1, 4, '12.00'),
    () => bidPlaced(2, 3, '1234567.89'),
    () => outbid(1, 3),
    () => ended(2, 3, 9),
    () => endMoved(1, 'earlier'),
    () => started(2),
    () => bidPlaced(3, 4, '1.00'),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(anEvent, { minLength: 1, maxLength: 30 }),
      fc.boolean(),
      async (makers, v2) => {
        const target = `/?token=${mint({ userId: 3 })}${v2 ? '&v=2' : ''}`;
        const live = new RawClient(harness.port);
        const seen = bidPlaced(4, 4, '1.00');
        await live.upgrade(target);
        live.socket.write(clientFrame(1, '{"action":"subscribe","itemIds":[1,2]}'));
        await live.receives('"subscribed","itemId":2');
        harness.publish(seen, ...makers.map((make) => make()));
        const end = bidPlaced(1, 4, '999999.00');
        harness.publish(end);
        await live.receives(`"eventId":"${end.eventId}"`);
        const back = new RawClient(harness.port);
        await back.upgrade(`${target}&since=${seen.eventId}`);
        back.socket.write(
          clientFrame(1, `{"action":"subscribe","itemIds":[1,2],"since":"${seen.eventId}"}`),
        );
        await back.receives(`"eventId":"${end.eventId}"`);
        // On the way back the user's own events come first; each event's frame is the same.
        expect(framesOf(back).sort()).toEqual(framesOf(live).sort());
        live.socket.destroy();
        back.socket.destroy();
      },
    ),
    { numRuns: 30 },
  );
});

/** Event frames as they came, header and all. */
function framesOf(client: RawClient): string[] {
  const frames: string[] = [];
  let at = 0;
  for (const { payload } of decodeFrames(client.bytes)) {
    const headerBytes = payload.length < 126 ? 2 : payload.length <= 0xffff ? 4 : 10;
    const frame = client.bytes.subarray(at, at + headerBytes + payload.length);
    at += frame.length;
    if (payload.includes('"eventId"')) frames.push(frame.toString('latin1'));
  }
  return frames;
}
