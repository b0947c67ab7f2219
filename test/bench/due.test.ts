/** What never came is counted, and nobody waits for it. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { demandAll, Due } from '../../bench/due.ts';

const LOST_AFTER_MS = 60_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('when all has come, nothing is missing, and no timer is left', async () => {
  const due = new Due(3, LOST_AFTER_MS);
  due.came(2);
  expect(vi.getTimerCount()).toBe(1);
  due.came(1);
  await expect(due.missing).resolves.toBe(0);
  expect(vi.getTimerCount()).toBe(0);
  await expect(new Due(0, LOST_AFTER_MS).missing).resolves.toBe(0);
});

test('each piece gives the others time; what is missing after that is told', async () => {
  const due = new Due(3, LOST_AFTER_MS);
  let missing: number | null = null;
  void due.missing.then((count) => {
    missing = count;
  });
  await vi.advanceTimersByTimeAsync(LOST_AFTER_MS - 1);
  due.came(2);
  await vi.advanceTimersByTimeAsync(LOST_AFTER_MS - 1);
  expect(missing).toBeNull();
  await vi.advanceTimersByTimeAsync(1);
  expect(missing).toBe(1);
});

test('a run that lacks something fails with how much of what', () => {
  const events = { what: 'events', due: 990_000 };
  expect(() => {
    demandAll({ ...events, missing: 1 });
  }).toThrow('1 of 990,000 events never came');
  expect(() => {
    demandAll({ ...events, missing: 0 });
  }).not.toThrow();
});
