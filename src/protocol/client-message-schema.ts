/**
 * What clients may say, as schemas: docs/asyncapi.json is generated from them. The parser validates with the schemas of
 * the fields (item ids one by one, so that the first bad one of a thousand ends it) and a test holds that it takes
 * exactly the messages that one of these describes.
 *
 * Nothing is strict about fields it does not know. A `since` or `watchers` that makes no sense is not an error, because
 * the subscription beside it does make sense: it becomes one that never recovers, and none.
 */
import { z } from 'zod';
import { itemIdOf } from '../auction/ids.ts';

/** Items one message may name. */
export const ITEM_IDS_MAX = 1_000;
/** Longest `since` that can be an event id of ours. */
const SINCE_LENGTH_MAX = 512;
/** Longest token considered at all. */
const TOKEN_LENGTH_MAX = 8_192;

/** PHP's `is_numeric`, narrowed to what a key can be: a positive integer of at most 20 digits (BIGINT UNSIGNED). */
const NUMERIC_ID = /^[ \t\n\r\v\f]*\+?0*[1-9]\d{0,19}[ \t\n\r\v\f]*$/;
const BEFORE_DIGITS = /^\+?0*/;

/** A number beyond the safe integers has lost digits before we see it: only text can name such an item. */
export const requestedItemIdSchema = z
  .union([z.int().positive(), z.string().regex(NUMERIC_ID)])
  .describe('An item: a positive integer, or its digits as text.')
  .transform((id) => itemIdOf(typeof id === 'number' ? id : id.trim().replace(BEFORE_DIGITS, '')));

const sinceSchema = z
  .string()
  .max(SINCE_LENGTH_MAX)
  .nullish()
  .catch('')
  .describe('The last `eventId` this client saw, on any item: asks for what was missed since.');

const watchersSchema = z
  .boolean()
  .optional()
  .catch(false)
  .describe('Asks for the number of watchers too (v2).');

/** What a subscription may say besides its items. */
export const subscriptionOptionsSchema = z.object({
  since: sinceSchema,
  watchers: watchersSchema,
});

const absent = z.never().optional();

export const subscribeItemSchema = z
  .object({
    action: z.literal('subscribe'),
    itemId: requestedItemIdSchema,
    itemIds: z.null().optional(),
    ...subscriptionOptionsSchema.shape,
  })
  .describe('Watch one item.');

export const subscribeItemsSchema = z
  .object({
    action: z.literal('subscribe'),
    itemIds: z
      .array(requestedItemIdSchema)
      .min(1)
      .max(ITEM_IDS_MAX)
      .describe('Answered in this order, each once.'),
    ...subscriptionOptionsSchema.shape,
  })
  .describe('Watch several items: all of them are understood or none is.');

export const subscribeNotificationsSchema = z
  .object({
    action: z.literal('subscribe'),
    channel: z.literal('notifications'),
    itemId: absent,
    itemIds: absent,
  })
  .describe("The mobile app's channel of a user's own events, which always come.");

export const unsubscribeItemSchema = z
  .object({
    action: z.literal('unsubscribe'),
    itemId: requestedItemIdSchema,
    itemIds: z.null().optional(),
  })
  .describe('Stop watching one item.');

export const unsubscribeItemsSchema = z
  .object({
    action: z.literal('unsubscribe'),
    itemIds: z.array(requestedItemIdSchema).min(1).max(ITEM_IDS_MAX),
  })
  .describe('Stop watching several items.');

export const unsubscribeNotificationsSchema = z
  .object({
    action: z.literal('unsubscribe'),
    channel: z.literal('notifications'),
    itemId: absent,
    itemIds: absent,
  })
  .describe("Changes nothing: a user's own events always come.");

export const authenticateSchema = z
  .object({
    action: z.literal('authenticate'),
    token: z.string().min(1).max(TOKEN_LENGTH_MAX).describe('The JWT of the PHP API.'),
  })
  .describe('A token: the first one (v2), or a newer one of the same user.');

export const pingSchema = z.object({ action: z.literal('ping') }).describe('Are you there?');

export const oldPingSchema = z
  .object({ type: z.literal('ping'), action: z.null().optional() })
  .describe('Are you there? The form of the old clients.');
