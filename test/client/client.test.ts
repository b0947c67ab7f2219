import { describe, expect, test } from 'vitest';
import type { WatchEvent } from '../../client/wire.ts';
import { ClientHarness, STATE } from './support/client-harness.ts';
import { settle } from './support/fake-environment.ts';

function watchInto(harness: ClientHarness, itemId: number | string): WatchEvent[] {
  const events: WatchEvent[] = [];
  harness.client.watch(itemId, (event) => events.push(event));
  return events;
}

function idsOf(events: readonly WatchEvent[]): string[] {
  return events.map((event) => ('eventId' in event ? event.eventId : event.type));
}

describe('watching', () => {
  test('state first, then events, each once', async () => {
    const harness = new ClientHarness();
    const events = watchInto(harness, 1);
    await harness.hello();
    harness.subscribed(1);
    harness.bid('e1', 1, 11);
    harness.bid('e1', 1, 11);
    harness.socket.say({
      type: 'auction_ending',
      eventId: '~1',
      itemId: 1,
      secondsRemaining: 300,
      endTime: STATE.endTime,
      serverTime: harness.timeIn(0),
    });
    harness.bid('e2', 2, 12);
    expect(events[0]).toEqual({ type: 'state', itemId: 1, state: STATE, reset: false });
    expect(idsOf(events)).toEqual(['state', 'e1', '~1']);
    expect(harness.client.state(1)).toEqual({
      ...STATE,
      currentPrice: 11,
      bidCount: 11,
      highestBidderId: 8,
    });
  });

  test('what is watched in one turn is asked for in one message', async () => {
    const harness = new ClientHarness({ watchers: true });
    await harness.hello();
    for (const itemId of [1, 2, '18446744073709551615']) watchInto(harness, itemId);
    const stop = harness.client.watch(3, () => undefined);
    stop();
    await settle();
    expect(harness.socket.sent).toEqual([
      { action: 'subscribe', itemIds: [1, 2, '18446744073709551615'], watchers: true },
    ]);
  });

  test('a thousand items go out in messages the server takes', async () => {
    const harness = new ClientHarness();
    await harness.hello();
    for (let itemId = 1; itemId <= 1200; itemId += 1) watchInto(harness, itemId);
    await settle();
    expect(harness.socket.actions('subscribe').map((it) => it['itemIds'])).toEqual([
      Array.from({ length: 500 }, (_, i) => i + 1),
      Array.from({ length: 500 }, (_, i) => i + 501),
      Array.from({ length: 200 }, (_, i) => i + 1001),
    ]);
  });

  test('a second handler gets the state as it stands now, and no second subscription', async () => {
    const harness = new ClientHarness();
    watchInto(harness, 1);
    await harness.hello();
    harness.subscribed(1);
    harness.bid('e1', 1, 11);
    const events = watchInto(harness, '1');
    await settle();
    harness.bid('e2', 1, 12);
    expect(events).toMatchObject([
      { type: 'state', state: { currentPrice: 11 }, reset: false },
      { type: 'bid_update', eventId: 'e2' },
    ]);
    expect(harness.socket.actions('subscribe')).toHaveLength(1);
  });

  test('the server is told when the last handler has gone, and nothing is left', async () => {
    const harness = new ClientHarness();
    const heard: string[] = [];
    const stops = ['a', 'b'].map((name) => harness.client.watch(1, () => heard.push(name)));
    const off = harness.client.on('bid_update', () => heard.push('on'));
    await harness.hello();
    harness.subscribed(1);
    expect(heard).toEqual(['a', 'b']);
    stops[0]?.();
    await settle();
    expect(harness.socket.actions('unsubscribe')).toEqual([]);
    stops[1]?.();
    stops[1]?.();
    off();
    await settle();
    expect(harness.socket.actions('unsubscribe')).toEqual([
      { action: 'unsubscribe', itemIds: [1] },
    ]);
    harness.bid('e1', 1, 11);
    expect(heard).toEqual(['a', 'b']);
    expect(harness.client.state(1)).toBeNull();
    await harness.comeBack();
    expect(harness.socket.sent).toEqual([]);
  });

  test('who leaves and returns in the same turn keeps the subscription alive', async () => {
    const harness = new ClientHarness();
    const stop = harness.client.watch(1, () => undefined);
    await harness.hello();
    harness.subscribed(1);
    stop();
    const events = watchInto(harness, 1);
    await settle();
    expect(harness.socket.actions('unsubscribe')).toEqual([]);
    harness.subscribed(1);
    expect(idsOf(events)).toEqual(['state']);
  });

  test('a handler that throws disturbs nobody, and handlers may leave while being called', async () => {
    const harness = new ClientHarness();
    const uncaught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    try {
      const heard: string[] = [];
      harness.client.watch(1, () => {
        throw new Error('of the application');
      });
      const stop = harness.client.watch(1, () => {
        heard.push('once');
        stop();
        late();
      });
      const late = harness.client.watch(1, () => heard.push('never'));
      await harness.hello();
      harness.subscribed(1);
      harness.bid('e1', 1, 11);
      expect(heard).toEqual(['once']);
      await new Promise((done) => setImmediate(done));
      expect(uncaught).toHaveLength(2);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  });

  test('an item that does not exist is told to who watches it', async () => {
    const harness = new ClientHarness();
    const events = watchInto(harness, 5);
    await harness.hello();
    const error = { type: 'error', code: 'item_not_found', message: 'Item not found', itemId: 5 };
    harness.socket.say(error);
    expect(events).toEqual([error]);
  });

  test('what the rate limit refused is asked again', async () => {
    const harness = new ClientHarness();
    watchInto(harness, 1);
    watchInto(harness, 2);
    await harness.hello();
    harness.subscribed(1);
    harness.socket.say({ type: 'error', code: 'rate_limited', message: 'Rate limit exceeded' });
    await harness.environment.pass(1000);
    expect(harness.socket.actions('subscribe').at(-1)).toEqual({
      action: 'subscribe',
      itemIds: [2],
    });
  });

  test('a user’s own events come without watching; unknown messages pass by', async () => {
    const harness = new ClientHarness();
    const heard: unknown[] = [];
    harness.client.on('outbid', (event) => heard.push(event.newBidAmount));
    harness.client.on('standing', (event) => heard.push(event.items.length));
    await harness.hello();
    harness.socket.say({ type: 'standing', items: [] });
    harness.socket.say({ type: 'invented_tomorrow', eventId: 'e0', itemId: 9 });
    harness.socket.say({ no: 'type' });
    harness.socket.say({
      type: 'outbid',
      eventId: 'e1',
      itemId: 9,
      newBidAmount: 15,
      yourBidAmount: 12.5,
    });
    expect(heard).toEqual([0, 15]);
  });
});

describe('coming back', () => {
  test('an end that comes by name, ahead of the item’s replay, waits for the bids that led to it', async () => {
    const harness = new ClientHarness();
    const events = watchInto(harness, 1);
    const ends: string[] = [];
    harness.client.on('auction_ended', ({ eventId }) => ends.push(eventId));
    await harness.hello();
    harness.subscribed(1);
    harness.bid('e1', 1, 11);
    const end = {
      ...{ type: 'auction_ended', eventId: 'end', itemId: 1, outcome: 'sold' },
      ...{ finalPrice: 13, winnerId: 7, winnerName: 'Ann' },
    };
    await harness.comeBack();
    harness.socket.say(end);
    harness.subscribed(1, { recovered: true, state: { ...STATE, bidCount: 13, status: 'sold' } });
    // The link falls in the middle, and all of it comes again.
    harness.bid('e2', 1, 12);
    expect(ends).toEqual([]);
    await harness.comeBack();
    harness.socket.say(end);
    harness.subscribed(1, { recovered: true, state: { ...STATE, bidCount: 13, status: 'sold' } });
    harness.bid('e3', 1, 13);
    expect(idsOf(events)).toEqual(['state', 'e1', 'e2', 'e3', 'end']);
    expect(harness.client.state(1)).toMatchObject({ status: 'sold', currentPrice: 13 });
    // Where the state has it, only those who ask for ends hear of it.
    await harness.comeBack();
    harness.socket.say({ ...end, eventId: 'again' });
    harness.subscribed(1, { recovered: false });
    expect(idsOf(events)).toEqual(['state', 'e1', 'e2', 'e3', 'end', 'state']);
    expect(ends).toEqual(['end', 'again']);
  });

  test('position and items are the last ones delivered; a continuous item gets events, not a state', async () => {
    const harness = new ClientHarness();
    const events = watchInto(harness, 1);
    await harness.hello();
    expect(harness.socket.url.searchParams.has('since')).toBe(false);
    harness.subscribed(1);
    harness.bid('e1', 1, 11);
    harness.socket.say({
      type: 'auction_ending',
      eventId: '~9',
      itemId: 1,
      secondsRemaining: 60,
      endTime: STATE.endTime,
      serverTime: harness.timeIn(0),
    });
    await harness.comeBack();
    expect(harness.socket.url.searchParams.get('since')).toBe('e1');
    expect(harness.socket.sent).toEqual([{ action: 'subscribe', itemIds: [1], since: 'e1' }]);
    harness.subscribed(1, { recovered: true, state: { ...STATE, currentPrice: 13 } });
    harness.bid('e1', 1, 11);
    harness.bid('e2', 1, 12);
    harness.bid('e3', 1, 13);
    expect(idsOf(events)).toEqual(['state', 'e1', '~9', 'e2', 'e3']);
    expect(harness.client.state(1)).toMatchObject({ currentPrice: 13, bidCount: 13 });
  });

  test('what cannot be recovered is a reset', async () => {
    const harness = new ClientHarness();
    const events = watchInto(harness, 1);
    await harness.hello();
    harness.subscribed(1);
    harness.bid('e1', 1, 11);
    await harness.comeBack();
    harness.subscribed(1, { recovered: false, state: { ...STATE, currentPrice: 50 } });
    expect(events.at(-1)).toMatchObject({
      type: 'state',
      state: { currentPrice: 50 },
      reset: true,
    });
    await harness.comeBack();
    expect(harness.socket.url.searchParams.has('since')).toBe(false);
    expect(harness.socket.actions('subscribe')).toEqual([{ action: 'subscribe', itemIds: [1] }]);
  });

  test('a changed source: positions and states are dropped', async () => {
    const harness = new ClientHarness();
    const events = watchInto(harness, 1);
    await harness.hello();
    harness.subscribed(1);
    harness.bid('e1', 1, 11);
    harness.socket.fall(4004);
    expect(harness.client.state(1)).toBeNull();
    await harness.environment.pass(1000);
    await harness.hello();
    expect(harness.socket.url.searchParams.has('since')).toBe(false);
    expect(harness.socket.sent).toEqual([{ action: 'subscribe', itemIds: [1] }]);
    harness.subscribed(1);
    expect(events.at(-1)).toEqual({ type: 'state', itemId: 1, state: STATE, reset: true });
  });

  test('an item joined after the last position takes its state anew instead of old events', async () => {
    const harness = new ClientHarness();
    const old = watchInto(harness, 1);
    await harness.hello();
    harness.subscribed(1);
    harness.bid('e1', 1, 11);
    const late = watchInto(harness, 2);
    await settle();
    harness.subscribed(2);
    await harness.comeBack();
    expect(harness.socket.sent).toEqual([
      { action: 'subscribe', itemIds: [1], since: 'e1' },
      { action: 'subscribe', itemIds: [2] },
    ]);
    harness.subscribed(1, { recovered: true });
    harness.subscribed(2);
    expect(late).toMatchObject([{ reset: false }, { reset: true }]);
    expect(old).toHaveLength(2);
  });

  test('a server that names the last event gives a position before any event has come', async () => {
    const harness = new ClientHarness();
    const events = watchInto(harness, 1);
    await harness.hello({ lastEventId: 'e7' });
    harness.subscribed(1, { lastEventId: 'e8' });
    watchInto(harness, 2);
    await settle();
    harness.subscribed(2, { lastEventId: 'e8' });
    await harness.comeBack();
    expect(harness.socket.url.searchParams.get('since')).toBe('e8');
    expect(harness.socket.sent).toEqual([{ action: 'subscribe', itemIds: [1, 2], since: 'e8' }]);
    harness.subscribed(1, { recovered: true, lastEventId: 'e10' });
    harness.subscribed(2, { recovered: true, lastEventId: 'e10' });
    // The link falls before the replay: the position is where it was.
    await harness.comeBack();
    expect(harness.socket.url.searchParams.get('since')).toBe('e8');
    harness.subscribed(1, { recovered: true, lastEventId: 'e10' });
    harness.subscribed(2, { recovered: true, lastEventId: 'e10' });
    harness.bid('e9', 1, 11);
    await harness.comeBack();
    expect(harness.socket.url.searchParams.get('since')).toBe('e9');
    expect(idsOf(events)).toEqual(['state', 'e9']);
  });

  test('a user’s missed events move no position before the items’ replay has begun', async () => {
    const harness = new ClientHarness();
    watchInto(harness, 1);
    watchInto(harness, 2);
    const outbids: string[] = [];
    harness.client.on('outbid', ({ eventId }) => outbids.push(eventId));
    await harness.hello();
    harness.subscribed(1);
    harness.subscribed(2);
    harness.bid('e1', 1, 11);
    const outbid = {
      type: 'outbid',
      eventId: 'e5',
      itemId: 1,
      newBidAmount: 15,
      yourBidAmount: 12,
    };
    for (let tries = 0; tries < 3; tries += 1) {
      await harness.comeBack();
      expect(harness.socket.url.searchParams.get('since')).toBe('e1');
      harness.socket.say(outbid);
      harness.subscribed(1, { recovered: true });
    }
    harness.subscribed(2, { recovered: true });
    harness.bid('e2', 1, 12);
    await harness.comeBack();
    expect(harness.socket.url.searchParams.get('since')).toBe('e2');
    expect(outbids).toEqual(['e5']);
  });

  test('an item that has gone meanwhile does not hold the position back', async () => {
    const harness = new ClientHarness();
    watchInto(harness, 1);
    watchInto(harness, 2);
    await harness.hello();
    harness.subscribed(1);
    harness.subscribed(2);
    harness.bid('e1', 1, 11);
    await harness.comeBack();
    harness.subscribed(1, { recovered: true });
    harness.socket.say({ type: 'error', code: 'item_not_found', message: '', itemId: 2 });
    harness.bid('e2', 1, 12);
    await harness.comeBack();
    expect(harness.socket.url.searchParams.get('since')).toBe('e2');
  });

  test('who stopped watching while away is not subscribed again', async () => {
    const harness = new ClientHarness();
    const stop = harness.client.watch(1, () => undefined);
    watchInto(harness, 2);
    await harness.hello();
    harness.socket.fall();
    stop();
    await harness.environment.pass(1000);
    await harness.hello();
    expect(harness.socket.sent).toEqual([{ action: 'subscribe', itemIds: [2] }]);
  });
});

describe('the countdown', () => {
  test('runs by the server’s clock and follows the end', async () => {
    const harness = new ClientHarness();
    watchInto(harness, 1);
    expect(harness.client.countdown(1)).toBeNull();
    await harness.hello();
    // The server's clock is 90 s ahead of ours.
    harness.subscribed(1, {
      serverTime: harness.timeIn(90_000),
      state: { ...STATE, endTime: harness.timeIn(100_000) },
    });
    expect(harness.client.serverNow()).toBe(harness.environment.nowMs + 90_000);
    expect(harness.client.countdown(1)).toBe(10);
    await harness.environment.pass(2500);
    expect(harness.client.countdown(1)).toBe(7.5);
    harness.socket.say({
      type: 'auction_extended',
      eventId: 'e1',
      itemId: 1,
      newEndTime: harness.timeIn(210_000),
    });
    expect(harness.client.countdown(1)).toBe(120);
    await harness.environment.pass(20_000);
    harness.bid('e2', 1, 11);
    await harness.environment.pass(110_000);
    expect(harness.client.countdown(1)).toBe(0);
  });
});
