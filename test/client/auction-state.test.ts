import { expect, test } from 'vitest';
import { applyEvent } from '../../client/auction-state.ts';
import type { AuctionEvent } from '../../client/wire.ts';
import { STATE } from './support/client-harness.ts';

const of = { eventId: 'e', itemId: 1 } as const;
const bid = {
  ...of,
  type: 'bid_update',
  bidderId: 8,
  bidderName: null,
  timestamp: null,
  reserveMet: true,
  bidId: 4,
  bidCount: 4,
} as const;

const CASES: readonly (readonly [string, AuctionEvent, object])[] = [
  [
    'a higher bid leads',
    { ...bid, bidAmount: 11 },
    { currentPrice: 11, highestBidderId: 8, bidCount: 4, reserveMet: true },
  ],
  [
    'a lower one only counts',
    { ...bid, bidAmount: 9 },
    { currentPrice: 10, highestBidderId: 7, bidCount: 4, reserveMet: true },
  ],
  [
    'an extension moves the end',
    { ...of, type: 'auction_extended', newEndTime: '2026-02-01T10:32:00.000Z' },
    { endTime: '2026-02-01T10:32:00.000Z' },
  ],
  [
    'an earlier end too',
    { ...of, type: 'auction_rescheduled', newEndTime: '2026-02-01T10:20:00.000Z' },
    { endTime: '2026-02-01T10:20:00.000Z' },
  ],
  [
    'a sale',
    {
      ...of,
      type: 'auction_ended',
      finalPrice: 12,
      winnerId: 9,
      winnerName: 'Carol',
      outcome: 'sold',
    },
    { status: 'sold', currentPrice: 12, highestBidderId: 9 },
  ],
  [
    'a reserve that was not met',
    {
      ...of,
      type: 'auction_ended',
      finalPrice: 12,
      winnerId: null,
      winnerName: null,
      outcome: 'reserve_not_met',
    },
    { status: 'unsold', currentPrice: 12 },
  ],
  [
    'a start',
    { ...of, type: 'auction_started', endTime: null, currentPrice: 1 },
    { status: 'active', endTime: null, currentPrice: 1 },
  ],
  [
    'a retraction',
    { ...of, type: 'bid_retracted', bidId: 3, currentPrice: 8 },
    { currentPrice: 8 },
  ],
];

test.each(CASES)('%s', (_, event, change) => {
  expect(applyEvent(STATE, event)).toEqual({ ...STATE, ...change });
});

test('the first bid leads even at the starting price', () => {
  const before = { ...STATE, bidCount: 0, highestBidderId: null };
  const after = applyEvent(before, { ...bid, bidAmount: 10, bidCount: 1 });
  expect(after.highestBidderId).toBe(8);
});

test('what changes nothing gives back the same object', () => {
  const outbid = { ...of, type: 'outbid', newBidAmount: 11, yourBidAmount: 10 } as const;
  const ending = {
    ...of,
    type: 'auction_ending',
    secondsRemaining: 10,
    endTime: STATE.endTime ?? '',
    serverTime: '',
  } as const;
  expect(applyEvent(STATE, outbid)).toBe(STATE);
  expect(applyEvent(STATE, ending)).toBe(STATE);
});
