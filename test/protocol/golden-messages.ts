/**
 * Each message we send, made from fixed values: what the golden files hold.
 */
import { blankAuction } from '../../src/auction/book.ts';
import type { AuctionEnded, AuctionEvent, BidPlaced } from '../../src/auction/domain-event.ts';
import { endingEventId, eventIdOf } from '../../src/auction/event-id.ts';
import { bidIdOf, itemIdOf, userIdOf } from '../../src/auction/ids.ts';
import { parseZone } from '../../src/auction/zone.ts';
import { encodeEvent, withSkipped } from '../../src/protocol/event-message.ts';
import { CLOSE_CODES } from '../../src/protocol/close-code.ts';
import * as messages from '../../src/protocol/server-message.ts';
import { encodeStanding, encodeWatchers } from '../../src/protocol/standing-message.ts';
import { LEADER_SCHEMA, money } from '../auction/builders.ts';

const NOW_MS = Date.UTC(2026, 1, 1, 10, 30, 0, 250);
const END_MS = Date.UTC(2026, 1, 1, 10, 34);
const NAMES = new Map([
  ['3', 'Bob'],
  ['4', 'Carol'],
]);

export const CONTEXT: messages.EncodingContext = {
  nameOf: (userId) => NAMES.get(userId) ?? null,
  bidderNames: 'full',
  legacyTimesZone: null,
  serverTimeMs: NOW_MS,
};

export const LEGACY_CONTEXT: messages.EncodingContext = {
  ...CONTEXT,
  legacyTimesZone: parseZone('Europe/Berlin'),
};

const base = {
  eventId: eventIdOf({ transactionId: '0-1-5', index: 0, ordinal: 0, timestampMs: NOW_MS - 250 }),
  itemId: itemIdOf(1),
};

export const BID: BidPlaced = {
  ...base,
  type: 'BidPlaced',
  bidId: bidIdOf(77),
  bidderId: userIdOf(3),
  amount: money('12.50'),
  placedAtMs: Date.UTC(2026, 1, 1, 10, 30),
  reserveMet: null,
  bidCount: 5,
};

export const ENDED: AuctionEnded = {
  ...base,
  type: 'AuctionEnded',
  outcome: 'sold',
  finalPrice: money('15.00'),
  winnerId: userIdOf(4),
  sellerId: userIdOf(9),
};

const unsold = { ...ENDED, outcome: 'unsold', finalPrice: null, winnerId: null } as const;

/** File name → event. */
export const EVENTS: Readonly<Record<string, AuctionEvent>> = {
  bid_update: BID,
  'bid_update.extremes': {
    ...BID,
    itemId: itemIdOf('18446744073709551615'),
    bidderId: userIdOf('9007199254740993'),
    bidId: bidIdOf('5f1c-"quoted"'),
    amount: money('99999999999999999999999999999999999.999999999999999999999999999999'),
    placedAtMs: null,
    reserveMet: true,
  },
  outbid: {
    ...base,
    type: 'LeaderOutbid',
    userId: userIdOf(3),
    newBidAmount: money('15.00'),
    yourBidAmount: money('12.50'),
  },
  auction_ending: {
    type: 'EndingAnnounced',
    eventId: endingEventId(itemIdOf(1), END_MS, 180),
    itemId: itemIdOf(1),
    secondsRemaining: 180,
    endTimeMs: END_MS,
  },
  auction_extended: { ...base, type: 'EndTimeMoved', direction: 'later', endTimeMs: END_MS },
  auction_rescheduled: { ...base, type: 'EndTimeMoved', direction: 'earlier', endTimeMs: END_MS },
  auction_ended: ENDED,
  'auction_ended.unsold': unsold,
  'auction_ended.reserve_not_met': { ...ENDED, outcome: 'reserve_not_met', winnerId: null },
  'auction_ended.cancelled': { ...unsold, outcome: 'cancelled' },
  auction_started: {
    ...base,
    type: 'AuctionStarted',
    endTimeMs: END_MS,
    currentPrice: money('1.00'),
  },
  bid_retracted: {
    ...base,
    type: 'BidRetracted',
    bidId: bidIdOf(77),
    currentPrice: money('12.50'),
  },
};

