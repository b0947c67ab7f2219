/** A link so slow that the server passes bids over: what handlers learn, and that no gap is taken for a recovery. */
import { expect, test } from 'vitest';
import type { WatchEvent } from '../../client/wire.ts';
import { bidUpdate, ClientHarness, STATE } from './support/client-harness.ts';

function watchInto(harness: ClientHarness, itemId: number): WatchEvent[] {
  const events: WatchEvent[] = [];
  harness.client.watch(itemId, (event) => events.push(event));
  return events;
}

function idsOf(events: readonly WatchEvent[]): string[] {
  return events.map((event) => ('eventId' in event ? event.eventId : event.type));
}

/** One bid that came in time, then one that stands for three more. */
async function skipping(harness: ClientHarness): Promise<WatchEvent[]> {
  const events = watchInto(harness, 1);
  await harness.hello();
  harness.subscribed(1);
  harness.bid('e1', 1, 11);
  harness.socket.say({ ...bidUpdate('e5', 1, 14, 15), skipped: 3 });
  return events;
}

test('the newest bid is told with what it stands for, and the state is asked for once', async () => {
  const harness = new ClientHarness();
  const events = await skipping(harness);
  harness.socket.say({ ...bidUpdate('e9', 1, 13, 19), skipped: 3 });
  expect(events.slice(1)).toMatchObject([
    { eventId: 'e1' },
    { eventId: 'e5', skipped: 3 },
    { eventId: 'e9', skipped: 3 },
  ]);
  await harness.environment.pass(1000);
  expect(harness.socket.actions('subscribe')).toEqual([
    { action: 'subscribe', itemIds: [1] },
    { action: 'subscribe', itemIds: [1] },
  ]);
  // What was passed over was higher than what came.
  const state = { ...STATE, currentPrice: 17, bidCount: 20 };
  harness.subscribed(1, { state });
  expect(events.at(-1)).toEqual({ type: 'state', itemId: 1, state, reset: true });
  // The server was still on its way: this one is in the state.
  harness.bid('e10', 1, 17, 20);
  harness.bid('e11', 1, 18, 21);
  expect(idsOf(events).slice(4)).toEqual(['state', 'e11']);
  await harness.environment.pass(1000);
  expect(harness.socket.actions('subscribe')).toHaveLength(2);
});

test('a link that falls before that is no continuous return', async () => {
  const harness = new ClientHarness();
  const events = await skipping(harness);
  await harness.comeBack();
  expect(harness.socket.actions('subscribe')).toEqual([{ action: 'subscribe', itemIds: [1] }]);
  harness.subscribed(1);
  expect(events.at(-1)).toMatchObject({ type: 'state', reset: true });
});

test('bids missing without a word are found by their count', async () => {
  const harness = new ClientHarness();
  const events = watchInto(harness, 1);
  await harness.hello();
  harness.subscribed(1);
  harness.bid('e1', 1, 11);
  await harness.comeBack();
  harness.subscribed(1, { recovered: true });
  harness.bid('e3', 1, 13);
  await harness.environment.pass(1000);
  expect(harness.socket.actions('subscribe').at(-1)).toEqual({
    action: 'subscribe',
    itemIds: [1],
  });
  harness.subscribed(1, { state: { ...STATE, bidCount: 13 } });
  expect(idsOf(events)).toEqual(['state', 'e1', 'e3', 'state']);
});

test('after a retraction the same count is another bid', async () => {
  const harness = new ClientHarness();
  const events = watchInto(harness, 1);
  await harness.hello();
  harness.subscribed(1);
  harness.socket.say({
    type: 'bid_retracted',
    eventId: 'e1',
    itemId: 1,
    bidId: 3,
    currentPrice: 9,
  });
  harness.bid('e2', 1, 10, STATE.bidCount);
  expect(idsOf(events)).toEqual(['state', 'e1', 'e2']);
  expect(harness.client.state(1)).toMatchObject({ currentPrice: 10, highestBidderId: 8 });
});
