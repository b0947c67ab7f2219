/** What follows from a failure, zones and positions: the pure decisions of the feed. */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { ERRORS } from '../../src/errors.ts';
import type { ErrorCode } from '../../src/errors.ts';
import {
  BACKOFF_MAX_MS,
  backoffMs,
  nextAttempt,
  recoveryOf,
  retryLogLevel,
} from '../../cdc/reconnect.ts';
import type { Recovery } from '../../cdc/reconnect.ts';
import { derivedServerId, freeServerId, isTaken } from '../../cdc/source/server-id.ts';
import { mariadbFault } from '../../cdc/source/source-status.ts';
import { resolveZone } from '../../cdc/source/source-zone.ts';

describe('recovery', () => {
  const EXPECTED: Readonly<Record<ErrorCode, Recovery>> = {
    CONFIG_INVALID: 'halt',
    MAPPING_INVALID: 'halt',
    SOURCE_UNSUITABLE: 'halt',
    PORT_UNAVAILABLE: 'halt',
    SOURCE_UNREACHABLE: 'resume',
    SOURCE_DISCONNECTED: 'resume',
    SOURCE_SILENT: 'resume',
    EVENT_DAMAGED: 'resume',
    SOURCE_ACCESS_DENIED: 'resume',
    SERVER_ID_CONFLICT: 'resume',
    BINLOG_POSITION_LOST: 'reload',
    BINLOG_DAMAGED: 'reload',
    ROW_UNDECODABLE: 'halt',
    SCHEMA_CHANGED: 'halt',
  };
  const codes = Object.keys(ERRORS) as ErrorCode[];
  test.each(codes)('%s', (code) => {
    expect(recoveryOf(code, 'resync')).toBe(EXPECTED[code]);
    expect(recoveryOf(code, 'halt')).toBe(EXPECTED[code] === 'reload' ? 'halt' : EXPECTED[code]);
  });

  test('backoff is full jitter within a limit that doubles up to its bound', () => {
    expect(backoffMs(1, 0)).toBe(0);
    expect(backoffMs(1, 0.999_999)).toBe(200);
    expect(backoffMs(3, 0.5)).toBe(400);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempt, random) => {
          const ms = backoffMs(attempt, random);
          return ms >= 0 && ms <= BACKOFF_MAX_MS;
        },
      ),
    );
  });

  test('only a connection that lived, and not by eviction, starts the count anew', () => {
    const at = { attempt: 7, livedMs: 60_000 };
    expect(nextAttempt({ ...at, code: 'SOURCE_DISCONNECTED' })).toBe(1);
    expect(nextAttempt({ ...at, livedMs: 100, code: 'SOURCE_DISCONNECTED' })).toBe(8);
    expect(nextAttempt({ ...at, code: 'SERVER_ID_CONFLICT' })).toBe(8);
    expect(nextAttempt({ ...at, livedMs: 0, code: 'BINLOG_POSITION_LOST' })).toBe(1);
  });

  test('retries grow louder', () => {
    expect([1, 2, 3, 6, 7, 100].map(retryLogLevel)).toEqual([
      'info',
      'info',
      'warn',
      'warn',
      'error',
      'error',
    ]);
  });
});

describe('server ids', () => {
  test('derived ids lie in the upper half of 32 bits', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const id = derivedServerId(text);
        return (
          Number.isInteger(id) && id >= 2 ** 31 && id < 2 ** 32 && id === derivedServerId(text)
        );
      }),
    );
  });

  test('a taken id is not given out', () => {
    const first = freeServerId({ own: 1, replicas: null }, 'salt');
    const known = { own: 1, replicas: new Set([first]) };
    expect(isTaken(known, first)).toBe(true);
    expect(isTaken(known, 1)).toBe(true);
    expect(freeServerId(known, 'salt')).not.toBe(first);
  });
});

describe('MariaDB positions', () => {
  test.each([
    ['0-1-5', '0-1-5', null],
    ['0-1-7,0-2-9', '0-1-7', null],
    ['0-1-5,0-2-9', '0-1-7', 'domain 0 we have seen 7, of which the server has only 5'],
    ['0-2-9', '0-1-7', 'domain 0 we have seen 7, of which the server has nothing'],
    ['0-1-5', '0-1-6', 'domain 0 we have seen 6, of which the server has only 5'],
    ['0-1-5', '0-1-5,3-1-2', 'domain 3 we have seen 2, of which the server has nothing'],
    ['', '0-1-1', 'domain 0'],
    ['0-1-5', '', null],
  ])('state %s, saved %s', (state, saved, fault) => {
    if (fault === null) expect(mariadbFault(state, saved)).toBeNull();
    else expect(mariadbFault(state, saved)).toContain(fault);
  });
});

describe('zones', () => {
  const facts = { configured: null, global: 'SYSTEM', system: 'UTC', offsetSeconds: 0 };
  const JULY = Date.UTC(2026, 6, 1);

  test.each([
    ['configured', { ...facts, configured: 'Europe/Berlin' }, 7_200_000],
    ['global name', { ...facts, global: 'America/New_York' }, -14_400_000],
    ['global offset', { ...facts, global: '+05:30' }, 19_800_000],
    ['system UTC', facts, 0],
    ['system GMT', { ...facts, system: 'GMT' }, 0],
    [
      'system name with rules',
      { ...facts, system: 'Europe/Berlin', offsetSeconds: 3_600 },
      7_200_000,
    ],
  ])('%s', (_name, given, offsetMs) => {
    const result = resolveZone(given);
    expect(result.ok && result.zone.offsetMsAt(JULY)).toBe(offsetMs);
    expect(result.ok && result.warning).toBeNull();
  });

  test.each([
    ['CEST', 7_200, 7_200_000],
    ['EST', -18_000, -18_000_000],
    ['-03', -12_600, -12_600_000],
  ])('an abbreviation (%s) is measured, with a warning', (system, offsetSeconds, offsetMs) => {
    const result = resolveZone({ ...facts, system, offsetSeconds });
    expect(result.ok && result.zone.offsetMsAt(JULY)).toBe(offsetMs);
    expect(result.ok && result.warning).toContain(system);
  });

  test('what is no zone is refused', () => {
    expect(resolveZone({ ...facts, configured: 'Berlin' })).toMatchObject({ ok: false });
  });
});
