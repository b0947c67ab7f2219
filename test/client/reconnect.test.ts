import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  afterClose,
  BACKOFF_MAX_MS,
  BACKOFF_MIN_MS,
  backoffMs,
  nextState,
  type Signal,
  type State,
} from '../../client/reconnect.ts';
import { CLOSE_CODES, closeReaction } from '../../src/protocol/close-code.ts';

const STATES: readonly State[] = [
  'connecting',
  'live',
  'degraded',
  'reconnecting',
  'offline',
  'stopped',
];
const SIGNALS: readonly Signal[] = [
  'opened',
  'lost',
  'refused',
  'due',
  'sleep',
  'wake',
  'behind',
  'caughtUp',
  'close',
];

/** Every move; what is not here changes nothing. */
const MOVES: readonly (readonly [State, Signal, State])[] = [
  ['connecting', 'opened', 'live'],
  ['connecting', 'lost', 'reconnecting'],
  ['connecting', 'refused', 'stopped'],
  ['connecting', 'sleep', 'offline'],
  ['live', 'lost', 'reconnecting'],
  ['live', 'refused', 'stopped'],
  ['live', 'sleep', 'offline'],
  ['live', 'behind', 'degraded'],
  ['degraded', 'lost', 'reconnecting'],
  ['degraded', 'refused', 'stopped'],
  ['degraded', 'sleep', 'offline'],
  ['degraded', 'caughtUp', 'live'],
  ['reconnecting', 'due', 'connecting'],
  ['reconnecting', 'wake', 'connecting'],
  ['reconnecting', 'sleep', 'offline'],
  ['offline', 'wake', 'connecting'],
];

describe('the state machine', () => {
  test('has these moves and no others; close stops from anywhere', () => {
    for (const state of STATES) {
      for (const signal of SIGNALS) {
        const move = MOVES.find(([from, by]) => from === state && by === signal);
        const expected = signal === 'close' ? 'stopped' : (move?.[2] ?? state);
        expect([state, signal, nextState(state, signal)]).toEqual([state, signal, expected]);
      }
    }
  });
});

describe('close codes', () => {
  test('every code the server can send has the reaction of its table', () => {
    for (let code = 1000; code <= 4999; code += 1) {
      const reaction = closeReaction(code);
      const { stop, newToken, dropState, waitMs } = afterClose(code);
      expect([code, stop]).toEqual([code, reaction === 'stop']);
      expect([code, newToken]).toEqual([code, reaction === 'reconnect_new_token']);
      expect([code, dropState]).toEqual([code, reaction === 'reconnect_drop_state']);
      expect([code, waitMs > 0]).toEqual([code, reaction === 'reconnect_later']);
    }
    expect(Object.keys(CLOSE_CODES)).toContain('4503');
  });
});

describe('backoff', () => {
  test('always lies between half a second and twenty, and reaches both ends', () => {
    fc.assert(
      fc.property(
        fc.nat(5_000),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (failures, random) => {
          const waitMs = backoffMs(failures, random);
          expect(waitMs).toBeGreaterThanOrEqual(BACKOFF_MIN_MS);
          expect(waitMs).toBeLessThan(BACKOFF_MAX_MS);
        },
      ),
    );
    expect([BACKOFF_MIN_MS, BACKOFF_MAX_MS]).toEqual([500, 20_000]);
    expect(backoffMs(0, 0)).toBe(500);
    expect(backoffMs(30, 0)).toBe(500);
    expect(backoffMs(30, 1)).toBe(20_000);
  });

  test('doubles its ceiling with each failure', () => {
    const ceilings = [0, 1, 2, 3, 4, 5, 6].map((failures) => backoffMs(failures, 1));
    expect(ceilings).toEqual([1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]);
  });
});
