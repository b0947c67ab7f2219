import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RateBucket } from '../../server/rate-bucket.ts';

const LIMITS = { perSecond: 20, burst: 50 };

test('a quiet client may send a burst, then its share', () => {
  const bucket = new RateBucket(LIMITS, 0);
  for (let sent = 0; sent < 50; sent += 1) expect(bucket.take(0)).toBe('ok');
  expect(bucket.take(0)).toBe('limited');
  expect(bucket.take(49)).toBe('limited');
  expect(bucket.take(50)).toBe('ok');
  expect(bucket.take(50)).toBe('limited');
});

test('a client that goes on is abusive; one that stops for a while is forgiven', () => {
  const bucket = new RateBucket(LIMITS, 0);
  for (let sent = 0; sent < 50; sent += 1) bucket.take(0);
  for (let sent = 0; sent < 20; sent += 1) expect(bucket.take(0)).toBe('limited');
  expect(bucket.take(0)).toBe('abusive');
  expect(bucket.take(10_000)).toBe('ok');
  for (let sent = 0; sent < 49; sent += 1) bucket.take(10_000);
  expect(bucket.take(10_000)).toBe('limited');
});

test('a clock that steps back neither refills nor drains', () => {
  const bucket = new RateBucket(LIMITS, 10_000);
  for (let sent = 0; sent < 50; sent += 1) expect(bucket.take(5000)).toBe('ok');
  expect(bucket.take(4000)).toBe('limited');
});

test('law: never more than the burst plus the share of the time passed', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 400 }), (gaps) => {
      const bucket = new RateBucket(LIMITS, 0);
      let nowMs = 0;
      let passed = 0;
      for (const gapMs of gaps) {
        nowMs += gapMs;
        if (bucket.take(nowMs) === 'ok') passed += 1;
      }
      expect(passed).toBeLessThanOrEqual(50 + Math.floor((nowMs * 20) / 1000) + 1e-6);
    }),
  );
});
