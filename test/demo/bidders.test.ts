import { describe, expect, test } from 'vitest';

import type { OpenAuction } from '../../demo/auction-house.ts';
import { isWanted } from '../../demo/bidders.ts';
import { LOTS } from '../../demo/catalogue.ts';
import { openingPlan } from '../../demo/opening-plan.ts';
import { DRAWINGS } from '../../demo/page/drawings.ts';

const AUCTION: OpenAuction = {
  itemId: 1,
  price: 300,
  leader: null,
  openedAtMs: 0,
  quietUntilMs: 0,
  coolsAtMs: 100_000,
  endsAtMs: 110_000,
  estimate: 1000,
};

describe('simulated bidders', () => {
  test('raise a price that lags behind the auction’s time, and no other', () => {
    expect(isWanted(AUCTION, 50_000)).toBe(true);
    expect(isWanted({ ...AUCTION, price: 900 }, 50_000)).toBe(false);
  });

  test('lose interest near the end, so that the soft close lets it end', () => {
    expect(isWanted(AUCTION, 100_000)).toBe(false);
  });
});

test('an auction to be sniped is left alone until its last seconds', () => {
  const sniped = { ...AUCTION, quietUntilMs: 95_000 };
  expect([isWanted(sniped, 94_000), isWanted(sniped, 96_000)]).toEqual([false, true]);
});

describe('the first auctions', () => {
  const now = 1_700_000_000_000;
  const plans = Array.from({ length: 12 }, (_, stage) => openingPlan(stage, now));

  test('show an ending and an extension within the first minute', () => {
    const quiet = plans.filter(
      ({ coolsAtMs, endsAtMs }) => coolsAtMs < now && endsAtMs < now + 60_000,
    );
    const sniped = plans.filter(
      ({ quietUntilMs, coolsAtMs, endsAtMs }) =>
        quietUntilMs > now &&
        quietUntilMs < coolsAtMs &&
        coolsAtMs < endsAtMs &&
        endsAtMs < now + 60_000,
    );
    expect([quiet.length > 0, sniped.length > 0]).toEqual([true, true]);
  });

  test('every lot has its drawing', () => {
    expect(LOTS.filter(({ art }) => !(art in DRAWINGS))).toEqual([]);
  });
});
