/** Auctions past their end that nobody completes: told once, from the few that are past their end alone. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Countdown } from '../../src/auction/countdown.ts';
import { itemIdOf, type ItemId } from '../../src/auction/ids.ts';
import { OverdueAuctions, type OverdueReport } from '../../src/auction/overdue.ts';

const AFTER_MS = 180_000;
const [A, B, C] = [itemIdOf('1'), itemIdOf('2'), itemIdOf('3')];

/** Without pauses. */
function check(
  overdue: OverdueAuctions,
  past: ReadonlyMap<ItemId, number>,
  nowMs: number,
): OverdueReport {
  const checking = overdue.check(past, nowMs);
  let step = checking.next();
  while (step.done !== true) step = checking.next();
  return step.value;
}

describe('overdue auctions', () => {
  test('are told once, and counted as long as they are', () => {
    const overdue = new OverdueAuctions(AFTER_MS);
    const past = new Map([
      [B, 2_000],
      [A, 1_000],
    ]);
    expect(check(overdue, past, 1_000 + AFTER_MS - 1)).toEqual({ found: 0, shown: [], total: 0 });
    expect(check(overdue, past, 1_000 + AFTER_MS)).toEqual({
      found: 1,
      shown: [A],
      total: 1,
    });
    past.set(C, 1_500);
    expect(check(overdue, past, 2_000 + AFTER_MS)).toEqual({
      found: 2,
      shown: [B, C],
      total: 3,
    });
    past.delete(A);
    expect(check(overdue, past, 1e9)).toEqual({ found: 0, shown: [], total: 2 });
  });

  test('are told again when their end was moved and passed once more', () => {
    const overdue = new OverdueAuctions(AFTER_MS);
    expect(check(overdue, new Map([[A, 0]]), AFTER_MS).found).toBe(1);
    expect(check(overdue, new Map([[A, 50]]), AFTER_MS).total).toBe(0);
    expect(check(overdue, new Map([[A, 50]]), AFTER_MS + 50).found).toBe(1);
  });
});

test('a hundred thousand overdue auctions are looked at in pieces, some leaving and some coming back meanwhile', () => {
  const past = new Map(Array.from({ length: 100_000 }, (_, at) => [itemIdOf(`${at + 1}`), at]));
  const overdue = new OverdueAuctions(AFTER_MS);
  const checking = overdue.check(past, 1e9);
  let pauses = 0;
  let left = 0;
  let step = checking.next();
  while (step.done !== true) {
    pauses += 1;
    // Of those that were looked at one leaves, and one leaves and comes back; of the others the next leaves.
    past.delete(itemIdOf(`${pauses}`));
    if (pauses <= 48) {
      past.delete(itemIdOf(`${(100_000 % 2_048) + 2_048 * (pauses - 1) + left + 1}`));
      left += 1;
    }
    const back = itemIdOf(`${1_000 + pauses}`);
    past.delete(back);
    past.set(back, 999 + pauses);
    step = checking.next();
  }
  expect(pauses).toBeGreaterThanOrEqual(48);
  expect(step.value.shown).toHaveLength(20);
  // What has left in the meantime is known to the next check.
  const next = check(overdue, past, 1e9);
  expect(next.total).toBe(past.size);
  expect(step.value.found + next.found).toBe(100_000 - left);
});

describe('the countdown knows who is past the end', () => {
  test('whoever is followed to the end, or is past it when first seen, until disarmed or moved', () => {
    const countdown = new Countdown();
    countdown.arm(A, 10_000, 0);
    countdown.arm(B, 5_000, 6_000);
    expect([...countdown.past]).toEqual([[B, 5_000]]);
    countdown.due(10_000);
    expect([...countdown.past]).toEqual([
      [B, 5_000],
      [A, 10_000],
    ]);
    countdown.arm(B, 60_000, 10_000);
    expect([...countdown.past]).toEqual([[A, 10_000]]);
    countdown.disarm(A);
    expect([...countdown.past]).toEqual([]);
  });

  test('law: after any calls, past and armed are exactly the auctions not disarmed', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('arm' as const), id: fc.nat(5), end: fc.nat(1_000) }),
      fc.record({ do: fc.constant('disarm' as const), id: fc.nat(5), end: fc.constant(0) }),
      fc.record({ do: fc.constant('tick' as const), id: fc.constant(0), end: fc.nat(400) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const countdown = new Countdown();
        const ends = new Map<string, number>();
        let nowMs = 0;
        for (const { do: what, id, end } of steps) {
          const itemId = itemIdOf(id.toString());
          if (what === 'arm') {
            countdown.arm(itemId, end * 1000, nowMs);
            ends.set(itemId, end * 1000);
          } else if (what === 'disarm') {
            countdown.disarm(itemId);
            ends.delete(itemId);
          } else {
            nowMs += end * 1000;
            countdown.due(nowMs);
          }
        }
        countdown.due(nowMs);
        const past = [...ends].filter(([, end]) => end <= nowMs);
        expect(new Map(countdown.past)).toEqual(new Map(past));
        expect(countdown.size).toBe(ends.size - past.length);
      }),
    );
  });
});
