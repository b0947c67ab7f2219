/**
 * Server messages as this page reads them: parsed at the edge, trusted inside. Unknown types and malformed frames are
 * null and ignored, as docs/protocol.md asks of every client.
 */

export interface ItemState {
  readonly status: string;
  readonly currentPrice: number | null;
  readonly bidCount: number;
  readonly highestBidderId: number | null;
  readonly endTimeMs: number | null;
  readonly reserveMet: boolean | null;
}

export type ServerMessage =
  | { readonly type: 'hello'; readonly serverTimeMs: number; readonly heartbeatSeconds: number }
  | { readonly type: 'pong'; readonly serverTimeMs: number | null }
  | { readonly type: 'subscribed'; readonly itemId: number; readonly state: ItemState }
  | {
      readonly type: 'bid_update';
      readonly itemId: number;
      readonly bidId: number;
      readonly bidAmount: number;
      readonly bidderId: number;
      readonly bidderName: string;
      readonly bidCount: number;
      readonly reserveMet: boolean | null;
    }
  | { readonly type: 'outbid'; readonly itemId: number; readonly newBidAmount: number }
  | { readonly type: 'auction_extended'; readonly itemId: number; readonly endTimeMs: number }
  | { readonly type: 'auction_rescheduled'; readonly itemId: number; readonly endTimeMs: number }
  | {
      readonly type: 'auction_ended';
      readonly itemId: number;
      readonly outcome: string;
      readonly finalPrice: number | null;
      readonly winnerId: number | null;
      readonly winnerName: string | null;
    }
  | { readonly type: 'degraded' | 'restored' }
  | { readonly type: 'reconnect'; readonly afterMs: number };

export interface Frame {
  readonly message: ServerMessage;
  /** Null for answers, which are no events. */
  readonly eventId: string | null;
}

type Fields = Readonly<Record<string, unknown>>;

/** One text frame → a message, or null for whatever this page does not know. */
export function parseFrame(text: string): Frame | null {
  const fields = parseObject(text);
  if (fields === null) return null;
  const message = parseMessage(fields);
  if (message === null) return null;
  return { message, eventId: textOf(fields['eventId']) };
}

/** A JSON object's fields, or null for anything else. */
export function parseObject(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return fieldsOf(value);
  } catch {
    return null;
  }
}

/** The fields of an object that came from outside; null for what is not one. */
export function fieldsOf(value: unknown): Fields | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return Object.fromEntries(Object.entries(value));
}

/** A finite number, or null. */
export function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** A string, or null. */
export function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function booleanOf(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null;
}

/** ISO 8601 text → epoch ms. */
function timeOf(value: unknown): number | null {
  return typeof value === 'string' ? numberOf(Date.parse(value)) : null;
}

function parseMessage(fields: Fields): ServerMessage | null {
  const type = fields['type'];
  if (type === 'degraded' || type === 'restored') return { type };
  if (type === 'reconnect') return { type, afterMs: numberOf(fields['afterMs']) ?? 0 };
  if (type === 'pong') return { type, serverTimeMs: timeOf(fields['serverTime']) };
  if (type === 'hello') {
    const serverTimeMs = timeOf(fields['serverTime']);
    const heartbeatSeconds = numberOf(fields['heartbeatSeconds']) ?? 25;
    return serverTimeMs === null ? null : { type, serverTimeMs, heartbeatSeconds };
  }
  const itemId = numberOf(fields['itemId']);
  return itemId === null ? null : parseItemMessage(type, itemId, fields);
}

function parseItemMessage(type: unknown, itemId: number, fields: Fields): ServerMessage | null {
  if (type === 'subscribed') {
    const state = parseState(fieldsOf(fields['state']));
    return state === null ? null : { type, itemId, state };
  }
  if (type === 'bid_update') return parseBid(itemId, fields);
  if (type === 'outbid') {
    const newBidAmount = numberOf(fields['newBidAmount']);
    return newBidAmount === null ? null : { type, itemId, newBidAmount };
  }
  if (type === 'auction_extended' || type === 'auction_rescheduled') {
    const endTimeMs = timeOf(fields['newEndTime']);
    return endTimeMs === null ? null : { type, itemId, endTimeMs };
  }
  if (type !== 'auction_ended') return null;
  return {
    type,
    itemId,
    outcome: textOf(fields['outcome']) ?? 'unsold',
    finalPrice: numberOf(fields['finalPrice']),
    winnerId: numberOf(fields['winnerId']),
    winnerName: textOf(fields['winnerName']),
  };
}

function parseBid(itemId: number, fields: Fields): ServerMessage | null {
  const bidId = numberOf(fields['bidId']);
  const bidAmount = numberOf(fields['bidAmount']);
  const bidderId = numberOf(fields['bidderId']);
  if (bidId === null || bidAmount === null || bidderId === null) return null;
  return {
    type: 'bid_update',
    itemId,
    bidId,
    bidAmount,
    bidderId,
    bidderName: textOf(fields['bidderName']) ?? `Bidder ${bidderId}`,
    bidCount: numberOf(fields['bidCount']) ?? 0,
    reserveMet: booleanOf(fields['reserveMet']),
  };
}

function parseState(fields: Fields | null): ItemState | null {
  if (fields === null) return null;
  return {
    status: textOf(fields['status']) ?? 'active',
    currentPrice: numberOf(fields['currentPrice']),
    bidCount: numberOf(fields['bidCount']) ?? 0,
    highestBidderId: numberOf(fields['highestBidderId']),
    endTimeMs: timeOf(fields['endTime']),
    reserveMet: booleanOf(fields['reserveMet']),
  };
}
