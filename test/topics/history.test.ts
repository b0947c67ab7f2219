/** The history against a plain array: what is held, what can be recovered, and what each client gets and when. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { itemIdOf, userIdOf, type EventId, type ItemId } from '../../src/auction/ids.ts';
import { CatchUp } from '../../src/topics/catch-up.ts';
import { Coverage } from '../../src/topics/coverage.ts';
import {
  History,
  type DeliveryClass,
  type HistoryBounds,
  type HistoryEvent,
} from '../../src/topics/history.ts';

const UNBOUNDED: HistoryBounds = { eventsMax: 1_000, bytesMax: 1e9, ageMaxMs: 1e9 };

interface EventSetup {
  readonly items?: number | null;
  readonly users?: readonly number[];
  readonly bytes?: number;
  readonly atMs?: number;
  readonly v2Only?: boolean;
  readonly deliveryClass?: DeliveryClass;
}

let made = 0;

function eventOf(setup: EventSetup = {}): HistoryEvent {
  made += 1;
  const { items = 1, users = [], bytes = 10, atMs = 0, v2Only = false } = setup;
  const { deliveryClass = 'must' } = setup;
  return {
    eventId: `e${made.toString()}` as EventId,
    frame: new Uint8Array(bytes),
    itemId: items === null ? null : itemIdOf(items),
    userIds: users.map((id) => userIdOf(id)),
    v2Only,
    deliveryClass,
    committedAtMs: atMs,
  };
}

const someEvent = fc
  .record({
    items: fc.option(fc.integer({ min: 1, max: 4 })),
    users: fc.uniqueArray(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
    bytes: fc.integer({ min: 0, max: 60 }),
    atMs: fc.integer({ min: 0, max: 50 }),
    v2Only: fc.boolean(),
    deliveryClass: fc.constantFrom<DeliveryClass>('must', 'newest', 'passing'),
  })
  // What is conflatable goes to watchers alone.
  .map((setup) => (setup.deliveryClass === 'must' ? setup : { ...setup, users: [] }));

const TOPICS = [1, 2, 3, 4].flatMap((id) =>
  (['must', 'newest', 'passing'] as const).map((it) => [itemIdOf(id), it] as const),
);

function isPosition({ deliveryClass }: HistoryEvent): boolean {
  return deliveryClass !== 'passing';
}

/** What a naive server would keep. */
function keptOf(
  all: readonly HistoryEvent[],
  bounds: HistoryBounds,
  nowMs: number,
): HistoryEvent[] {
  const kept: HistoryEvent[] = [];
  const bytes = (): number => kept.reduce((sum, { frame }) => sum + frame.length, 0);
  for (const event of all) {
    kept.push(event);
    while (kept.length > bounds.eventsMax || bytes() > bounds.bytesMax) kept.shift();
    while ((kept[0]?.committedAtMs ?? Infinity) < nowMs - bounds.ageMaxMs) kept.shift();
  }
  return kept;
}

describe('bounds', () => {
  test('what is held, and what can be recovered, is what a plain array would hold', () => {
    fc.assert(
      fc.property(
        fc.array(someEvent, { maxLength: 120 }),
        fc.record({
          eventsMax: fc.integer({ min: 1, max: 40 }),
          bytesMax: fc.integer({ min: 0, max: 900 }),
          ageMaxMs: fc.integer({ min: 0, max: 60 }),
        }),
        fc.integer({ min: 0, max: 80 }),
        (setups, bounds, nowMs) => {
          const history = new History(bounds);
          const all = setups.map((setup) => eventOf(setup));
          for (const event of all) expect(history.append(event, nowMs)).toBe(true);
          const kept = keptOf(all, bounds, nowMs);
          const held = Array.from({ length: history.size }, (_, i) =>
            history.at(history.oldest + i),
          );
          expect(held).toEqual(kept);
          expect(history.bytes).toBe(kept.reduce((sum, { frame }) => sum + frame.length, 0));
          const positions = all.filter(isPosition);
          expect(history.newestId).toBe(positions.at(-1)?.eventId ?? null);
          const known = all.filter(({ eventId }) => history.positionOf(eventId) !== null);
          // The last one before the oldest, too: whoever has seen it has missed only what is held.
          const heldPositions = kept.filter(isPosition).length;
          expect(known).toEqual(positions.slice(Math.max(0, positions.length - heldPositions - 1)));
          for (const [itemId, deliveryClass] of TOPICS) {
            const sequences = kept.flatMap((event, at) =>
              event.itemId === itemId && event.deliveryClass === deliveryClass
                ? [history.oldest + at]
                : [],
            );
            for (let after = history.oldest - 1; after <= history.newest; after += 1) {
              const later = sequences.filter((sequence) => sequence > after);
              const [next = null] = later;
              const sequence = later.at(-1);
              const newest = sequence === undefined ? null : { sequence, before: later.length - 1 };
              expect(history.nextOfItem(itemId, after, deliveryClass)).toBe(next);
              expect(history.newestOfItem(itemId, after, deliveryClass)).toEqual(newest);
            }
          }
        },
      ),
    );
  });

  test('ids that are unknown, ephemeral, empty or property names are no positions', () => {
    const history = new History(UNBOUNDED);
    history.append(eventOf(), 0);
    for (const id of ['', 'e0', '~1.x.5', '__proto__', 'constructor', 'e'.repeat(600)]) {
      expect(history.positionOf(id)).toBeNull();
    }
  });

  test('an event that is held is not taken in twice', () => {
    const history = new History(UNBOUNDED);
    const event = eventOf();
    expect([history.append(event, 0), history.append(event, 0)]).toEqual([true, false]);
    expect(history.size).toBe(1);
  });

  test('an idle site: whoever has seen the last event has missed nothing, however long ago', () => {
    const history = new History({ ...UNBOUNDED, ageMaxMs: 10 });
    const [before, last] = [eventOf(), eventOf()];
    history.append(before, 0);
    history.append(last, 0);
    history.expire(11);
    expect(history.size).toBe(0);
    expect(history.positionOf(last.eventId)).toBe(history.newest);
    expect(history.positionOf(before.eventId)).toBeNull();
  });

  test('after a reset nothing from before can be recovered, and sequences go on', () => {
    const history = new History(UNBOUNDED);
    const before = eventOf();
    history.append(before, 0);
    history.clear();
    expect(history.positionOf(before.eventId)).toBeNull();
    expect([history.size, history.bytes, history.newestId]).toEqual([0, 0, null]);
    const after = eventOf();
    history.append(after, 0);
    expect(history.at(2)).toBe(after);
    expect(history.nextOfItem(itemIdOf(1), 0, 'must')).toBe(2);
  });
});

