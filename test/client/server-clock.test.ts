import { expect, test } from 'vitest';
import { ServerClock } from '../../client/server-clock.ts';

test('the sample that took the shortest way counts', () => {
  let now = 1_000_000;
  const clock = new ServerClock(() => now);
  expect(clock.now()).toBe(1_000_000);
  // The server is 5 s ahead; messages take 300 ms, 20 ms, 400 ms.
  for (const wayMs of [300, 20, 400]) {
    const sentAt = now + 5000;
    now += wayMs;
    clock.sample(new Date(sentAt).toISOString());
  }
  expect(clock.now()).toBe(now + 5000 - 20);
});

test('a local clock that was set is measured afresh; a time that cannot be read is none', () => {
  let now = 1_000_000;
  const clock = new ServerClock(() => now);
  clock.sample(new Date(1_000_000).toISOString());
  now += 3_600_000;
  clock.reset();
  clock.sample(new Date(1_000_100).toISOString());
  clock.sample('2026-13-45 99:00');
  expect(clock.now()).toBe(1_000_100);
});
