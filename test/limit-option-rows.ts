/** The options that bound what clients may take. */
import type { LIMIT_OPTIONS } from '../src/config-limit-options.ts';
import type { OptionRow } from './option-row.ts';

export const LIMIT_ROWS: Readonly<Record<keyof typeof LIMIT_OPTIONS, OptionRow>> = {
  MAX_CONNECTIONS: {
    of: (c) => c.server.maxConnections,
    absent: 50_000,
    good: [
      ['1', 1],
      ['1000000', 1_000_000],
    ],
    bad: ['0', '1000001'],
  },
  MAX_SUBSCRIPTIONS: {
    of: (c) => c.server.maxSubscriptions,
    absent: 200,
    good: [
      ['1', 1],
      ['100000', 100_000],
    ],
    bad: ['0', '100001'],
  },
  MAX_MESSAGE_BYTES: {
    of: (c) => c.server.maxMessageBytes,
    absent: 16_384,
    good: [
      ['256', 256],
      ['16777216', 16_777_216],
    ],
    bad: ['255', '16777217'],
  },
  MESSAGES_PER_SECOND: {
    of: (c) => c.server.messagesPerSecond,
    absent: 20,
    good: [
      ['1', 1],
      ['10000', 10_000],
    ],
    bad: ['0', '10001'],
  },
  MAX_CONNECTIONS_PER_ADDRESS: {
    of: (c) => c.server.maxConnectionsPerAddress,
    absent: 200,
    good: [
      ['1', 1],
      ['1000000', 1_000_000],
    ],
    bad: ['0', '1000001'],
  },
  MAX_CONNECTIONS_PER_USER: {
    of: (c) => c.server.maxConnectionsPerUser,
    absent: 50,
    good: [
      ['1', 1],
      ['1000000', 1_000_000],
    ],
    bad: ['0', '1000001'],
  },
  NEW_CONNECTIONS_PER_SECOND: {
    of: (c) => c.server.newConnectionsPerSecond,
    absent: 20,
    good: [
      ['1', 1],
      ['100000', 100_000],
    ],
    bad: ['0', '100001'],
  },
  MAX_HANDSHAKES: {
    of: (c) => c.server.maxHandshakes,
    absent: 2000,
    good: [
      ['16', 16],
      ['100000', 100_000],
    ],
    bad: ['15', '100001'],
  },
  HANDSHAKE_SECONDS: {
    of: (c) => c.server.handshakeMs,
    absent: 10_000,
    good: [
      ['1', 1000],
      ['300', 300_000],
    ],
    bad: ['0', '301'],
  },
  AUTHENTICATE_SECONDS: {
    of: (c) => c.server.authenticateMs,
    absent: 10_000,
    good: [
      ['1', 1000],
      ['300', 300_000],
    ],
    bad: ['0', '301'],
  },
  MAX_FAILED_AUTHENTICATIONS: {
    of: (c) => c.server.maxFailedAuthentications,
    absent: 20,
    good: [
      ['1', 1],
      ['1000000', 1_000_000],
    ],
    bad: ['0', '1000001'],
  },
  AUTHENTICATION_DELAY_SECONDS: {
    of: (c) => c.server.authenticationDelayMs,
    absent: 60_000,
    good: [
      ['1', 1000],
      ['86400', 86_400_000],
    ],
    bad: ['0', '86401'],
  },
  MAX_FRAGMENTS: {
    of: (c) => c.server.maxFragments,
    absent: 256,
    good: [
      ['1', 1],
      ['16384', 16_384],
    ],
    bad: ['0', '16385'],
  },
};
