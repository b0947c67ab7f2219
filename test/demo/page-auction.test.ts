import { describe, expect, test } from 'vitest';

import { after, fromListing, standing, type Auction } from '../../demo/page/auction.ts';
import type { Listing } from '../../demo/page/listing.ts';
import type { AuctionState, WatchEvent } from '../../client/index.ts';

const ALMA = { id: 3, name: 'Alma' };
const BRUNO = { id: 4, name: 'Bruno' };
const YOU = { id: 9, name: 'Robin' };
const LISTING: Listing = {
  itemId: 1,
  lot: 101,
  title: 'A vase',
  art: 'vase',
  seller: 'Attic',
  startingPrice: 100,
  openedAtMs: 0,
  endsAtMs: 60_000,
  bids: [{ atMs: 10, amount: 110, bidder: ALMA }],
};

function play(...events: readonly WatchEvent[]): Auction {
  return events.reduce(
    (auction, event) => after(auction, event, { nowMs: 500, user: YOU }),
    fromListing(LISTING, YOU),
  );
}

function bid(bidder: { id: number; name: string }, amount: number, bidCount = 2): WatchEvent {
  const bidderName = bidder.name;
  return {
    type: 'bid_update',
    eventId: `e${amount}`,
    itemId: 1,
    timestamp: null,
    bidId: amount,
    bidAmount: amount,
    bidderId: bidder.id,
    bidderName,
    bidCount,
    reserveMet: null,
  };
}

describe('an auction on the page', () => {
  test('a bid moves price, leader, count and chart', () => {
    const auction = play(bid(BRUNO, 120));
    expect(auction).toMatchObject({ price: 120, leader: BRUNO, bidCount: 2, ownBid: null });
    expect(auction.points.at(-1)).toEqual({ atMs: 500, amount: 120, bidder: BRUNO });
  });

  test('a lower bid that commits late is drawn but does not lead', () => {
    expect(play(bid(BRUNO, 120), bid(ALMA, 115, 3))).toMatchObject({ price: 120, leader: BRUNO });
  });

  test('the visitor leads, is outbid, and wins or loses', () => {
    const leading = play(bid(YOU, 120));
    expect(standing(leading, YOU)).toBe('leading');
    const outbid = play(bid(YOU, 120), bid(ALMA, 130));
    expect(standing(outbid, YOU)).toBe('outbid');
    expect(outbid.ownBid).toBe(120);
    const end = {
      type: 'auction_ended',
      eventId: 'e9',
      itemId: 1,
      outcome: 'sold',
      finalPrice: 130,
    } as const;
    expect(standing(play(bid(YOU, 130), { ...end, winnerId: 9, winnerName: 'Robin' }), YOU)).toBe(
      'won',
    );
    expect(standing(play(bid(YOU, 120), { ...end, winnerId: 3, winnerName: 'Alma' }), YOU)).toBe(
      'lost',
    );
    expect(standing(play({ ...end, winnerId: 3, winnerName: 'Alma' }), YOU)).toBe('none');
  });

  test('an extension says how far the end moved', () => {
    const auction = play({
      type: 'auction_extended',
      eventId: 'e2',
      itemId: 1,
      newEndTime: '1970-01-01T00:03:00.000Z',
    });
    expect(auction).toMatchObject({ endsAtMs: 180_000, extendedByMs: 120_000 });
  });

  test('the state of an answer replaces what the page thought', () => {
    const state: AuctionState = {
      status: 'active',
      currentPrice: 150,
      bidCount: 7,
      highestBidderId: 3,
      endTime: '1970-01-01T00:01:30.000Z',
      reserveMet: true,
    };
    expect(play({ type: 'state', itemId: 1, state, reset: false })).toMatchObject({
      price: 150,
      bidCount: 7,
      leader: ALMA,
      endsAtMs: 90_000,
      reserveMet: true,
      ending: null,
    });
  });

  test('an auction that ended while the page was away shows as ended', () => {
    const state: AuctionState = {
      status: 'sold',
      currentPrice: 150,
      bidCount: 7,
      highestBidderId: 4,
      endTime: '1970-01-01T00:01:30.000Z',
      reserveMet: null,
    };
    const { ending } = play({ type: 'state', itemId: 1, state, reset: false });
    expect(ending).toMatchObject({ outcome: 'sold', finalPrice: 150, winner: { id: 4 } });
  });
});
