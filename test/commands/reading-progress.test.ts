/** What a long reading shows of itself, and where. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readingText, ReadingProgress, type Reading } from '../../src/commands/reading-progress.ts';

const MIB = 1024 * 1024;
/** To the beginning of the line, and clear it. */
const CLEAR = '\r\u001b[K';
const HALF: Reading = {
  bytes: 20 * MIB,
  bytesTotal: 40 * MIB,
  changes: 51_000,
  reachedMs: Date.UTC(2026, 1, 1, 10, 30),
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function watch(options: { isTTY: boolean; forMs: number }): string[] {
  const written: string[] = [];
  const stderr = { isTTY: options.isTTY, write: (text: string) => written.push(text) };
  const progress = new ReadingProgress({ stderr, now: Date.now });
  progress.start(() => HALF);
  vi.advanceTimersByTime(options.forMs);
  progress.stop();
  vi.advanceTimersByTime(60_000);
  return written;
}

test('the text: share, rate, changes, where it is, and how long it will take', () => {
  expect(readingText(HALF, 5_000)).toBe(
    '50 % of 40.0 MiB, 4.0 MiB/s, 51,000 row changes, at 2026-02-01T10:30:00Z, 5 s left',
  );
  const nothing = { bytes: 0, bytesTotal: 0, changes: 0, reachedMs: null };
  expect(readingText(nothing, 0)).toBe('100 % of 0.0 MiB, 0.0 MiB/s, 0 row changes');
});

test('what is over within two seconds is not shown', () => {
  expect(watch({ isTTY: true, forMs: 1_900 })).toEqual([]);
  expect(watch({ isTTY: false, forMs: 1_900 })).toEqual([]);
});

test('a terminal gets a bar that is drawn over and taken away', () => {
  const written = watch({ isTTY: true, forMs: 3_000 });
  expect(written.length).toBeGreaterThan(4);
  expect(
    written[0]?.startsWith(`${CLEAR}[${'█'.repeat(12)}${'░'.repeat(12)}] 50 % of 40.0 MiB`),
  ).toBe(true);
  expect(written.join('')).not.toContain('\n');
  expect(written.at(-1)).toBe(CLEAR);
});

test('elsewhere a line every ten seconds', () => {
  const written = watch({ isTTY: false, forMs: 25_000 });
  expect(written).toHaveLength(3);
  for (const line of written) expect(line).toMatch(/^gavelcast: read 50 % of .*\n$/);
});
