/**
 * Domain events → wire events: the JSON text once for all who get it, and who that is.
 */
import type {
  AuctionEnded,
  AuctionEvent,
  BidPlaced,
  DomainEvent,
  EndingAnnounced,
  EndTimeMoved,
} from '../auction/domain-event.ts';
import type { EventId, ItemId, UserId } from '../auction/ids.ts';
import type { BidderNames, EncodingContext } from './server-message.ts';
import {
  booleanJson,
  idJson,
  isoJson,
  jsonObject,
  moneyJson,
  numberJson,
  textJson,
  timeJson,
} from './wire-json.ts';

export type WireEventType =
  | 'bid_update'
  | 'outbid'
  | 'auction_ending'
  | 'auction_extended'
  | 'auction_rescheduled'
  | 'auction_ended'
  | 'auction_started'
  | 'bid_retracted';

/** Who gets an event: the watchers of an item, and these users on each of their connections. Each connection once. */
export interface Audience {
  readonly itemId: ItemId | null;
  /** Distinct. */
  readonly userIds: readonly UserId[];
}

/** One event as it goes out. */
export interface WireEvent {
  readonly json: string;
  readonly eventId: EventId;
  readonly type: WireEventType;
  /** The item the event is of, whoever it goes to. */
  readonly itemId: ItemId;
  /** For clients that asked for protocol v2 only. */
  readonly v2Only: boolean;
  readonly audience: Audience;
  /** Never replayed, and its id is no position. */
  readonly ephemeral: boolean;
  /** A slow client may get only the newest one of its type and item (`withSkipped`). */
  readonly conflatable: boolean;
}

type Field = readonly [name: string, json: string];

interface Shape {
  readonly type: WireEventType;
  readonly fields: readonly Field[];
  readonly userIds?: readonly UserId[];
  /** False for what only `userIds` get. */
  readonly toWatchers?: false;
  readonly v2Only?: true;
  readonly ephemeral?: true;
  readonly conflatable?: true;
}

/** The wire event of a domain event; null for the two that have none (a user's standing, a watchlist row). */
export function encodeEvent(event: AuctionEvent, context: EncodingContext): WireEvent;
export function encodeEvent(event: DomainEvent, context: EncodingContext): WireEvent | null;
export function encodeEvent(event: DomainEvent, context: EncodingContext): WireEvent | null {
  if (event.type === 'UserStandingChanged' || event.type === 'WatchlistChanged') {
    return null;
  }
  const { eventId, itemId } = event;
  const shape = shapeOf(event, context);
  const { type } = shape;
  return {
    json: jsonObject([
      ['type', textJson(type)],
      ['eventId', textJson(eventId)],
      ['itemId', idJson(itemId)],
      ...shape.fields,
    ]),
    eventId,
    type,
    itemId,
    v2Only: shape.v2Only ?? false,
    audience: {
      itemId: shape.toWatchers === false ? null : itemId,
      userIds: shape.userIds ?? [],
    },
    ephemeral: shape.ephemeral ?? false,
    conflatable: shape.conflatable ?? false,
  };
}

/** A conflatable message that stands for `skipped` (1 or more) earlier ones as well. */
export function withSkipped(json: string, skipped: number): string {
  return `${json.slice(0, -1)},"skipped":${numberJson(skipped)}}`;
}

/** A name as others may see it: in full, as its first letter and `***`, or not at all. */
export function shownName(name: string | null, bidderNames: BidderNames): string | null {
  switch (bidderNames) {
    case 'full':
      return name;
    case 'masked':
      return name === null ? null : `${firstLetter(name.trim())}***`;
    case 'none':
      return null;
  }
}

/** The user whose name `encodeEvent` will ask for: prefetch it. */
export function userNamedIn(event: DomainEvent): UserId | null {
  switch (event.type) {
    case 'BidPlaced':
      return event.bidderId;
    case 'AuctionEnded':
      return event.winnerId;
    case 'BidRetracted':
    case 'LeaderOutbid':
    case 'EndTimeMoved':
    case 'AuctionStarted':
    case 'EndingAnnounced':
    case 'UserStandingChanged':
    case 'WatchlistChanged':
      return null;
  }
}

function shapeOf(event: AuctionEvent, context: EncodingContext): Shape {
  switch (event.type) {
    case 'BidPlaced':
      return bidUpdate(event, context);
    case 'LeaderOutbid':
      return {
        type: 'outbid',
        toWatchers: false,
        userIds: [event.userId],
        fields: [
          ['newBidAmount', moneyJson(event.newBidAmount)],
          ['yourBidAmount', moneyJson(event.yourBidAmount)],
        ],
      };
    case 'EndingAnnounced':
      return auctionEnding(event, context);
    case 'EndTimeMoved':
      return endTimeMoved(event, context);
    case 'AuctionEnded':
      return auctionEnded(event, context);
    case 'AuctionStarted':
      return {
        type: 'auction_started',
        v2Only: true,
        fields: [
          ['endTime', timeJson(event.endTimeMs, context.legacyTimesZone)],
          ['currentPrice', moneyJson(event.currentPrice)],
        ],
      };
    case 'BidRetracted':
      return {
        type: 'bid_retracted',
        v2Only: true,
        fields: [
          ['bidId', idJson(event.bidId)],
          ['currentPrice', moneyJson(event.currentPrice)],
        ],
      };
  }
}

function bidUpdate(event: BidPlaced, context: EncodingContext): Shape {
  return {
    type: 'bid_update',
    conflatable: true,
    fields: [
      ['bidAmount', moneyJson(event.amount)],
      ['bidderId', idJson(event.bidderId)],
      ['bidderName', nameJson(event.bidderId, context)],
      ['timestamp', timeJson(event.placedAtMs, context.legacyTimesZone)],
      ['reserveMet', booleanJson(event.reserveMet)],
      ['bidId', idJson(event.bidId)],
      ['bidCount', numberJson(event.bidCount)],
    ],
  };
}

function auctionEnding(event: EndingAnnounced, context: EncodingContext): Shape {
  return {
    type: 'auction_ending',
    ephemeral: true,
    conflatable: true,
    fields: [
      ['secondsRemaining', numberJson(event.secondsRemaining)],
      ['endTime', timeJson(event.endTimeMs, context.legacyTimesZone)],
      ['serverTime', isoJson(context.serverTimeMs)],
    ],
  };
}

function endTimeMoved(event: EndTimeMoved, context: EncodingContext): Shape {
  const fields: readonly Field[] = [
    ['newEndTime', timeJson(event.endTimeMs, context.legacyTimesZone)],
  ];
  return event.direction === 'later'
    ? { type: 'auction_extended', fields }
    : { type: 'auction_rescheduled', v2Only: true, fields };
}

function auctionEnded(event: AuctionEnded, context: EncodingContext): Shape {
  const { winnerId, sellerId } = event;
  const userIds = new Set([winnerId, sellerId].filter((userId) => userId !== null));
  return {
    type: 'auction_ended',
    userIds: [...userIds],
    fields: [
      ['finalPrice', moneyJson(event.finalPrice)],
      ['winnerId', idJson(winnerId)],
      ['winnerName', nameJson(winnerId, context)],
      ['outcome', textJson(event.outcome)],
    ],
  };
}

function nameJson(userId: UserId | null, context: EncodingContext): string {
  return textJson(userId === null ? null : shownName(context.nameOf(userId), context.bidderNames));
}

function firstLetter(name: string): string {
  const code = name.codePointAt(0);
  return code === undefined ? '' : String.fromCodePoint(code);
}