const auction = {
  ...blankAuction(LEADER_SCHEMA, itemIdOf(1), 'active' as const),
  currentPrice: money('12.50'),
  endTimeMs: END_MS,
  leaderId: userIdOf(3),
  reservePrice: money('12.00'),
  bidCount: 5,
};
const subscribedParts = { auction, recovered: null, serverTimeMs: NOW_MS, legacyTimesZone: null };

/** File name → JSON text. */
export const MESSAGES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(EVENTS).map(([name, event]) => [name, jsonOf(event, CONTEXT)]),
  ),
  'bid_update.legacy_times': jsonOf(BID, LEGACY_CONTEXT),
  'bid_update.masked': jsonOf(BID, { ...CONTEXT, bidderNames: 'masked' }),
  'bid_update.skipped': withSkipped(jsonOf(BID, CONTEXT), 3),
  subscribed: messages.encodeSubscribed(subscribedParts),
  'subscribed.v2': messages.encodeSubscribed({ ...subscribedParts, lastEventId: base.eventId }),
  'subscribed.recovered': messages.encodeSubscribed({ ...subscribedParts, recovered: true }),
  'subscribed.blank': messages.encodeSubscribed({
    ...subscribedParts,
    auction: blankAuction(LEADER_SCHEMA, itemIdOf(2), 'upcoming'),
    recovered: false,
  }),
  'subscribed.notifications': messages.encodeSubscribedNotifications(NOW_MS),
  unsubscribed: messages.encodeUnsubscribed(itemIdOf(1)),
  'unsubscribed.notifications': messages.encodeUnsubscribedNotifications(),
  hello: messages.encodeHello({
    userId: userIdOf(3),
    serverTimeMs: NOW_MS,
    heartbeatSeconds: 25,
    expiresAtMs: END_MS,
    limits: { subscriptions: 200, messageBytes: 16_384, messagesPerSecond: 20 },
    lastEventId: base.eventId,
  }),
  'hello.no_event_yet': messages.encodeHello({
    userId: userIdOf(3),
    serverTimeMs: NOW_MS,
    heartbeatSeconds: 25,
    expiresAtMs: END_MS,
    limits: { subscriptions: 200, messageBytes: 16_384, messagesPerSecond: 20 },
    lastEventId: null,
  }),
  pong: messages.encodePong(NOW_MS),
  authenticated: messages.encodeAuthenticated(END_MS),
  degraded: messages.encodeDegraded(12),
  restored: messages.encodeRestored(0),
  token_expiring: messages.encodeTokenExpiring(END_MS),
  reconnect: messages.encodeReconnect(1_500),
  standing: encodeStanding(
    [
      {
        itemId: itemIdOf(1),
        leading: false,
        currentPrice: money('15.00'),
        yourBidAmount: money('12.50'),
        endTimeMs: END_MS,
      },
    ],
    null,
  ),
  watchers: encodeWatchers(itemIdOf(1), 42),
  close: messages.encodeClose(4001, CLOSE_CODES[4001].reason),
  'error.item_not_found': messages.encodeError({
    code: 'item_not_found',
    action: 'subscribe',
    itemId: itemIdOf(5),
  }),
  'error.invalid_message': messages.encodeError({ code: 'invalid_message' }),
  'error.invalid_item_id': messages.encodeError({ code: 'invalid_item_id', action: 'subscribe' }),
  'error.unknown_action': messages.encodeError({ code: 'unknown_action', action: null }),
  'error.unauthorized': messages.encodeError({ code: 'unauthorized' }),
  'error.rate_limited': messages.encodeError({ code: 'rate_limited' }),
  'error.too_many_subscriptions': messages.encodeError({ code: 'too_many_subscriptions' }),
};

function jsonOf(event: AuctionEvent, context: messages.EncodingContext): string {
  return encodeEvent(event, context).json;
}
