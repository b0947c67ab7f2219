import { expect, test } from 'vitest';

import { LineWatch } from '../../server/line-watch.ts';
import type { DomainEvent } from '../../src/auction/domain-event.ts';
import { itemIdOf, userIdOf, type EventId } from '../../src/auction/ids.ts';
import type { EventBatch } from '../../src/ports.ts';
import { until } from '../support/until.ts';

function moved(itemId: string, at: number): DomainEvent {
  return {
    type: 'EndTimeMoved',
    eventId: `e${String(at)}` as EventId,
    itemId: itemIdOf(itemId),
    direction: at % 2 === 0 ? 'later' : 'earlier',
    endTimeMs: 0,
  };
}

function start(nowMs = 10_000): {
  line: LineWatch;
  batches: EventBatch[];
  resets: string[];
  written: number[];
  publish: (
    events: readonly DomainEvent[],
    committedAtMs?: number | null,
    replay?: boolean,
  ) => void;
} {
  const batches: EventBatch[] = [];
  const resets: string[] = [];
  const written: number[] = [];
  const line = new LineWatch({
    publisher: {
      publish: (batch) => batches.push(batch),
      sourceReset: (reason) => resets.push(reason),
    },
    databaseNow: () => nowMs,
    written: (seconds) => written.push(seconds),
  });
  return {
    ...{ line, batches, resets, written },
    publish: (events, committedAtMs = 9000, replay = false) => {
      line.publish({ events, nameOf: () => null, committedAtMs, replay });
    },
  };
}

test('batches and resets pass unchanged; events are counted by type', () => {
  const { line, batches, resets, publish } = start();
  publish([moved('1', 1), moved('1', 2), moved('2', 3)]);
  line.sourceReset('another server');
  expect(batches.map(({ events }) => events.length)).toEqual([3]);
  expect(resets).toEqual(['another server']);
  expect(Object.fromEntries(line.eventsByType)).toEqual({
    auction_extended: 1,
    auction_rescheduled: 2,
  });
});

test('what only fills the history is passed on and not counted', () => {
  const { line, batches, publish } = start();
  publish([moved('1', 1)], 9000, true);
  expect(batches).toHaveLength(1);
  expect(line.passed).toBe(0);
  expect(line.recent(10)).toEqual([]);
});

test('the age of a commit is taken once a batch, after the turn; batches of the clock have none', async () => {
  const { written, publish } = start();
  publish([moved('1', 1), moved('1', 2)], 8500);
  publish([moved('1', 3)], null);
  expect(written).toEqual([]);
  await until(() => written.length > 0, { everyMs: 1, what: 'the batch to be written' });
  publish([moved('1', 4)], 12_000);
  await until(() => written.length > 1, { everyMs: 1, what: 'the batch to be written' });
  expect(written).toEqual([1.5, 0]);
});

test('recent events, newest first, of one item or of all; the busiest items', () => {
  const { line, publish } = start();
  publish(
    Array.from({ length: 5000 }, (_, at) => moved(at % 3 === 0 ? 'hot' : `i${String(at)}`, at)),
  );
  expect(line.recent(2).map(({ eventId }) => eventId)).toEqual(['e4999', 'e4998']);
  expect(line.recent(2, itemIdOf('hot')).map(({ eventId }) => eventId)).toEqual(['e4998', 'e4995']);
  const [first] = line.busiest(5, 0);
  // Of the newest 2,048 that are remembered.
  expect(first).toEqual(['hot', 683]);
  expect(line.busiest(5, 10_001)).toEqual([]);
});

test('of an event of a user only type and id are kept', () => {
  const { line, publish } = start();
  const userId = userIdOf(7);
  const eventId = 'e1' as EventId;
  publish([{ type: 'WatchlistChanged', eventId, userId, itemId: itemIdOf(5), watching: true }]);
  publish([
    { type: 'UserStandingChanged', eventId, userId, mayConnect: false, suspendedUntilMs: null },
  ]);
  const [standing, watchlist] = line.recent(2);
  expect(standing).toEqual({ type: 'user_standing_changed', eventId, itemId: null, atMs: 10_000 });
  expect(watchlist).toEqual({ type: 'watchlist_changed', eventId, itemId: '5', atMs: 10_000 });
});
