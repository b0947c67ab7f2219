/** The judge itself: it must see each kind of fault, or a green table means nothing. */
import { describe, expect, test } from 'vitest';
import { judge } from './judge.ts';
import type { Verdict } from './judge.ts';
import { Ledger } from './ledger.ts';
import type { Told } from './subscriber.ts';

const ITEM = 1;
const CLEAN = { declared: 0, lost: 0, repeated: 0, invented: 0 };

function ledgerOf(...bidIds: readonly number[]): Ledger {
  const ledger = new Ledger();
  ledger.addItem(ITEM);
  for (const bidId of bidIds) {
    ledger.note(ITEM, { kind: 'bid', bidId, amount: `${bidId}.00`, state: 'committed' });
  }
  return ledger;
}

const bid = (bidId: number, changes: Partial<Extract<Told, { kind: 'bid' }>> = {}): Told => ({
  kind: 'bid',
  bidId,
  amount: `${bidId}.00`,
  bidCount: bidId,
  eventId: `e${bidId}`,
  ...changes,
});
const state = (
  reason: Extract<Told, { kind: 'state' }>['reason'],
  bidCount: number,
  isActive = true,
): Told => ({ kind: 'state', reason, bidCount, isActive });

function verdict(epochs: Ledger | readonly Ledger[], ...told: readonly Told[]): Verdict {
  const all = epochs instanceof Ledger ? [epochs] : epochs;
  return judge({ epochs: all, itemIds: [ITEM], told: () => told });
}

describe('the judge', () => {
  test('is satisfied by everything in order', () => {
    const ledger = ledgerOf(1, 2);
    ledger.note(ITEM, { kind: 'ended', state: 'committed' });
    const told = [state('first', 0), bid(1), bid(2), { kind: 'ended', eventId: 'x' } as const];
    expect(verdict(ledger, ...told)).toMatchObject({ ...CLEAN, delivered: 3 });
  });

  test('sees what is missing in the middle and at the end', () => {
    expect(verdict(ledgerOf(1, 2, 3), bid(1), bid(3))).toMatchObject({ delivered: 2, lost: 1 });
    expect(verdict(ledgerOf(1, 2, 3), bid(1))).toMatchObject({ delivered: 1, lost: 2 });
    const ledger = ledgerOf(1);
    ledger.note(ITEM, { kind: 'ended', state: 'committed' });
    expect(verdict(ledger, bid(1))).toMatchObject({ lost: 1 });
  });

  test('sees the wrong order, other digits, other counts and what was rolled back', () => {
    expect(verdict(ledgerOf(1, 2), bid(2), bid(1))).toMatchObject({ lost: 1, invented: 1 });
    expect(verdict(ledgerOf(1), bid(1, { amount: '1.0' }))).toMatchObject({ lost: 1, invented: 1 });
    expect(verdict(ledgerOf(1), bid(1, { bidCount: 2 }))).toMatchObject({ lost: 0, invented: 1 });
    const ledger = ledgerOf(1);
    ledger.note(ITEM, { kind: 'bid', bidId: 2, amount: '2.00', state: 'undone' });
    expect(verdict(ledger, bid(1), bid(2))).toMatchObject({ delivered: 1, lost: 0, invented: 1 });
  });

  test('allows a repeat only under the same event id', () => {
    expect(verdict(ledgerOf(1), bid(1), bid(1))).toMatchObject({ ...CLEAN, repeated: 1 });
    expect(verdict(ledgerOf(1), bid(1), bid(1, { eventId: 'f' }))).toMatchObject({ invented: 1 });
  });

  test('lets a declared state stand for what was missed, and only that', () => {
    const ledger = ledgerOf(1, 2, 3, 4);
    const told = [bid(1), state('reset', 3), bid(4)];
    expect(verdict(ledger, ...told)).toMatchObject({ ...CLEAN, delivered: 2, declared: 2 });
    expect(verdict(ledger, bid(1), state('reset', 2), bid(4))).toMatchObject({ lost: 1 });
    expect(verdict(ledger, bid(1), state('replayed', 3), bid(4))).toMatchObject({ lost: 2 });
    expect(verdict(ledgerOf(1), bid(1), state('reset', 7))).toMatchObject({ invented: 1 });
  });

  test('begins a new epoch at a reset, and misses the reset that did not come', () => {
    const epochs = [ledgerOf(1, 2, 3), ledgerOf(1, 4)];
    const after = bid(4, { bidCount: 2 });
    const told = [bid(1), bid(2), state('reset', 1), after];
    expect(verdict(epochs, ...told)).toMatchObject({ lost: 0, invented: 0 });
    expect(verdict(epochs, bid(1), bid(2), bid(3), after)).toMatchObject({ lost: 1, invented: 1 });
  });
});
