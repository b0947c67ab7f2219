/**
 * Messages that are not events: answers, errors, notices. Each is one JSON text.
 *
 * Extra fields on the old types (`subscribed`, `unsubscribed`, `pong`, `error`) go to every client; the other types
 * only to those that asked for protocol v2.
 */
import type { AuctionView } from '../auction/book.ts';
import type { EventId, ItemId, UserId } from '../auction/ids.ts';
import { auctionMeetsReserve } from '../auction/reserve.ts';
import type { Zone } from '../auction/zone.ts';
import type { ClientAction } from './client-message.ts';
import { ERROR_TEXTS, type ErrorMessageCode } from './error-message.ts';
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

/** How much of a name others may see. */
export type BidderNames = 'full' | 'masked' | 'none';

/** What turns events into messages besides themselves; the same for all events of one installation but for the time. */
export interface EncodingContext {
  /** Display name of a user, prefetched; null when he has none. */
  readonly nameOf: (userId: UserId) => string | null;
  readonly bidderNames: BidderNames;
  /** The zone whose wall clock database times are sent in (`LEGACY_TIMES=1`); null: ISO 8601 UTC. */
  readonly legacyTimesZone: Zone | null;
  /** Epoch ms of our clock, for messages that carry it. */
  readonly serverTimeMs: number;
}

export interface SubscribedParts {
  /** The item as it stands when the first live event joins on. Its private fields do not go out. */
  readonly auction: AuctionView;
  /** Whether what was missed follows; null when the client gave no `since`. */
  readonly recovered: boolean | null;
  /** The newest event of all when `auction` was taken, a first position for `since` (v2); undefined: not told. */
  readonly lastEventId?: EventId | null;
  readonly serverTimeMs: number;
  /** As `EncodingContext.legacyTimesZone`. */
  readonly legacyTimesZone: Zone | null;
}

/** `subscribed`, with the state of the item. */
export function encodeSubscribed(parts: SubscribedParts): string {
  const { auction, recovered, serverTimeMs, legacyTimesZone, lastEventId } = parts;
  const state = jsonObject([
    ['status', textJson(auction.status)],
    ['currentPrice', moneyJson(auction.currentPrice)],
    ['bidCount', numberJson(auction.bidCount)],
    ['highestBidderId', idJson(auction.leaderId)],
    ['endTime', timeJson(auction.endTimeMs, legacyTimesZone)],
    ['reserveMet', booleanJson(auctionMeetsReserve(auction))],
  ]);
  return jsonObject([
    ['type', '"subscribed"'],
    ['itemId', idJson(auction.itemId)],
    ['state', state],
    ['serverTime', isoJson(serverTimeMs)],
    ...(recovered === null ? [] : ([['recovered', booleanJson(recovered)]] as const)),
    ...(lastEventId === undefined ? [] : ([['lastEventId', textJson(lastEventId)]] as const)),
  ]);
}

/** `subscribed` for the mobile app's `notifications` channel. */
export function encodeSubscribedNotifications(serverTimeMs: number): string {
  return jsonObject([
    ['type', '"subscribed"'],
    ['channel', '"notifications"'],
    ['serverTime', isoJson(serverTimeMs)],
  ]);
}

/** `unsubscribed`: the answer whether or not the item was watched. */
export function encodeUnsubscribed(itemId: ItemId): string {
  return jsonObject([
    ['type', '"unsubscribed"'],
    ['itemId', idJson(itemId)],
  ]);
}

/** `unsubscribed` for the `notifications` channel. */
export function encodeUnsubscribedNotifications(): string {
  return jsonObject([
    ['type', '"unsubscribed"'],
    ['channel', '"notifications"'],
  ]);
}

export interface HelloParts {
  readonly userId: UserId;
  readonly serverTimeMs: number;
  readonly heartbeatSeconds: number;
  /** When the token expires. */
  readonly expiresAtMs: number;
  readonly limits: {
    readonly subscriptions: number;
    readonly messageBytes: number;
    readonly messagesPerSecond: number;
  };
  /** The newest event of all, a first position for `since`; undefined: not told. */
  readonly lastEventId?: EventId | null;
}

/** `hello` (v2): the first message on a connection. */
export function encodeHello(parts: HelloParts): string {
  const { subscriptions, messageBytes, messagesPerSecond } = parts.limits;
  return jsonObject([
    ['type', '"hello"'],
    ['userId', idJson(parts.userId)],
    ['serverTime', isoJson(parts.serverTimeMs)],
    ['heartbeatSeconds', numberJson(parts.heartbeatSeconds)],
    ['expiresAt', isoJson(parts.expiresAtMs)],
    [
      'limits',
      jsonObject([
        ['subscriptions', numberJson(subscriptions)],
        ['messageBytes', numberJson(messageBytes)],
        ['messagesPerSecond', numberJson(messagesPerSecond)],
      ]),
    ],
    ...(parts.lastEventId === undefined
      ? []
      : ([['lastEventId', textJson(parts.lastEventId)]] as const)),
  ]);
}

/** `pong`, the answer to either form of `ping`. */
export function encodePong(serverTimeMs: number): string {
  return jsonObject([
    ['type', '"pong"'],
    ['serverTime', isoJson(serverTimeMs)],
  ]);
}

export interface ErrorParts {
  readonly code: ErrorMessageCode;
  /** The action it answers, where it was one we know. */
  readonly action?: ClientAction | null;
  readonly itemId?: ItemId | null;
}

/** `error`. */
export function encodeError(parts: ErrorParts): string {
  const { code, action = null, itemId = null } = parts;
  return jsonObject([
    ['type', '"error"'],
    ['code', textJson(code)],
    ['message', textJson(ERROR_TEXTS[code])],
    ...(action === null ? [] : ([['action', textJson(action)]] as const)),
    ...(itemId === null ? [] : ([['itemId', idJson(itemId)]] as const)),
  ]);
}

/** `authenticated`, the answer to a token given on the connection. */
export function encodeAuthenticated(expiresAtMs: number): string {
  return jsonObject([
    ['type', '"authenticated"'],
    ['expiresAt', isoJson(expiresAtMs)],
  ]);
}

/** `degraded` (v2): the feed from the database is lost or stale. Null where no lag is known. */
export function encodeDegraded(lagSeconds: number | null): string {
  return lagNotice('degraded', lagSeconds);
}

/** `restored` (v2): the feed is caught up again. */
export function encodeRestored(lagSeconds: number | null): string {
  return lagNotice('restored', lagSeconds);
}

/** `token_expiring` (v2). */
export function encodeTokenExpiring(expiresAtMs: number): string {
  return jsonObject([
    ['type', '"token_expiring"'],
    ['expiresAt', isoJson(expiresAtMs)],
  ]);
}

/** `reconnect` (v2): the server is about to leave; come back after this long. */
export function encodeReconnect(afterMs: number): string {
  return jsonObject([
    ['type', '"reconnect"'],
    ['afterMs', numberJson(afterMs)],
  ]);
}

/** The last message on a stream of server-sent events, in place of a close frame. */
export function encodeClose(code: number, reason: string): string {
  return jsonObject([
    ['type', '"close"'],
    ['code', numberJson(code)],
    ['reason', textJson(reason)],
  ]);
}

function lagNotice(type: 'degraded' | 'restored', lagSeconds: number | null): string {
  return jsonObject([
    ['type', textJson(type)],
    ['lagSeconds', lagSeconds === null ? 'null' : numberJson(lagSeconds)],
  ]);
}
