import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  epochMsToIso,
  epochMsToWallClock,
  parseZone,
  UTC,
  wallClockToEpochMs,
  type Zone,
} from '../../src/auction/zone.ts';

function zone(name: string): Zone {
  const parsed = parseZone(name);
  if (parsed === null) {
    throw new Error(`no zone: ${name}`);
  }
  return parsed;
}

function instant(text: string, name: string): string | null {
  const ms = wallClockToEpochMs(text, zone(name));
  return ms === null ? null : epochMsToIso(ms);
}

describe('parseZone', () => {
  test.each([
    'UTC',
    'utc',
    'Europe/Berlin',
    'America/New_York',
    'CET',
    '+02:00',
    '-9:30',
    '+14:00',
  ])('knows %s', (text) => {
    expect(parseZone(text)?.name).toBe(text);
  });

  test.each(['SYSTEM', 'system', '', 'Mars/Olympus', '+15:00', '+02:60', '+0200', '2:00', ' UTC'])(
    'refuses %j',
    (text) => {
      expect(parseZone(text)).toBeNull();
    },
  );

  test('fixed offsets', () => {
    expect(instant('2026-02-01 10:30:00', '+02:00')).toBe('2026-02-01T08:30:00.000Z');
    expect(instant('2026-02-01 10:30:00', '-09:30')).toBe('2026-02-01T20:00:00.000Z');
  });
});

describe('wallClockToEpochMs', () => {
  test.each([
    ['0000-00-00 00:00:00', null],
    ['2026-00-10 00:00:00', null],
    ['2026-01-00 00:00:00', null],
    ['2026-02-30 00:00:00', null],
    ['2026-13-01 00:00:00', null],
    ['2026-02-01 24:00:00', null],
    ['2026-02-01', null],
    ['', null],
    ['2024-02-29 23:59:59', '2024-02-29T23:59:59.000Z'],
    ['2026-02-01 10:30:00.5', '2026-02-01T10:30:00.500Z'],
    ['2026-02-01 10:30:00.123999', '2026-02-01T10:30:00.123Z'],
    ['9999-12-31 23:59:59', '9999-12-31T23:59:59.000Z'],
    ['0001-01-01 00:00:00', '0001-01-01T00:00:00.000Z'],
  ])('%j in UTC is %j', (text, expected) => {
    expect(instant(text, 'UTC')).toBe(expected);
  });

  // Expected values: UNIX_TIMESTAMP('…') in a session with that time_zone, on MariaDB 10.11 and MySQL 9.7.
  test.each([
    ['overlap', 'Europe/Berlin', '2026-10-25 02:30:00', 1_792_888_200],
    ['overlap', 'America/New_York', '2026-11-01 01:30:00', 1_793_511_000],
    ['overlap', 'Australia/Lord_Howe', '2026-04-05 01:45:00', 1_775_313_900],
    ['gap', 'Europe/Berlin', '2026-03-29 02:30:00', 1_774_746_000],
    ['gap', 'America/New_York', '2026-03-08 02:30:00', 1_772_953_200],
    ['gap', 'Australia/Lord_Howe', '2026-10-04 02:15:00', 1_791_041_400],
    ['plain', 'America/New_York', '2026-10-25 02:30:00', 1_792_909_800],
    ['plain', 'Australia/Lord_Howe', '2026-11-01 01:30:00', 1_793_457_000],
  ])('%s in %s: %s as the database says', (_, name, text, seconds) => {
    expect(wallClockToEpochMs(text, zone(name))).toBe(seconds * 1000);
  });

  test('a day that was left out becomes its end', () => {
    expect(instant('2011-12-30 12:00:00', 'Pacific/Apia')).toBe('2011-12-30T10:00:00.000Z');
  });

  test('text of any kind never throws', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(wallClockToEpochMs(text, UTC)).toBeNull();
      }),
    );
  });
});

describe('against Intl', () => {
  const names = [
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Africa/Casablanca',
    'America/St_Johns',
    'Pacific/Apia',
    'UTC',
  ];
  const seconds = fc.integer({ min: -2_208_988_800, max: 4_102_444_800 });

  test('[law] wall clock equals what Intl prints', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), seconds, (name, second) => {
        const printed = new Intl.DateTimeFormat('sv-SE', {
          timeZone: name,
          dateStyle: 'short',
          timeStyle: 'medium',
        }).format(second * 1000);
        expect(epochMsToWallClock(second * 1000, zone(name))).toBe(printed);
      }),
      { numRuns: 400 },
    );
  });

  test('[law] there and back, but for the second time through an overlap', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), seconds, (name, second) => {
        const z = zone(name);
        const text = epochMsToWallClock(second * 1000, z);
        const back = wallClockToEpochMs(text, z) ?? Number.NaN;
        expect(epochMsToWallClock(back, z)).toBe(text);
        expect(back).toBeLessThanOrEqual(second * 1000);
        const isRepeated = back !== second * 1000;
        expect(isRepeated ? z.offsetMsAt(back) > z.offsetMsAt(second * 1000) : true).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  test('every minute of the days around a change goes there and back', () => {
    for (const [name, day] of [
      ['Europe/Berlin', '2026-03-28'],
      ['Europe/Berlin', '2026-10-24'],
      ['Australia/Lord_Howe', '2026-10-03'],
      ['America/New_York', '2026-11-01'],
    ] as const) {
      const z = zone(name);
      const start = wallClockToEpochMs(`${day} 00:00:00`, UTC) ?? 0;
      let previous = '';
      let repeated = 0;
      for (let minute = 0; minute < 2 * 1440; minute += 1) {
        const ms = start + minute * 60_000;
        const text = epochMsToWallClock(ms, z);
        const back = wallClockToEpochMs(text, z);
        repeated += back === ms ? 0 : 1;
        expect(epochMsToWallClock(back ?? Number.NaN, z)).toBe(text);
        expect(text).not.toBe(previous);
        previous = text;
      }
      // An hour that came twice is told apart by nothing; no minute of another kind may fail.
      expect(repeated).toBe(name === 'Europe/Berlin' && day.includes('-03-') ? 0 : repeated);
      expect(repeated).toBeLessThanOrEqual(60);
    }
  });

  test('remembered days are bounded and stay right past the bound', () => {
    const z = zone('Europe/Berlin');
    const summer = Date.UTC(2026, 6, 1);
    for (let day = 0; day < 3_000; day += 1) {
      z.offsetMsAt(day * 86_400_000);
    }
    expect(z.offsetMsAt(summer)).toBe(7_200_000);
    expect(z.offsetMsAt(Date.UTC(2026, 0, 1))).toBe(3_600_000);
  });
});
