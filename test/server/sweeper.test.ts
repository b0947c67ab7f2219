import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Sweeper, type Swept } from '../../server/sweeper.ts';

class Client implements Swept {
  deadlineAtMs: number | null = null;
  sweepLane: number | null = null;
  readonly visitsAtMs: number[] = [];
  readonly dueAtMs: number[] = [];
}

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

function startSweeper(heartbeatIntervalMs: number): Sweeper<Client> {
  const sweeper = new Sweeper<Client>({
    heartbeatIntervalMs,
    now: Date.now,
    visit: (client) => client.visitsAtMs.push(Date.now()),
    due: (client) => client.dueAtMs.push(Date.now()),
    tick: () => undefined,
  });
  sweeper.start();
  return sweeper;
}

test('each client is visited once a period, and not all in one tick', () => {
  const sweeper = startSweeper(25_000);
  const clients = Array.from({ length: 50 }, () => new Client());
  for (const client of clients) sweeper.add(client);
  vi.advanceTimersByTime(75_000);
  for (const { visitsAtMs } of clients) {
    expect(visitsAtMs).toHaveLength(3);
    expect((visitsAtMs[1] ?? 0) - (visitsAtMs[0] ?? 0)).toBe(25_000);
  }
  expect(new Set(clients.map((client) => client.visitsAtMs[0])).size).toBe(25);
  sweeper.stop();
});

test('a deadline is met within a second, be it near, far or moved', () => {
  const sweeper = startSweeper(25_000);
  const [near, far, moved] = [new Client(), new Client(), new Client()];
  near.deadlineAtMs = 3500;
  far.deadlineAtMs = 7 * 86_400_000 + 500;
  moved.deadlineAtMs = 7 * 86_400_000;
  for (const client of [near, far, moved]) sweeper.add(client);
  vi.advanceTimersByTime(10_000);
  moved.deadlineAtMs = 20_000;
  sweeper.deadlineMoved(moved);
  vi.advanceTimersByTime(10_000);
  expect(near.dueAtMs[0]).toBe(4000);
  expect(moved.dueAtMs).toEqual([20_000]);
  moved.deadlineAtMs = null;
  vi.advanceTimersByTime(7 * 86_400_000);
  expect(moved.dueAtMs).toEqual([20_000]);
  expect(far.dueAtMs[0]).toBe(7 * 86_400_000 + 1000);
  sweeper.stop();
});

test('one that was removed is neither visited nor due, though its deadline was near', () => {
  const sweeper = startSweeper(1000);
  const [removed, movedAfter] = [new Client(), new Client()];
  for (const client of [removed, movedAfter]) {
    client.deadlineAtMs = 500;
    sweeper.add(client);
    sweeper.remove(client);
  }
  sweeper.deadlineMoved(movedAfter);
  vi.advanceTimersByTime(10_000);
  for (const client of [removed, movedAfter]) {
    expect([client.visitsAtMs, client.dueAtMs]).toEqual([[], []]);
  }
  sweeper.stop();
  expect(vi.getTimerCount()).toBe(0);
});
