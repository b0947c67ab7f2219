/**
 * What the server says, as schemas. The messages themselves are written by hand (event-message.ts, server-message.ts),
 * because an amount must keep its digits; the golden files of each are held against these schemas by a test.
 *
 * They are open: a client must ignore fields and types it does not know.
 */
import { z } from 'zod';
import { ERROR_TEXTS } from './error-message.ts';

/** Schemas that several messages share: components of the published document, under these names. */
export const SHARED_SCHEMAS = {
  Id: z
    .union([z.int(), z.string().min(1)])
    .describe('A key: a JSON number while it is a safe integer, else a string. Compare as text.'),
  EventId: z
    .string()
    .regex(/^[\w.~-]+$/)
    .max(512)
    .describe(
      'Opaque, unique and the same on every node. One that starts with `~` is good for dedupe and never a position.',
    ),
  Amount: z
    .number()
    .describe('Money in the unit of the database column, with exactly the digits it has there.'),
  Time: z
    .string()
    .regex(
      /^(?:(?:\d{4}|[+-]\d{6})-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z|[+-]?\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d)$/,
    )
    .describe(
      "ISO 8601, UTC, with milliseconds. With LEGACY_TIMES=1: the database's wall clock, `YYYY-MM-DD HH:MM:SS`.",
    ),
  Instant: z
    .string()
    .regex(/^(?:\d{4}|[+-]\d{6})-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    .describe('ISO 8601, UTC, with milliseconds, whatever LEGACY_TIMES says.'),
} as const;

const { Id, EventId, Amount, Time, Instant } = SHARED_SCHEMAS;

const count = z.int().nonnegative();

export const auctionStateSchema = z
  .object({
    status: z.enum(['upcoming', 'active', 'sold', 'unsold', 'cancelled']),
    currentPrice: Amount.nullable(),
    bidCount: count.describe('Bid rows.'),
    highestBidderId: Id.nullable(),
    endTime: Time.nullable(),
    reserveMet: z.boolean().nullable().describe('Null: there is no reserve.'),
  })
  .describe('How an auction stands when the first live event joins on.');

const recovered = z
  .boolean()
  .optional()
  .describe(
    'Only where `since` was given. True: exactly what was missed follows. False: `state` is the truth.',
  );

const lastEventId = EventId.nullable()
  .optional()
  .describe(
    'v2: the newest event of all at this moment, a first position for `since`; null: none.',
  );

const skipped = z
  .int()
  .positive()
  .optional()
  .describe('How many earlier ones this one stands for, because the client was slow.');

/** Fields of every event, in the order they are sent. */
function event<Type extends string, Fields extends z.ZodRawShape>(
  type: Type,
  fields: Fields,
): z.ZodObject<{ type: z.ZodLiteral<Type>; eventId: typeof EventId; itemId: typeof Id } & Fields> {
  return z.object({ type: z.literal(type), eventId: EventId, itemId: Id, ...fields });
}

/** Events of auctions, by type. */
export const EVENT_SCHEMAS = {
  bid_update: event('bid_update', {
    bidAmount: Amount,
    bidderId: Id,
    bidderName: z
      .string()
      .nullable()
      .describe('BIDDER_NAMES=full: the name. masked: its first letter and `***`. none: null.'),
    timestamp: Time.nullable().describe('When the bid was placed, as the database has it.'),
    reserveMet: z.boolean().nullable().describe('Null: there is no reserve.'),
    bidId: Id,
    bidCount: count.describe('Bid rows of the item, this one included.'),
    skipped,
  }).describe('A bid was committed.'),
  outbid: event('outbid', {
    newBidAmount: Amount,
    yourBidAmount: Amount.nullable(),
  }).describe('You led, and somebody else leads now.'),
  auction_ending: event('auction_ending', {
    secondsRemaining: count,
    endTime: Time,
    serverTime: Instant,
    skipped,
  }).describe(
    'The countdown: from 300 s on every 30 s, then 10, 5, 4, 3, 2, 1, 0. Never replayed.',
  ),
  auction_extended: event('auction_extended', { newEndTime: Time }).describe(
    'The end of an active auction moved later.',
  ),
  auction_ended: event('auction_ended', {
    finalPrice: Amount.nullable().describe('Null: no bids, or cancelled by deletion.'),
    winnerId: Id.nullable().describe('Null: nobody won.'),
    winnerName: z.string().nullable().describe('As `bidderName`.'),
    outcome: z.enum(['sold', 'unsold', 'reserve_not_met', 'cancelled']),
  }).describe('The auction reached its final status. Never because a clock says so.'),
  auction_rescheduled: event('auction_rescheduled', { newEndTime: Time }).describe(
    'The end of an active auction moved earlier.',
  ),
  auction_started: event('auction_started', {
    endTime: Time.nullable(),
    currentPrice: Amount.nullable(),
  }).describe('The auction became active.'),
  bid_retracted: event('bid_retracted', {
    bidId: Id,
    currentPrice: Amount.nullable(),
  }).describe('A bid was deleted.'),
} as const;

/** Answers to what a client said. */
export const ANSWER_SCHEMAS = {
  subscribed: z
    .object({
      type: z.literal('subscribed'),
      itemId: Id,
      state: auctionStateSchema,
      serverTime: Instant,
      recovered,
      lastEventId,
    })
    .describe('The item is watched; it stands like this. Comes before every live event of it.'),
  subscribed_notifications: z
    .object({
      type: z.literal('subscribed'),
      channel: z.literal('notifications'),
      serverTime: Instant,
    })
    .describe('The answer of v2 to the channel `notifications`.'),
  unsubscribed: z
    .object({ type: z.literal('unsubscribed'), itemId: Id })
    .describe('The item is not watched, whether or not it was.'),
  unsubscribed_notifications: z
    .object({ type: z.literal('unsubscribed'), channel: z.literal('notifications') })
    .describe('The answer of v2 to leaving the channel `notifications`.'),
  authenticated: z
    .object({ type: z.literal('authenticated'), expiresAt: Instant })
    .describe('The newer token is in force.'),
  pong: z
    .object({ type: z.literal('pong'), serverTime: Instant })
    .describe('The answer to either form of ping.'),
  error: z
    .object({
      type: z.literal('error'),
      code: z.enum(Object.keys(ERROR_TEXTS)),
      message: z.string().describe('A fixed text for each code.'),
      action: z
        .enum(['subscribe', 'unsubscribe', 'authenticate', 'ping'])
        .optional()
        .describe('The action it answers, where that is known.'),
      itemId: Id.optional().describe('The item it is about, where it is about one.'),
    })
    .describe('Something was refused; the connection stays, unless a close follows.'),
} as const;

/** What the server says on its own, besides events. */
export const NOTICE_SCHEMAS = {
  hello: z
    .object({
      type: z.literal('hello'),
      userId: Id,
      serverTime: Instant,
      heartbeatSeconds: z.number().positive(),
      expiresAt: Instant.describe('When the token expires.'),
      limits: z.object({
        subscriptions: z.int().positive().describe('Items one connection may watch.'),
        messageBytes: z.int().positive().describe('Largest message of a client.'),
        messagesPerSecond: z.int().positive().describe('Messages a client may send, on average.'),
      }),
      lastEventId,
    })
    .describe('The first message on a connection.'),
  token_expiring: z
    .object({ type: z.literal('token_expiring'), expiresAt: Instant })
    .describe('Send a newer token with `authenticate`, and the connection goes on.'),
  reconnect: z
    .object({ type: z.literal('reconnect'), afterMs: z.int().nonnegative() })
    .describe('The server is leaving: come back after this long.'),
  degraded: z
    .object({ type: z.literal('degraded'), lagSeconds: count.nullable() })
    .describe('The feed from the database is lost or stale: what is shown may be old.'),
  restored: z
    .object({ type: z.literal('restored'), lagSeconds: count.nullable() })
    .describe('The feed is caught up again.'),
  standing: z
    .object({
      type: z.literal('standing'),
      items: z.array(
        z.object({
          itemId: Id,
          leading: z.boolean(),
          currentPrice: Amount.nullable(),
          yourBidAmount: Amount.nullable(),
          endTime: Time.nullable(),
        }),
      ),
    })
    .describe(
      'Where you stand in each live auction you have bid on, when what you missed is gone.',
    ),
  watchers: z
    .object({ type: z.literal('watchers'), itemId: Id, count })
    .describe('How many watch the item; sampled, at most once a second.'),
  close: z
    .object({
      type: z.literal('close'),
      code: z.int().min(1000).max(4999).describe('A close code; what it asks for holds here too.'),
      reason: z.string(),
    })
    .describe('Server-sent events alone: the last thing on a stream, where a socket is closed.'),
} as const;
