import { expect, test } from 'vitest';
import { SEEN_EVENTS_MAX, SeenEvents } from '../../client/seen-events.ts';

test('an event is new once, ephemeral ones too', () => {
  const seen = new SeenEvents();
  expect([seen.add('a'), seen.add('~a'), seen.add('a'), seen.add('~a')]).toEqual([
    ...['first', 'first', 'repeated', 'repeated'],
  ]);
});

test('an event is told anew to another state, once', () => {
  const seen = new SeenEvents();
  expect([seen.add('a', 1), seen.add('a', 2), seen.add('a', 2)]).toEqual([
    ...['first', 'anew', 'repeated'],
  ]);
});

test('only so many are remembered, and the oldest is forgotten first', () => {
  const seen = new SeenEvents();
  for (let i = 0; i < SEEN_EVENTS_MAX; i += 1) seen.add(`e${i}`);
  seen.add('e0', 1);
  seen.add('one more');
  expect(seen.size).toBe(SEEN_EVENTS_MAX);
  expect([seen.add('e2'), seen.add('e0', 1), seen.add('e1')]).toEqual([
    ...['repeated', 'repeated', 'first'],
  ]);
});
