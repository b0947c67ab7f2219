import { expect, test } from 'vitest';
import { SEEN_EVENTS_MAX, SeenEvents } from '../../client/seen-events.ts';

test('an event is new once, ephemeral ones too', () => {
  const seen = new SeenEvents();
  expect([seen.add('a'), seen.add('~a'), seen.add('a'), seen.add('~a')]).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test('only so many are remembered, and the oldest is forgotten first', () => {
  const seen = new SeenEvents();
  for (let i = 0; i <= SEEN_EVENTS_MAX; i += 1) seen.add(`e${i}`);
  expect(seen.size).toBe(SEEN_EVENTS_MAX);
  expect(seen.add('e1')).toBe(false);
  expect(seen.add('e0')).toBe(true);
});
