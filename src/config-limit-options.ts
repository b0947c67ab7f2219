/**
 * The part of the table of options that bounds what clients may take.
 */
import { integer, type Option } from './option.ts';

export const LIMIT_OPTIONS = {
  MAX_CONNECTIONS: integer({
    section: 'limits',
    text: 'Connections at once; more are refused with 503 before the upgrade.',
    unit: 'connections',
    min: 1,
    max: 1_000_000,
    default: 50_000,
  }),
  MAX_SUBSCRIPTIONS: integer({
    section: 'limits',
    text: 'Items that one connection may watch.',
    unit: 'items',
    min: 1,
    max: 100_000,
    default: 200,
  }),
  MAX_MESSAGE_BYTES: integer({
    section: 'limits',
    text: 'Largest message of a client; a larger one closes its connection (1009).',
    unit: 'bytes',
    min: 256,
    max: 16_777_216,
    default: 16_384,
  }),
  MESSAGES_PER_SECOND: integer({
    section: 'limits',
    text: 'Messages that one client may send, on average; in a burst, as many as `MAX_SUBSCRIPTIONS`.',
    unit: 'messages/s',
    min: 1,
    max: 10_000,
    default: 20,
  }),
} as const satisfies Record<string, Option<unknown>>;
