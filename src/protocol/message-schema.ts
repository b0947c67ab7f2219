/**
 * The contract: every message both ways, with its schema, who it is for and since when. `npm run docs:asyncapi` writes
 * docs/asyncapi.json from this table, and a test holds the golden files and the parser against it.
 */
import type { z } from 'zod';
import * as client from './client-message-schema.ts';
import { ANSWER_SCHEMAS, EVENT_SCHEMAS, NOTICE_SCHEMAS } from './server-message-schema.ts';

/**
 * Version of the contract. Major: the subprotocol's number, raised when an old client would break; minor: something was
 * added; patch: something was put right. Raise it with {@link SCHEMA_HASH}.
 */
export const PROTOCOL_VERSION = '2.1.0';

/** SHA-256 of the schemas, close codes and error codes (scripts/asyncapi.ts): a change of the wire is a decision. */
export const SCHEMA_HASH = 'b8a5ed7605909214489904b6f6b0ce78ec37de84027febde64bc839a535632af';

interface MessageDefinition {
  readonly schema: z.ZodType;
  /** The first protocol version that has it: v2 clients also get everything of v1. */
  readonly since: 'v1' | 'v2';
}

export interface ClientMessageDefinition extends MessageDefinition {
  /** Names of the server messages that answer it, besides `error`. */
  readonly answers: readonly ServerMessageName[];
  readonly examples: readonly object[];
}

export interface ServerMessageDefinition extends MessageDefinition {
  readonly to: 'watchers' | 'user' | 'watchers, winner, seller' | 'connection' | 'everyone';
  /** Said on one transport alone; on both where this is absent. */
  readonly only?: 'websocket' | 'events';
}

/** What clients may say. */
export const CLIENT_MESSAGES = {
  subscribe: {
    schema: client.subscribeItemSchema,
    since: 'v1',
    answers: ['subscribed'],
    examples: [
      { action: 'subscribe', itemId: 1 },
      { action: 'subscribe', itemId: '1' },
      { action: 'subscribe', itemId: 1, since: 'm0-1-5.0.0.t9rzu0' },
    ],
  },
  subscribe_items: {
    schema: client.subscribeItemsSchema,
    since: 'v1',
    answers: ['subscribed'],
    examples: [
      { action: 'subscribe', itemIds: [1, 2] },
      { action: 'subscribe', itemIds: [1, '18446744073709551615'], since: 'm0-1-5.0.0.t9rzu0' },
      { action: 'subscribe', itemIds: [1], watchers: true },
    ],
  },
  subscribe_notifications: {
    schema: client.subscribeNotificationsSchema,
    since: 'v1',
    answers: ['subscribed_notifications'],
    examples: [{ action: 'subscribe', channel: 'notifications' }],
  },
  unsubscribe: {
    schema: client.unsubscribeItemSchema,
    since: 'v1',
    answers: ['unsubscribed'],
    examples: [{ action: 'unsubscribe', itemId: 1 }],
  },
  unsubscribe_items: {
    schema: client.unsubscribeItemsSchema,
    since: 'v1',
    answers: ['unsubscribed'],
    examples: [{ action: 'unsubscribe', itemIds: [1, 2] }],
  },
  unsubscribe_notifications: {
    schema: client.unsubscribeNotificationsSchema,
    since: 'v1',
    answers: ['unsubscribed_notifications'],
    examples: [{ action: 'unsubscribe', channel: 'notifications' }],
  },
  authenticate: {
    schema: client.authenticateSchema,
    since: 'v1',
    answers: ['authenticated', 'hello'],
    examples: [
      { action: 'authenticate', token: 'eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOjN9.c2lnbmF0dXJl' },
    ],
  },
  ping: {
    schema: client.pingSchema,
    since: 'v1',
    answers: ['pong'],
    examples: [{ action: 'ping' }],
  },
  ping_old: {
    schema: client.oldPingSchema,
    since: 'v1',
    answers: ['pong'],
    examples: [{ type: 'ping' }],
  },
} as const satisfies Record<string, ClientMessageDefinition>;

const { bid_update, outbid, auction_ending, auction_extended, auction_ended } = EVENT_SCHEMAS;
const { auction_rescheduled, auction_started, bid_retracted } = EVENT_SCHEMAS;

/** What the server may say: events, answers, notices. */
export const SERVER_MESSAGES: Record<ServerMessageName, ServerMessageDefinition> = {
  bid_update: { schema: bid_update, since: 'v1', to: 'watchers' },
  outbid: { schema: outbid, since: 'v1', to: 'user' },
  auction_ending: { schema: auction_ending, since: 'v1', to: 'watchers' },
  auction_extended: { schema: auction_extended, since: 'v1', to: 'watchers' },
  auction_ended: { schema: auction_ended, since: 'v1', to: 'watchers, winner, seller' },
  auction_rescheduled: { schema: auction_rescheduled, since: 'v2', to: 'watchers' },
  auction_started: { schema: auction_started, since: 'v2', to: 'watchers' },
  bid_retracted: { schema: bid_retracted, since: 'v2', to: 'watchers' },
  subscribed: answer('subscribed', 'v1'),
  subscribed_notifications: answer('subscribed_notifications', 'v2', 'websocket'),
  unsubscribed: answer('unsubscribed', 'v1'),
  unsubscribed_notifications: answer('unsubscribed_notifications', 'v2', 'websocket'),
  authenticated: answer('authenticated', 'v1', 'websocket'),
  pong: answer('pong', 'v1', 'websocket'),
  error: answer('error', 'v1'),
  hello: { schema: NOTICE_SCHEMAS.hello, since: 'v2', to: 'connection' },
  token_expiring: { schema: NOTICE_SCHEMAS.token_expiring, since: 'v2', to: 'connection' },
  reconnect: { schema: NOTICE_SCHEMAS.reconnect, since: 'v2', to: 'connection' },
  degraded: { schema: NOTICE_SCHEMAS.degraded, since: 'v2', to: 'everyone' },
  restored: { schema: NOTICE_SCHEMAS.restored, since: 'v2', to: 'everyone' },
  standing: { schema: NOTICE_SCHEMAS.standing, since: 'v2', to: 'connection' },
  watchers: { schema: NOTICE_SCHEMAS.watchers, since: 'v2', to: 'watchers', only: 'websocket' },
  close: { schema: NOTICE_SCHEMAS.close, since: 'v2', to: 'connection', only: 'events' },
};

/** Name of a server message: its `type`, and what tells it from another of the same type. */
export type ServerMessageName =
  keyof typeof EVENT_SCHEMAS | keyof typeof ANSWER_SCHEMAS | keyof typeof NOTICE_SCHEMAS;

function answer(
  name: keyof typeof ANSWER_SCHEMAS,
  since: 'v1' | 'v2',
  only?: 'websocket',
): ServerMessageDefinition {
  const definition = { schema: ANSWER_SCHEMAS[name], since, to: 'connection' } as const;
  return only === undefined ? definition : { ...definition, only };
}
