import { expect, test } from 'vitest';
import { BidSequence } from '../../src/commands/bid-sequence.ts';

const FINE = { missed: 0, isRepeated: false };

test('bids that follow one another are as they should be, items each for itself', () => {
  const sequence = new BidSequence();
  expect(sequence.subscribed('1', 4, false)).toBe(0);
  expect(sequence.subscribed('2', 0, false)).toBe(0);
  expect(sequence.bidTold('1', 5, 0)).toEqual(FINE);
  expect(sequence.bidTold('2', 1, 0)).toEqual(FINE);
  expect(sequence.bidTold('1', 6, 0)).toEqual(FINE);
});

test('a number left out is a bid missed, unless the message stands for it', () => {
  const sequence = new BidSequence();
  sequence.subscribed('1', 0, false);
  expect(sequence.bidTold('1', 3, 0)).toEqual({ missed: 2, isRepeated: false });
  expect(sequence.bidTold('1', 6, 2)).toEqual(FINE);
});

test('a number told again is a repetition', () => {
  const sequence = new BidSequence();
  sequence.subscribed('1', 0, false);
  sequence.bidTold('1', 1, 0);
  expect(sequence.bidTold('1', 1, 0)).toEqual({ missed: 0, isRepeated: true });
});

test('after a recovery what was missed is awaited one by one; without one it is counted as not recovered', () => {
  const sequence = new BidSequence();
  sequence.subscribed('1', 0, false);
  sequence.bidTold('1', 1, 0);
  expect(sequence.subscribed('1', 3, true)).toBe(0);
  expect(sequence.bidTold('1', 2, 0)).toEqual(FINE);
  expect(sequence.bidTold('1', 4, 0)).toEqual({ missed: 1, isRepeated: false });
  expect(sequence.subscribed('1', 9, false)).toBe(5);
  expect(sequence.bidTold('1', 10, 0)).toEqual(FINE);
});

test('bids taken back lower the count, and are no repetition', () => {
  const sequence = new BidSequence();
  sequence.subscribed('1', 5, false);
  sequence.bidRetracted('1');
  sequence.bidRetracted('9');
  expect(sequence.bidTold('1', 5, 0)).toEqual(FINE);
  // Legacy clients are not told.
  expect(sequence.bidTold('1', 3, 0)).toEqual(FINE);
});

test('after a changed source nothing is compared with what was before', () => {
  const sequence = new BidSequence();
  sequence.subscribed('1', 5, false);
  sequence.clear();
  expect(sequence.subscribed('1', 9, false)).toBe(0);
});
