import { expect, test } from 'vitest';

import { isReady, isSourceUp } from '../../src/commands/readiness.ts';
import type { FeedState } from '../../src/ports.ts';

const STREAMING: FeedState = { state: 'streaming', packetAtMs: 1, committedAtMs: 1 };

function serving({ state = STREAMING, isFresh = true, isDraining = false, workers = -1 } = {}) {
  return {
    feed: { feedState: () => state, isFresh: () => isFresh },
    gateway: { stats: () => ({ isDraining }) },
    pool: workers < 0 ? null : { serving: workers },
  };
}

test('ready: the stream is live, nobody is sent away, and somebody takes connections', () => {
  expect(isReady(serving())).toBe(true);
  expect(isReady(serving({ workers: 1 }))).toBe(true);
  expect(isReady(serving({ isDraining: true }))).toBe(false);
  expect(isReady(serving({ isFresh: false }))).toBe(false);
  const connecting: FeedState = { state: 'connecting', attempt: 1, lastError: null };
  expect(isReady(serving({ state: connecting }))).toBe(false);
});

test('without a worker that serves, the source is up and we are not ready', () => {
  expect(isReady(serving({ workers: 0 }))).toBe(false);
  expect(isSourceUp(serving({ workers: 0 }))).toBe(true);
});
