/**
 * Domain events to publish, each with an event id of its own.
 */
import type {
  AuctionEnded,
  AuctionStarted,
  BidPlaced,
  EndingAnnounced,
  EndTimeMoved,
  LeaderOutbid,
  UserStandingChanged,
  WatchlistChanged,
} from '../../../src/auction/domain-event.ts';
import { bidIdOf, itemIdOf, userIdOf, type EventId, type Money } from '../../../src/auction/ids.ts';
import { parseMoney } from '../../../src/auction/money.ts';

let made = 0;

function nextEventId(): EventId {
  made += 1;
  return `e${made}` as EventId;
}

function money(text: string): Money {
  const parsed = parseMoney(text);
  if (parsed === null) throw new Error(`${text} is no amount`);
  return parsed;
}

export function bidPlaced(itemId: number, bidderId: number, amount: string): BidPlaced {
  const eventId = nextEventId();
  return {
    type: 'BidPlaced',
    eventId,
    itemId: itemIdOf(itemId),
    bidId: bidIdOf(made),
    bidderId: userIdOf(bidderId),
    amount: money(amount),
    placedAtMs: Date.UTC(2026, 1, 1, 10, 30),
    reserveMet: null,
    bidCount: made,
  };
}

export function outbid(itemId: number, userId: number): LeaderOutbid {
  return {
    type: 'LeaderOutbid',
    eventId: nextEventId(),
    itemId: itemIdOf(itemId),
    userId: userIdOf(userId),
    newBidAmount: money('15.00'),
    yourBidAmount: money('12.50'),
  };
}

export function endMoved(itemId: number, direction: 'later' | 'earlier'): EndTimeMoved {
  return {
    type: 'EndTimeMoved',
    eventId: nextEventId(),
    itemId: itemIdOf(itemId),
    direction,
    endTimeMs: Date.UTC(2026, 1, 1, 10, 34),
  };
}

export function started(itemId: number): AuctionStarted {
  return {
    type: 'AuctionStarted',
    eventId: nextEventId(),
    itemId: itemIdOf(itemId),
    endTimeMs: Date.UTC(2026, 1, 1, 10, 34),
    currentPrice: money('1.00'),
  };
}

/** A countdown step; its id is no position. */
export function ending(itemId: number, secondsRemaining: number): EndingAnnounced {
  return {
    type: 'EndingAnnounced',
    eventId: `~${nextEventId()}` as EventId,
    itemId: itemIdOf(itemId),
    secondsRemaining,
    endTimeMs: Date.UTC(2026, 1, 1, 10, 34),
  };
}

export function ended(itemId: number, winnerId: number | null, sellerId: number): AuctionEnded {
  return {
    type: 'AuctionEnded',
    eventId: nextEventId(),
    itemId: itemIdOf(itemId),
    outcome: winnerId === null ? 'unsold' : 'sold',
    finalPrice: winnerId === null ? null : money('15.00'),
    winnerId: winnerId === null ? null : userIdOf(winnerId),
    sellerId: userIdOf(sellerId),
  };
}

export function standing(
  userId: number,
  mayConnect: boolean,
  suspendedUntilMs: number | null = null,
): UserStandingChanged {
  return {
    type: 'UserStandingChanged',
    eventId: nextEventId(),
    userId: userIdOf(userId),
    mayConnect,
    suspendedUntilMs,
  };
}

/** A user put an item on his watchlist, or took it off. */
export function listed(userId: number, itemId: number, watching: boolean): WatchlistChanged {
  return {
    type: 'WatchlistChanged',
    eventId: nextEventId(),
    userId: userIdOf(userId),
    itemId: itemIdOf(itemId),
    watching,
  };
}
