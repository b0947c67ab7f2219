import { describe, expect, test } from 'vitest';
import { stillness } from '../../../cdc/binlog/stream-guard.ts';
import type { StreamState } from '../../../cdc/binlog/binlog-tail.ts';
import type { BinlogPosition } from '../../../cdc/source/source-position.ts';

const at = (offset: number, file = 'binlog.000001'): BinlogPosition => ({ file, offset });
const stream = (received: BinlogPosition | null, bytesRead = 0, isPaused = false): StreamState => ({
  received,
  bytesRead,
  isPaused,
});

describe('a stream stands still', () => {
  const before = { end: at(900), stream: stream(at(500), 10_000) };
  const look = (
    end: BinlogPosition,
    now: StreamState,
    blamedAt: BinlogPosition | null = null,
  ): string | null => stillness(before, { end, seenBefore: now, stream: now }, blamedAt);

  test('when the server wrote on and only heartbeats came', () => {
    expect(look(at(2000), stream(at(500), 10_200))).toContain('heartbeats come');
  });

  test('when the binlog ends before what was received', () => {
    expect(look(at(400), stream(at(500), 10_200))).toContain('was reset');
    expect(look(at(4, 'binlog.000001'), stream(at(4, 'binlog.000002'), 90_000))).toContain('reset');
  });

  test('not while bytes flow, as in a long transaction', () => {
    expect(look(at(2000), stream(at(500), 500_000))).toBeNull();
  });

  test('not while we do not read, nor when the end of the look before is reached', () => {
    expect(look(at(2000), stream(at(500), 10_000, true))).toBeNull();
    expect(look(at(2000), stream(at(900), 10_400))).toBeNull();
  });

  test('not at the first look, nor before the server said anything', () => {
    const now = { end: at(2000), seenBefore: stream(at(500)), stream: stream(at(500)) };
    expect(stillness(null, now, null)).toBeNull();
    expect(look(at(2000), stream(null))).toBeNull();
  });

  test('only once at one place: a reconnect that changed nothing need not be repeated', () => {
    expect(look(at(2000), stream(at(500), 10_200), at(500))).toBeNull();
    expect(look(at(400), stream(at(500), 10_200), at(500))).toBeNull();
  });
});
