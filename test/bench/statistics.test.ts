/** What a benchmark with hiccups around it can still tell. */
import { expect, test } from 'vitest';
import { smoothed, type Window } from '../../bench/statistics.ts';

const ROUNDS = 12;

const calm = (): Window => ({ p99: 3, samples: 1_000 });

/** Rounds of one part of 15 windows, or of two where something happens after so many of them. */
function roundsOf(partAt: (round: number) => number, after: Window): Window[][][] {
  return Array.from({ length: ROUNDS }, (_, round) => {
    const first = Array.from({ length: partAt(round) }, calm);
    const second = Array.from({ length: 14 - partAt(round) }, calm);
    return [first, [after, ...second]];
  });
}

test('what happens in each round is seen, whenever it happens', () => {
  const rounds = roundsOf((round) => 11 + (round % 3), { p99: 23, samples: 1_000 });
  expect(smoothed(rounds)).toBeGreaterThan(3 * 1.1);
});

test('what happens in few rounds, or in one window of some, is not', () => {
  const rounds = roundsOf(() => 11, calm()).map((parts, round) => {
    const [first = [], ...others] = parts;
    return [first.with(round % 11, { p99: 400, samples: 1_000 }), ...others];
  });
  expect(smoothed(rounds)).toBe(3);
});

test('a window counts by its samples, and one that most rounds lack not at all', () => {
  const rounds = Array.from({ length: ROUNDS }, (_, round) => [
    [
      { p99: 2, samples: 300 },
      { p99: 6, samples: 100 },
    ],
    round < 5 ? [{ p99: 100, samples: 100 }] : [],
  ]);
  expect(smoothed(rounds)).toBe(3);
});

test('of nothing there is no p99', () => {
  expect(smoothed([])).toBeNaN();
  expect(smoothed([[[{ p99: Number.NaN, samples: 0 }]]])).toBeNaN();
});
