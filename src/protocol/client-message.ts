/**
 * What clients say, parsed: text of one frame → a typed message or the code of the error to answer. Never throws.
 *
 * The old server's meaning is kept: anything but a JSON object with an action is `invalid_message`, an item id that is
 * not numeric `invalid_item_id`, any other action `unknown_action`.
 */
import { itemIdOf, type ItemId } from '../auction/ids.ts';

export type ClientMessage =
  | {
      readonly action: 'subscribe';
      /** Distinct, in the order given; 1 to `ITEM_IDS_MAX`. */
      readonly itemIds: readonly ItemId[];
      /** Last event id the client saw; `''` when what it sent cannot be one (never recovers); null when not given. */
      readonly since: string | null;
      /** Wants the count of watchers too. */
      readonly watchers: boolean;
    }
  | { readonly action: 'unsubscribe'; readonly itemIds: readonly ItemId[] }
  /** The mobile app's channel of a user's own events, which always come; nothing to do but to accept it. */
  | { readonly action: 'subscribe_notifications' | 'unsubscribe_notifications' }
  | { readonly action: 'authenticate'; readonly token: string }
  | { readonly action: 'ping' };

export type ClientAction = 'subscribe' | 'unsubscribe' | 'authenticate' | 'ping';

export type ParsedClientMessage =
  | { readonly ok: true; readonly message: ClientMessage }
  | {
      readonly ok: false;
      readonly code:
        'invalid_message' | 'invalid_item_id' | 'unknown_action' | 'too_many_subscriptions';
      /** The action the error answers, where it was one we know. */
      readonly action: ClientAction | null;
    };

/** Items one message may name. */
export const ITEM_IDS_MAX = 1_000;
/** Longest `since` that can be an event id of ours. */
export const SINCE_LENGTH_MAX = 512;
/** Longest token considered at all. */
export const TOKEN_LENGTH_MAX = 8_192;

/** PHP's `is_numeric`, narrowed to what a key can be: a positive integer of at most 20 digits (BIGINT UNSIGNED). */
const NUMERIC_ID = /^[ \t\n\r\v\f]*\+?0*([1-9]\d{0,19})[ \t\n\r\v\f]*$/;

/** Parses the text of one frame. */
export function parseClientMessage(text: string): ParsedClientMessage {
  const fields = parseObject(text);
  if (fields === null) {
    return failed('invalid_message', null);
  }
  const action = fields['action'] ?? null;
  if (action === null) {
    return fields['type'] === 'ping'
      ? { ok: true, message: { action: 'ping' } }
      : failed('invalid_message', null);
  }
  switch (action) {
    case 'subscribe':
      return parseSubscribe(fields);
    case 'unsubscribe':
      return parseUnsubscribe(fields);
    case 'authenticate':
      return parseAuthenticate(fields);
    case 'ping':
      return { ok: true, message: { action: 'ping' } };
    default:
      return failed('unknown_action', null);
  }
}

type Fields = Readonly<Record<string, unknown>>;
type ErrorCode = Extract<ParsedClientMessage, { ok: false }>['code'];

function failed(code: ErrorCode, action: ClientAction | null): ParsedClientMessage {
  return { ok: false, code, action };
}

function parseObject(text: string): Fields | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  // A JSON object has string keys; nothing is believed of its values.
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : null;
}

function parseSubscribe(fields: Fields): ParsedClientMessage {
  const action = 'subscribe';
  if (namesNotifications(fields)) {
    return { ok: true, message: { action: 'subscribe_notifications' } };
  }
  const items = parseItemIds(fields);
  if (!items.ok) {
    return failed(items.code, action);
  }
  const { itemIds } = items;
  const since = parseSince(fields['since']);
  return { ok: true, message: { action, itemIds, since, watchers: fields['watchers'] === true } };
}

function parseUnsubscribe(fields: Fields): ParsedClientMessage {
  const action = 'unsubscribe';
  if (namesNotifications(fields)) {
    return { ok: true, message: { action: 'unsubscribe_notifications' } };
  }
  const items = parseItemIds(fields);
  return items.ok
    ? { ok: true, message: { action, itemIds: items.itemIds } }
    : failed(items.code, action);
}

function parseAuthenticate(fields: Fields): ParsedClientMessage {
  const action = 'authenticate';
  const token = fields['token'];
  return typeof token === 'string' && token.length > 0 && token.length <= TOKEN_LENGTH_MAX
    ? { ok: true, message: { action, token } }
    : failed('invalid_message', action);
}

function namesNotifications(fields: Fields): boolean {
  return (
    fields['channel'] === 'notifications' &&
    fields['itemId'] === undefined &&
    fields['itemIds'] === undefined
  );
}

type ParsedItemIds =
  | { readonly ok: true; readonly itemIds: readonly ItemId[] }
  | { readonly ok: false; readonly code: 'invalid_item_id' | 'too_many_subscriptions' };

function parseItemIds(fields: Fields): ParsedItemIds {
  const given: unknown = fields['itemIds'] ?? [fields['itemId']];
  if (!Array.isArray(given) || given.length === 0) {
    return { ok: false, code: 'invalid_item_id' };
  }
  if (given.length > ITEM_IDS_MAX) {
    return { ok: false, code: 'too_many_subscriptions' };
  }
  const itemIds = new Set<ItemId>();
  for (const value of given) {
    const itemId = parseItemId(value);
    if (itemId === null) {
      return { ok: false, code: 'invalid_item_id' };
    }
    itemIds.add(itemId);
  }
  return { ok: true, itemIds: [...itemIds] };
}

/** A number beyond the safe integers has lost digits before we see it: only text can name such an item. */
function parseItemId(value: unknown): ItemId | null {
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) && value > 0 ? itemIdOf(value) : null;
  }
  if (typeof value !== 'string') {
    return null;
  }
  const digits = NUMERIC_ID.exec(value)?.[1];
  return digits === undefined ? null : itemIdOf(digits);
}

function parseSince(value: unknown): string | null {
  if (value === undefined || value === null) {
    return null;
  }
  return typeof value === 'string' && value.length <= SINCE_LENGTH_MAX ? value : '';
}
