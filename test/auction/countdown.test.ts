import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  Countdown,
  COUNTDOWN_STEPS,
  followBook,
  STEP_LATENESS_MAX_MS,
} from '../../src/auction/countdown.ts';
import { itemIdOf } from '../../src/auction/ids.ts';
import { translate } from '../../src/auction/translate.ts';
import { bookWith, itemDelete, itemUpdate, LEADER_SCHEMA, transactionOf } from './builders.ts';

const ONE = itemIdOf(1);

/** Steps told between two instants, asking when the countdown itself says something is due. */
function run(countdown: Countdown, untilMs: number): [item: string, seconds: number, at: number][] {
  const told: [string, number, number][] = [];
  for (;;) {
    const at = countdown.nextAtMs();
    if (at === null || at > untilMs) {
      return told;
    }
    for (const { itemId, secondsRemaining } of countdown.due(at)) {
      told.push([itemId, secondsRemaining, at]);
    }
  }
}

describe('Countdown', () => {
  test('the steps of PROTOCOL: 300 s, every 30 s, then 10, 5, 4, 3, 2, 1, 0', () => {
    const countdown = new Countdown();
    countdown.arm(ONE, 1_000_000, 0);
    expect(run(countdown, 2_000_000)).toEqual(
      [300, 270, 240, 210, 180, 150, 120, 90, 60, 30, 10, 5, 4, 3, 2, 1, 0].map((seconds) => [
        '1',
        seconds,
        1_000_000 - seconds * 1000,
      ]),
    );
    expect([countdown.size, countdown.nextAtMs()]).toEqual([0, null]);
  });

  test('an event says what it is of', () => {
    const countdown = new Countdown();
    countdown.arm(ONE, 1_770_000_010_000, 1_770_000_000_000);
    expect(countdown.due(1_770_000_000_000)).toEqual([
      {
        type: 'EndingAnnounced',
        eventId: `~1.${(1_770_000_010).toString(36)}.a`,
        itemId: '1',
        secondsRemaining: 10,
        endTimeMs: 1_770_000_010_000,
      },
    ]);
  });

  test('armed late: from the next step, one just due included', () => {
    const countdown = new Countdown();
    countdown.arm(ONE, 1_000_000, 953_000);
    expect(countdown.due(953_000)).toEqual([]);
    expect(run(countdown, 990_000).map(([, seconds]) => seconds)).toEqual([30, 10]);
    countdown.arm(itemIdOf(2), 1_110_000, 990_000);
    expect(countdown.due(990_000)).toMatchObject([{ itemId: '2', secondsRemaining: 120 }]);
  });

  test.each([1_000_000, 1_000_001])('armed at or after the end (%i): nothing', (nowMs) => {
    const countdown = new Countdown();
    countdown.arm(ONE, 1_000_000, nowMs);
    expect([countdown.size, countdown.due(nowMs + 5)]).toEqual([0, []]);
  });

  test('asked late: only the newest step passed', () => {
    const countdown = new Countdown();
    countdown.arm(ONE, 1_000_000, 0);
    expect(countdown.due(997_500)).toMatchObject([{ secondsRemaining: 3 }]);
    expect(countdown.nextAtMs()).toBe(998_000);
  });

  test('a step that is no longer true is not told', () => {
    const countdown = new Countdown();
    countdown.arm(ONE, 1_000_000, 0);
    expect(countdown.due(960_000 - 20_000 + STEP_LATENESS_MAX_MS)).toMatchObject([
      { secondsRemaining: 60 },
    ]);
    expect(countdown.due(970_000 + STEP_LATENESS_MAX_MS + 1)).toEqual([]);
    expect(countdown.due(1_000_000 + STEP_LATENESS_MAX_MS + 1)).toEqual([]);
    expect(countdown.size).toBe(0);
  });

  test('the end moves later: steps come again; earlier: those that fit', () => {
    const countdown = new Countdown();
    countdown.arm(ONE, 1_000_000, 0);
    run(countdown, 985_000);
    countdown.arm(ONE, 1_105_000, 985_000);
    expect(run(countdown, 1_050_000).map(([, seconds]) => seconds)).toEqual([120, 90, 60]);
    countdown.arm(ONE, 1_054_500, 1_050_000);
    expect(run(countdown, 2_000_000).map(([, seconds]) => seconds)).toEqual([4, 3, 2, 1, 0]);
  });

  test('the same end again repeats nothing', () => {
    const countdown = new Countdown();
    countdown.arm(ONE, 1_000_000, 0);
    run(countdown, 970_000);
    countdown.arm(ONE, 1_000_000, 970_000);
    expect(countdown.due(970_000)).toEqual([]);
    expect(countdown.nextAtMs()).toBe(990_000);
  });

  test('disarmed: silence', () => {
    const countdown = new Countdown();
    countdown.arm(ONE, 1_000_000, 0);
    countdown.disarm(ONE);
    countdown.disarm(ONE);
    expect([countdown.nextAtMs(), countdown.due(999_999)]).toEqual([null, []]);
  });

  test('[law] in simulated time each step still to come is told once, at its time', () => {
    const commands = fc.array(
      fc.record({
        item: fc.nat(5),
        wait: fc.nat(200_000),
        end: fc.option(fc.integer({ min: 0, max: 1_500 }), { nil: null }),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(commands, (script) => {
        const countdown = new Countdown();
        const model = new Map<number, { end: number; armedAt: number }>();
        let now = 0;
        const told: string[] = [];
        const expected: string[] = [];
        for (const { item, wait, end } of [...script, { item: 0, wait: 9_999_999, end: null }]) {
          const until = now + wait;
          for (const [id, { end: at, armedAt }] of model) {
            for (const seconds of COUNTDOWN_STEPS) {
              const due = at - seconds * 1000;
              // What is due at this very instant was told when the instant began, unless it was armed just then.
              if (due <= until && (due > now || (due === now && armedAt === now))) {
                expected.push(`${due} ${id} ${seconds}`);
              }
            }
          }
          told.push(...run(countdown, until).map(([id, seconds, at]) => `${at} ${id} ${seconds}`));
          now = until;
          const previous = model.get(item);
          if (end === null || end * 1000 <= now) {
            countdown.disarm(itemIdOf(item));
            model.delete(item);
          } else {
            countdown.arm(itemIdOf(item), end * 1000, now);
            if (previous?.end !== end * 1000) {
              model.set(item, { end: end * 1000, armedAt: now });
            }
          }
        }
        expect(told.toSorted()).toEqual(expected.toSorted());
      }),
      { numRuns: 300 },
    );
  });

  test('[law] the next instant is that of the earliest end, through any arming and disarming', () => {
    const step = fc.tuple(
      fc.nat(50),
      fc.option(fc.integer({ min: 400, max: 9_999 }), { nil: null }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const countdown = new Countdown();
        const ends = new Map<number, number>();
        for (const [item, end] of steps) {
          if (end === null) {
            countdown.disarm(itemIdOf(item));
            ends.delete(item);
          } else {
            countdown.arm(itemIdOf(item), end * 1000, 0);
            ends.set(item, end * 1000);
          }
          const earliest = Math.min(...ends.values());
          expect(countdown.size).toBe(ends.size);
          expect(countdown.nextAtMs()).toBe(ends.size === 0 ? null : earliest - 300_000);
        }
      }),
    );
  });

  test('disarming one leaves the others in order, wherever the last of them is put', () => {
    for (const disarmed of [110, 120, 3, 4, 100, 2]) {
      const countdown = new Countdown();
      const minutes = [1, 100, 2, 110, 120, 3, 4]; // in heap order as they stand
      for (const minute of minutes) {
        countdown.arm(itemIdOf(minute), 1_000_000 + minute * 60_000, 0);
      }
      countdown.disarm(itemIdOf(disarmed));
      const first = run(countdown, 99_000_000).filter(([, seconds]) => seconds === 300);
      const expected = minutes.filter((minute) => minute !== disarmed).toSorted((x, y) => x - y);
      expect(first.map(([item, , at]) => [item, at])).toEqual(
        expected.map((minute) => [String(minute), 700_000 + minute * 60_000]),
      );
    }
  });

  test('many auctions: places grow, are used again, and all are told', () => {
    const countdown = new Countdown();
    for (let round = 0; round < 2; round += 1) {
      const end = (round + 1) * 1_000_000;
      for (let item = 0; item < 5_000; item += 1) {
        countdown.arm(itemIdOf(item), end + item, round * 1_000_000 + 10_000);
      }
      expect(countdown.size).toBe(5_000);
      expect(run(countdown, end + 10_000)).toHaveLength(5_000 * COUNTDOWN_STEPS.length);
      expect(countdown.size).toBe(0);
    }
  });
});

describe('followBook', () => {
  test('arms, moves and disarms as the book changes', () => {
    const book = bookWith(LEADER_SCHEMA);
    const countdown = new Countdown();
    const apply = (before: object, after: object): number | null => {
      translate(book, transactionOf('0-1-5', itemUpdate(1, before, after)));
      followBook(countdown, book, 0);
      return countdown.nextAtMs();
    };
    expect(apply({ status: 'upcoming' }, { status: 'active', endTimeMs: 1_000_000 })).toBe(700_000);
    expect(apply({}, { endTimeMs: 2_000_000 })).toBe(1_700_000);
    expect(apply({}, { endTimeMs: null })).toBeNull();
    expect(apply({}, { endTimeMs: 900_000 })).toBe(600_000);
    expect(apply({}, { status: 'sold' })).toBeNull();
    expect(apply({}, { status: 'active' })).toBe(600_000);
    translate(book, transactionOf('0-1-6', itemDelete(1, {})));
    followBook(countdown, book, 0);
    expect(countdown.nextAtMs()).toBeNull();
  });
});
