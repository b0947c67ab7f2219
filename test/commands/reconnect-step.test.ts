import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { nextStep, type ConnectionEnd } from '../../src/commands/reconnect-step.ts';
import { CLOSE_CODES } from '../../src/protocol/close-code.ts';

type Input = Parameters<typeof nextStep>[0];

const step = (end: ConnectionEnd, rest: Partial<Input> = {}) =>
  nextStep({ attempt: 0, canRenewToken: true, afterMs: null, random: 0.5, ...rest, end });
const closed = (code: number, reason = ''): ConnectionEnd => ({
  kind: 'closed',
  code,
  reason,
  wasOpen: true,
});

describe('close codes', () => {
  const stops = [1002, 1003, 1007, 1008, 1009, 4500, 4501, 4502, 4503, 4504];

  test.each(Object.keys(CLOSE_CODES).map(Number))('%i', (code) => {
    const next = step(closed(code));
    expect(next.action).toBe(stops.includes(code) ? 'stop' : 'reconnect');
    expect(next.text).toContain(`closed ${code} (`);
  });

  test('unknown ones go by their range', () => {
    expect(step(closed(4499)).action).toBe('reconnect');
    expect(step(closed(4999)).action).toBe('stop');
    expect(step(closed(1006))).toMatchObject({ action: 'reconnect', dropsState: false });
  });

  test('only 4004 forgets what was known', () => {
    const forgetting = Object.keys(CLOSE_CODES).filter((code) => {
      const next = step(closed(Number(code)));
      return next.action === 'reconnect' && next.dropsState;
    });
    expect(forgetting).toEqual(['4004']);
  });

  test('an expired token needs a new one', () => {
    expect(step(closed(4001)).action).toBe('reconnect');
    expect(step(closed(4001), { canRenewToken: false }).action).toBe('stop');
  });

  test('4005 waits some seconds first', () => {
    expect(step(closed(4005), { random: 0 })).toMatchObject({ delayMs: 5500 });
  });
});

test.each([
  [403, 'stop'],
  [404, 'stop'],
  [426, 'stop'],
  [429, 'reconnect'],
  [503, 'reconnect'],
])('HTTP %i: %s', (status, action) => {
  const end = { kind: 'refused', status, retryAfterMs: 7000, wasOpen: false } as const;
  const next = step(end);
  expect(next.action).toBe(action);
  if (next.action === 'reconnect') expect(next.delayMs).toBe(7000);
});

test('the server’s own word on when to come back counts', () => {
  expect(step(closed(1012), { afterMs: 1234 })).toMatchObject({ delayMs: 1234 });
});

test('backoff: full jitter from 0.5 s to at most 20 s, wider with each failure', () => {
  const end: ConnectionEnd = { kind: 'failed', error: 'ECONNREFUSED', wasOpen: false };
  fc.assert(
    fc.property(fc.nat(1e6), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
      const next = step(end, { attempt, random });
      const delayMs = next.action === 'reconnect' ? next.delayMs : Number.NaN;
      expect(delayMs).toBeGreaterThanOrEqual(500);
      expect(delayMs).toBeLessThanOrEqual(Math.min(20_000, 1000 * 2 ** attempt));
    }),
  );
});
