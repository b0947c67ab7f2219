import fc from 'fast-check';
import { expect, test } from 'vitest';
import { drainConnections, type Drained } from '../../server/drain.ts';
import { closeOverMs, reconnectAfterMs } from '../../server/reconnect-spread.ts';

/** Clients that go as soon as they are closed. */
class Clients {
  readonly open = new Set<Drained>();
  /** When each was closed, in their order. */
  readonly closedAtMs: number[] = [];
  readonly told: string[] = [];
  cut = 0;

  constructor(count: number, setup: { readonly isV2?: boolean; readonly clings?: boolean } = {}) {
    for (let at = 0; at < count; at += 1) this.#add(setup);
  }

  #add({ isV2 = false, clings = false }: { isV2?: boolean; clings?: boolean }): void {
    const client: Drained = {
      isV2,
      isAdmitted: true,
      send: (text) => this.told.push(text),
      close: () => {
        this.closedAtMs.push(performance.now());
        if (!clings) this.open.delete(client);
      },
      terminate: () => {
        this.cut += 1;
        this.open.delete(client);
      },
    };
    this.open.add(client);
  }
}

test('a thousand clients a second are closed, one after the other', async () => {
  let spread = 0;
  // A machine that stands still closes many late and at once; it does not every time.
  for (let attempt = 0; attempt < 5 && spread <= 5; attempt += 1) {
    const clients = new Clients(2000);
    const startedAtMs = performance.now();
    await drainConnections(clients.open, { withinMs: 60_000 });
    expect(clients.closedAtMs.length).toBe(2000);
    // Each in a millisecond of its own, and none before it.
    for (const [at, closedAtMs] of clients.closedAtMs.entries()) {
      expect(closedAtMs - startedAtMs).toBeGreaterThanOrEqual(at);
    }
    spread = new Set(clients.closedAtMs.map((atMs) => Math.floor(atMs / 100))).size;
    expect(clients.cut).toBe(0);
  }
  expect(spread).toBeGreaterThan(5);
});

test('a drain that has less time closes faster, and cuts who stays', async () => {
  const clients = new Clients(2000, { clings: true });
  await drainConnections(clients.open, { withinMs: 100 });
  expect(clients.closedAtMs.length).toBe(2000);
  expect(clients.cut).toBe(2000);
});

test('a drain without time closes and cuts everybody at once', async () => {
  const clients = new Clients(3, { clings: true });
  await drainConnections(clients.open, { withinMs: 0 });
  expect([clients.closedAtMs.length, clients.cut]).toEqual([3, 3]);
});

test('v2 clients are told when to come back, before anybody is closed', async () => {
  const clients = new Clients(2, { isV2: true });
  await drainConnections(clients.open, { withinMs: 0 });
  expect(clients.told).toEqual([
    '{"type":"reconnect","afterMs":500}',
    // Of the two milliseconds that two clients are spread over, it has the second.
    '{"type":"reconnect","afterMs":501}',
  ]);
});

test('closes and waits together spread reconnects to at most about a thousand a second, within 20 s', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200_000 }),
      fc.integer({ min: 0, max: 60_000 }),
      (count, withinMs) => {
        const overMs = closeOverMs(count, withinMs);
        const backAtMs = (at: number): number =>
          (overMs * at) / count + reconnectAfterMs(at, count, overMs);
        const spanMs = backAtMs(count) - backAtMs(0);
        expect(overMs).toBeLessThanOrEqual(withinMs * 0.8);
        expect(backAtMs(0)).toBe(500);
        expect(spanMs).toBeGreaterThanOrEqual(Math.min(count, 19_500) - 1);
        expect(reconnectAfterMs(count, count, overMs)).toBeLessThanOrEqual(20_000);
      },
    ),
  );
});
