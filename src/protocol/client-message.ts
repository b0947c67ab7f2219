/**
 * What clients say, parsed: text of one frame → a typed message or the code of the error to answer. Never throws.
 * What is valid is what the published schemas say (client-message-schema.ts); here is which of them a message means.
 *
 * The old server's meaning is kept: anything but a JSON object with an action is `invalid_message`, an item id that is
 * not numeric `invalid_item_id`, any other action `unknown_action`.
 */
import type { ItemId } from '../auction/ids.ts';
import {
  authenticateSchema,
  ITEM_IDS_MAX,
  requestedItemIdSchema,
  subscribeNotificationsSchema,
  subscriptionOptionsSchema,
  unsubscribeNotificationsSchema,
} from './client-message-schema.ts';

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
  if (namesNotifications(fields, subscribeNotificationsSchema)) {
    return { ok: true, message: { action: 'subscribe_notifications' } };
  }
  const items = parseItemIds(fields);
  if (!items.ok) {
    return failed(items.code, action);
  }
  const { itemIds } = items;
  // Nothing in the options can be wrong: what makes no sense has a meaning of its own.
  const { since = null, watchers = false } = subscriptionOptionsSchema.parse(fields);
  return { ok: true, message: { action, itemIds, since, watchers } };
}

function parseUnsubscribe(fields: Fields): ParsedClientMessage {
  const action = 'unsubscribe';
  if (namesNotifications(fields, unsubscribeNotificationsSchema)) {
    return { ok: true, message: { action: 'unsubscribe_notifications' } };
  }
  const items = parseItemIds(fields);
  return items.ok
    ? { ok: true, message: { action, itemIds: items.itemIds } }
    : failed(items.code, action);
}

function parseAuthenticate(fields: Fields): ParsedClientMessage {
  const parsed = authenticateSchema.safeParse(fields);
  return parsed.success
    ? { ok: true, message: { action: 'authenticate', token: parsed.data.token } }
    : failed('invalid_message', 'authenticate');
}

type NotificationsSchema =
  typeof subscribeNotificationsSchema | typeof unsubscribeNotificationsSchema;

/** The many who name no channel are spared the search for what is wrong with their message as one that does. */
function namesNotifications(fields: Fields, schema: NotificationsSchema): boolean {
  return fields['channel'] !== undefined && schema.safeParse(fields).success;
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
    const itemId = requestedItemIdSchema.safeParse(value);
    if (!itemId.success) {
      return { ok: false, code: 'invalid_item_id' };
    }
    itemIds.add(itemId.data);
  }
  return { ok: true, itemIds: [...itemIds] };
}
