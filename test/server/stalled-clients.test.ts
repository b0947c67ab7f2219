/** When a client that has stopped draining is given up, by a clock and a socket of the test's own. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CatchUps, type SlowReason } from '../../server/catch-ups.ts';
import type { Connection } from '../../server/connection.ts';
import { itemIdOf, type EventId } from '../../src/auction/ids.ts';
import { Coverage } from '../../src/topics/coverage.ts';
import { History } from '../../src/topics/history.ts';

const LIMITS = { unsentBytesMax: 100, owedBytesMax: 1_000, stalledMsMax: 10_000 };
const ITEM = itemIdOf(1);

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A client whose socket is full, and why it was closed. */
function full() {
  const closes: SlowReason[] = [];
  const history = new History<Buffer>({ eventsMax: 10, bytesMax: 1e6, ageMaxMs: 1e9 });
  const catchUps = new CatchUps({
    history,
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
    replay: () => undefined,
    onceDrained: () => undefined,
    isClosing: () => closes.length > 0,
  };
  return { client, connection: client as unknown as Connection, catchUps, history, closes };
}

/** One that is live, and now waits for its socket. */
function parked() {
  const { client, connection, catchUps, closes } = full();
  catchUps.fellBehind(connection);
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

test('one that recovered what it missed and is owed too much since is closed when it turns out to be slow', () => {
  const { client, connection, catchUps, history, closes } = full();
  client.coverage.watch(ITEM, 0);
  catchUps.begin(connection, { after: 0, itemIds: [ITEM], ofUser: false });
  history.append(
    {
      eventId: 'e1' as EventId,
      frame: Buffer.alloc(LIMITS.owedBytesMax + 1),
      itemId: ITEM,
      userIds: [],
      v2Only: false,
      deliveryClass: 'must',
      committedAtMs: 0,
    },
    0,
  );
  void catchUps.run(connection);
  vi.advanceTimersByTime(1);
  expect(closes).toEqual(['owed']);
  expect(catchUps.slow).toBe(0);
  vi.advanceTimersByTime(LIMITS.stalledMsMax);
  expect(closes).toEqual(['owed']);
});