/** A server with one client, as the hub and the catch-ups make it: direct delivery unless the client is on its way. */
class OneClient {
  readonly history: History;
  readonly coverage = new Coverage();
  readonly userId = userIdOf(1);
  readonly isV2: boolean;
  readonly got: EventId[] = [];
  way: CatchUp | null = null;
  lost = false;

  constructor(bounds: HistoryBounds, isV2: boolean) {
    this.history = new History(bounds);
    this.isV2 = isV2;
  }

  goLive(since: number | null): void {
    if (since !== null) {
      this.way = new CatchUp(this.history, this, { after: since, itemIds: [], ofUser: true });
    }
    this.coverage.userAfter = since ?? this.history.newest;
  }

  publish(event: HistoryEvent): void {
    this.history.append(event, 0);
    if (this.way === null && this.isAudience(event)) this.got.push(event.eventId);
  }

  isAudience({ itemId, userIds, v2Only }: HistoryEvent): boolean {
    const watches = itemId !== null && this.coverage.items.has(itemId);
    const isOwn = this.coverage.userAfter !== null && userIds.includes(this.userId);
    return (watches || isOwn) && (this.isV2 || !v2Only);
  }

  subscribe(itemIds: readonly ItemId[], since: number | null): void {
    if (since !== null) {
      this.way = new CatchUp(this.history, this, { after: since, itemIds, ofUser: false });
    }
    for (const itemId of itemIds) this.coverage.watch(itemId, since ?? this.history.newest);
  }

  advance(eventsMax: number): void {
    const progress = this.way?.read({ eventsMax, bytesMax: 1e9 }, ({ eventId }) =>
      this.got.push(eventId),
    );
    if (progress === 'lost') this.lost = true;
    if (progress === 'done') this.way = null;
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('publish' as const), event: someEvent }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('subscribe' as const),
      items: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
      back: fc.option(fc.nat(30)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('unsubscribe' as const),
      item: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      events: fc.integer({ min: 1, max: 5 }),
    }),
  },
);

