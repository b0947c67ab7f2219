import { expect, test } from 'vitest';

import { behindMs, type Lateness } from '../../cdc/feed-counters.ts';

const AT: Lateness = {
  isStreaming: true,
  nowMs: 100_000,
  packetAtMs: 99_900,
  heartbeatPeriodMs: 1000,
  queuedBytes: 0,
  processedAtMs: 99_800,
  committedAtMs: 99_300,
  clockOffsetMs: 0,
};

test.each<[string, Partial<Lateness>, number | null]>([
  ['unknown before the first packet', { packetAtMs: 0 }, null],
  ['nothing was ever processed', { committedAtMs: null }, 0],
  ['at work: the age of the last transaction when it was done', {}, 500],
  [
    'idle: nothing is left, however old the last commit',
    { processedAtMs: 50_000, committedAtMs: 1 },
    0,
  ],
  ['some wait: it grows while they do', { queuedBytes: 1, processedAtMs: 50_000 }, 700],
  ['far behind, one transaction after the other', { committedAtMs: 40_000 }, 59_800],
  [
    'without a connection: since its last packet',
    { isStreaming: false, packetAtMs: 70_000 },
    30_000,
  ],
  ['by the clock of the database', { clockOffsetMs: -400 }, 100],
  ['never below zero', { clockOffsetMs: -5000 }, 0],
])('%s', (_, given, expected) => {
  expect(behindMs({ ...AT, ...given })).toBe(expected);
});
