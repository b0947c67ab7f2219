/** Points in time as people type them. */
import { describe, expect, test } from 'vitest';
import { parseZone, UTC } from '../../src/auction/zone.ts';
import { instantOf, parseTimeArgument } from '../../src/commands/time-argument.ts';

const NOW_MS = Date.UTC(2026, 1, 1, 12);
const berlin = parseZone('Europe/Berlin') ?? UTC;

function read(text: string): string | null {
  const time = parseTimeArgument(text);
  if (time === null) return null;
  return new Date(instantOf(time, { zone: berlin, nowMs: NOW_MS })).toISOString();
}

describe('what is taken', () => {
  test.each([
    ['2026-02-01T10:30:00Z', '2026-02-01T10:30:00.000Z'],
    ['2026-02-01T10:30:00.250z', '2026-02-01T10:30:00.250Z'],
    ['2026-02-01T10:30+01:00', '2026-02-01T09:30:00.000Z'],
    ['2026-02-01 10:30:15-0530', '2026-02-01T16:00:15.000Z'],
    // The wall clock of the database, in winter and in summer.
    ['2026-02-01 10:30', '2026-02-01T09:30:00.000Z'],
    ['2026-07-01T10:30:05', '2026-07-01T08:30:05.000Z'],
    ['2026-02-01', '2026-01-31T23:00:00.000Z'],
    ['90s', '2026-02-01T11:58:30.000Z'],
    ['30m', '2026-02-01T11:30:00.000Z'],
    ['2h ago', '2026-02-01T10:00:00.000Z'],
    ['7d', '2026-01-25T12:00:00.000Z'],
  ])('%s', (text, iso) => {
    expect(read(text)).toBe(iso);
  });
});

test.each([
  '',
  'yesterday',
  '120',
  '0h',
  '2026-02-30',
  '2026-13-01T00:00:00Z',
  '2026-02-01T25:00:00Z',
  '2026-02-01T10:30:00+15:00',
  '2026-02-01T10:30:00Europe/Berlin',
  '01.02.2026 10:30',
  '2 h',
])('"%s" is no time', (text) => {
  expect(parseTimeArgument(text)).toBeNull();
});
