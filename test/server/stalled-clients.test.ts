/** When a client that has stopped draining is given up, by a clock and a socket of the test's own. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CatchUps, type SlowReason } from '../../server/catch-ups.ts';
import type { Connection } from '../../server/connection.ts';
import { Coverage } from '../../src/topics/coverage.ts';
import { History } from '../../src/topics/history.ts';

const LIMITS = { unsentBytesMax: 100, owedBytesMax: 1_000, stalledMsMax: 10_000 };

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A slow client that waits for its socket, and why it was closed. */
function parked() {
  const closes: SlowReason[] = [];
  const catchUps = new CatchUps({
    history: new History<Buffer>({ eventsMax: 10, bytesMax: 1e6, ageMaxMs: 1e9 }),
    limits: LIMITS,
    monotonicMs: () => Date.now(),
    replayed: () => undefined,
    conflated: () => undefined,
    tooSlow: (connection, reason) => {
      closes.push(reason);
      catchUps.remove(connection);
    },
  });
  const client = {
    way: null,
    isAdmitted: true,
    userId: null,
    isV2: true,
    coverage: new Coverage(),
    backlogBytes: 500,
    queuedBytes: 500,
    onceDrained: () => undefined,
  };
  catchUps.fellBehind(client as unknown as Connection);
  return { client, closes };
}

test('a client that takes nothing is closed when its time is over, not before', () => {
  const { closes } = parked();
  vi.advanceTimersByTime(9_000);
  expect(closes).toEqual([]);
  vi.advanceTimersByTime(1_000);
  expect(closes).toEqual(['stalled']);
});

test.each(['backlogBytes', 'queuedBytes'] as const)(
  'a client whose %s falls has its whole time again',
  (bytes) => {
    const { client, closes } = parked();
    for (let round = 0; round < 5; round += 1) {
      vi.advanceTimersByTime(8_000);
      client[bytes] -= 1;
    }
    vi.advanceTimersByTime(9_000);
    expect(closes).toEqual([]);
    vi.advanceTimersByTime(2_000);
    expect(closes).toEqual(['stalled']);
  },
);
