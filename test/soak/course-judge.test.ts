/** The judge of the soak sees what it is there to see. */
import { describe, expect, test } from 'vitest';
import { judgeByName, judgeItem, type Told, type ToldByName } from './course-judge.ts';
import { CourseLog, outbidKey, type Place } from './courses.ts';

const BEFORE: Place = { bidCount: 3, status: 'active', endTime: '2026-02-01T10:00:00.000Z' };

/** Two bids, an extension, a third bid, the end. */
function course() {
  const log = new CourseLog(7, BEFORE);
  log.bid({ bidId: 11, amount: 12.5, bidderId: 1 });
  log.bid({ bidId: 12, amount: 13, bidderId: 2 });
  log.extended('2026-02-01T10:05:00.000Z');
  log.bid({ bidId: 13, amount: 14, bidderId: 1 });
  log.ended('sold', { finalPrice: 14, winnerId: 1 });
  return log.course;
}

const { steps } = course();
const state = (place: Place, isReset = false): Told => ({ kind: 'state', place, isReset });
const first = state(BEFORE);
const event = (at: number, skipped = 0): Told => {
  return { kind: 'event', key: steps[at]?.key ?? '', skipped };
};
const all = [0, 1, 2, 3, 4].map((at) => event(at));
const after = (at: number): Place => steps[at]?.after ?? BEFORE;
const good = { lost: 0, repeated: 0, invented: 0 };

describe('an item', () => {
  test.each([
    ['everything once, in order', [first, ...all], { ...good, delivered: 5 }],
    [
      'who comes later begins with the state',
      [state(after(1)), ...all.slice(2)],
      { ...good, delivered: 3 },
    ],
    ['nothing at all', [], { lost: 5 }],
    ['one is missing', [first, ...all.toSpliced(1, 1)], { lost: 1, delivered: 4 }],
    ['the end is missing', [first, ...all.slice(0, 4)], { lost: 1, delivered: 4 }],
    ['one comes twice', [first, event(0), ...all], { repeated: 1, lost: 0, delivered: 5 }],
    ['two change places', [first, event(1), event(0), ...all.slice(2)], { lost: 1, repeated: 1 }],
    [
      'an update that stands for another',
      [first, event(1, 1), ...all.slice(2)],
      { ...good, conflated: 1, delivered: 4 },
    ],
    ['an update that stands for too many', [first, event(1, 2), ...all.slice(2)], { lost: 1 }],
    [
      'a reset holds what was missed',
      [first, event(0), state(after(3), true), event(4)],
      { ...good, resets: 1, inState: 3, delivered: 2 },
    ],
    [
      'a reset to an older state, and all again',
      [first, ...all.slice(0, 3), state(after(0), true), ...all.slice(1)],
      { ...good, resets: 1, inState: 0 },
    ],
    [
      'a reset to an older state, and not all again',
      [first, ...all.slice(0, 3), state(after(0), true), ...all.slice(3)],
      { lost: 2, resets: 1 },
    ],
    ['a state without a word', [first, event(0), state(after(3)), event(4)], { lost: 3 }],
    ['a state that never was', [state({ ...BEFORE, bidCount: 9 }), ...all], { invented: 6 }],
    [
      'an event of nobody',
      [first, { kind: 'event', key: 'bid 99', skipped: 0 }, ...all],
      { invented: 1, delivered: 5 },
    ],
  ] as const)('%s', (_, told, expected) => {
    expect(judgeItem(course(), told)).toMatchObject(expected);
  });
});

describe('by name', () => {
  const expected = [20, 30, 40].flatMap((price) =>
    [1, 2].map((itemId) => ({ itemId, key: outbidKey(price + itemId, price) })),
  );
  const told: ToldByName[] = expected.map((step) => ({ kind: 'event', ...step }));

  test.each([
    ['everything once', told, { ...good, delivered: 6, resets: 0 }],
    ['one is missing', told.toSpliced(2, 1), { lost: 1, delivered: 5 }],
    ['one comes twice', [...told, ...told.slice(0, 1)], { repeated: 1, delivered: 6 }],
    [
      'a standing holds what was missed',
      [...told.slice(0, 2), { kind: 'standing' }, ...told.slice(4)],
      { ...good, inState: 2, resets: 1 },
    ],
    [
      'what is missing after it is lost',
      [{ kind: 'standing' }, ...told.slice(0, 2), ...told.slice(4)],
      { lost: 2 },
    ],
    ['an event of nobody', [{ kind: 'event', itemId: 9, key: 'outbid' }, ...told], { invented: 1 }],
  ] as const)('%s', (_, list, verdict) => {
    expect(judgeByName(expected, list)).toMatchObject(verdict);
  });
});
