/** Nodes need not be equally far: one that reads from a replica may be behind the one before it. */
import { expect, test } from 'vitest';
import type { WatchEvent } from '../../client/wire.ts';
import { ClientHarness, STATE } from './support/client-harness.ts';

test('a node behind the last one: its older state, then once more what follows from there', async () => {
  const harness = new ClientHarness();
  const events: WatchEvent[] = [];
  harness.client.watch(1, (event) => events.push(event));
  const heard: string[] = [];
  for (const type of ['bid_update', 'auction_extended', 'outbid'] as const)
    harness.client.on(type, ({ eventId }) => heard.push(eventId));
  const outbid = { type: 'outbid', itemId: 1, newBidAmount: 12, yourBidAmount: 11 };
  const newEndTime = '2026-02-01T10:35:00.000Z';
  const extended = { type: 'auction_extended', eventId: 'e4', itemId: 1, newEndTime };
  await harness.hello();
  harness.subscribed(1);
  harness.bid('e1', 1, 11);
  harness.bid('e2', 1, 12);
  harness.socket.say({ ...outbid, eventId: 'e3' });
  harness.socket.say(extended);

  await harness.comeBack();
  const behind = { ...STATE, currentPrice: 11, bidCount: 11 };
  harness.subscribed(1, { recovered: false, state: behind, lastEventId: 'e1' });
  expect(harness.client.state(1)).toEqual(behind);
  harness.bid('e2', 1, 12);
  harness.bid('e2', 1, 12);
  harness.socket.say({ ...outbid, eventId: 'e3' });

  // The next node is not behind: what the first one told belongs to a state that is gone.
  await harness.comeBack();
  expect(harness.socket.url.searchParams.get('since')).toBe('e3');
  harness.subscribed(1, { recovered: true });
  harness.socket.say(extended);
  const told = events.map((event) => ('eventId' in event ? event.eventId : event.type));
  expect(told).toEqual(['state', 'e1', 'e2', 'e3', 'e4', 'state', 'e2', 'e4']);
  expect(harness.client.state(1)).toMatchObject({ bidCount: 12, endTime: newEndTime });
  // Who hears of everything has thrown nothing away.
  expect(heard).toEqual(['e1', 'e2', 'e3', 'e4']);
});