describe('catching up', () => {
  test('an event at most once, in order on each way, and after all of it exactly what is owed', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 80 }),
        fc.boolean(),
        fc.option(fc.nat(20)),
        (steps, isV2, since) => {
          const client = new OneClient(UNBOUNDED, isV2);
          const all: HistoryEvent[] = [];
          const publish = (setup: EventSetup): void => {
            const event = eventOf(setup);
            all.push(event);
            client.publish(event);
          };
          for (let before = 0; before < 20; before += 1) {
            publish({ items: (before % 4) + 1, users: [(before % 3) + 1] });
          }
          client.goLive(since);
          /** Naive: what it must have got in the end. */
          const owed = new Set<EventId>();
          const owe = (event: HistoryEvent, isOwed: boolean): void => {
            if (isOwed && (isV2 || !event.v2Only)) owed.add(event.eventId);
          };
          for (const event of all.slice(since ?? all.length))
            owe(event, event.userIds.includes(client.userId));
          for (const it of steps) {
            if (it.kind === 'publish') {
              publish(it.event);
              const event = all.at(-1);
              if (event !== undefined) owe(event, client.isAudience(event));
            } else if (it.kind === 'advance') {
              client.advance(it.events);
            } else {
              // A client's messages wait while it is on its way.
              while (client.way !== null) client.advance(3);
              if (it.kind === 'unsubscribe') {
                client.coverage.unwatch(itemIdOf(it.item), client.history.newest);
                continue;
              }
              const itemIds = it.items.map((id) => itemIdOf(id));
              const after = it.back === null ? null : Math.max(0, all.length - it.back);
              for (const event of all.slice(after ?? all.length).filter(isPosition)) {
                owe(event, event.itemId !== null && itemIds.includes(event.itemId));
              }
              client.subscribe(itemIds, after);
            }
          }
          const before = client.got.length;
          while (client.way !== null) client.advance(4);
          expect(new Set(client.got).size).toBe(client.got.length);
          expect(new Set(client.got)).toEqual(owed);
          const orderOf = new Map(all.map(({ eventId }, at) => [eventId, at]));
          const tail = client.got.slice(before).map((id) => orderOf.get(id) ?? -1);
          expect(tail).toEqual([...tail].sort((a, b) => a - b));
        },
      ),
      { numRuns: 400 },
    );
  });

  test('the pieces of a way make the whole, whatever their size', () => {
    const whole = new OneClient(UNBOUNDED, true);
    const pieces = new OneClient(UNBOUNDED, true);
    for (const client of [whole, pieces]) client.goLive(null);
    for (let at = 0; at < 200; at += 1) {
      const event = eventOf({ items: (at % 5) + 1, users: at % 7 === 0 ? [1] : [] });
      for (const client of [whole, pieces]) client.publish(event);
    }
    const items = [1, 2, 3].map((id) => itemIdOf(id));
    for (const client of [whole, pieces]) client.subscribe(items, 20);
    whole.advance(1_000);
    while (pieces.way !== null) pieces.advance(1);
    expect(pieces.got).toEqual(whole.got);
  });

  test('a way whose next events have left the history ends', () => {
    const client = new OneClient({ ...UNBOUNDED, eventsMax: 5 }, false);
    client.goLive(null);
    for (let at = 0; at < 5; at += 1) client.publish(eventOf());
    client.subscribe([itemIdOf(1)], 0);
    client.advance(2);
    expect(client.got).toHaveLength(2);
    for (let at = 0; at < 2; at += 1) client.publish(eventOf());
    client.advance(1);
    expect([client.lost, client.got.length]).toEqual([false, 3]);
    for (let at = 0; at < 2; at += 1) client.publish(eventOf());
    client.advance(9);
    expect([client.lost, client.got.length]).toEqual([true, 3]);
  });

  test('a replay costs what it replays: topics of others are not looked at', () => {
    const history = new History({ ...UNBOUNDED, eventsMax: 100_000 });
    for (let at = 0; at < 50_000; at += 1)
      history.append(eventOf({ items: at === 49_000 ? 2 : 1 }), 0);
    const looked: number[] = [];
    const spy = new Proxy(history, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (key === 'at') {
          return (sequence: number) => {
            looked.push(sequence);
            return target.at(sequence);
          };
        }
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    const coverage = new Coverage();
    const way = new CatchUp(
      spy,
      { userId: userIdOf(1), isV2: true, coverage },
      {
        after: 0,
        itemIds: [itemIdOf(2)],
        ofUser: false,
      },
    );
    coverage.watch(itemIdOf(2), 0);
    const given: EventId[] = [];
    expect(way.read({ eventsMax: 10, bytesMax: 1e6 }, ({ eventId }) => given.push(eventId))).toBe(
      'done',
    );
    expect(given).toHaveLength(1);
    expect(looked).toEqual([49_001]);
  });
});

test('ranges of items left are bounded', () => {
  const coverage = new Coverage();
  for (let round = 0; round < 3_000; round += 1) {
    coverage.watch(itemIdOf(1), round);
    coverage.unwatch(itemIdOf(1), round + 1);
  }
  const wasSent = coverage.sentBefore(null, new Set([itemIdOf(1)]));
  const sent = (sequence: number): boolean =>
    wasSent({ itemId: itemIdOf(1), userIds: [] }, sequence);
  expect([sent(3_000), sent(2_001), sent(2_000), sent(3_001)]).toEqual([true, true, false, false]);
});

test('what was sent already is looked at in pieces, too, however much it is', () => {
  const count = 10_000;
  const history = new History({ ...UNBOUNDED, eventsMax: count });
  const coverage = new Coverage();
  const itemId = itemIdOf(1);
  coverage.watch(itemId, history.newest);
  for (let at = 0; at < count; at += 1) history.append(eventOf(), 0);
  const follower = { userId: null, isV2: true, coverage };
  const way = new CatchUp(history, follower, { after: 0, itemIds: [itemId], ofUser: false });
  let given = 0;
  const places: number[] = [];
  const read = (): string => way.read({ eventsMax: 1, bytesMax: 1 }, () => (given += 1));
  while (read() === 'more') places.push(way.at);
  expect(places).toEqual([2_048, 4_096, 6_144, 8_192]);
  expect(given).toBe(0);
  expect(way.isAtEnd()).toBe(true);
});
