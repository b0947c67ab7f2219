import fc from 'fast-check';
import { expect, test } from 'vitest';

import { Hub } from '../../../server/hub.ts';
import { Encoder, type Publication } from '../../../server/publication.ts';
import { PastPublications } from '../../../server/workers/past-publications.ts';
import type { EventId } from '../../../src/auction/ids.ts';
import { History, type HistoryBounds } from '../../../src/topics/history.ts';
import { bidPlaced, ending, standing } from '../support/events.ts';

let nowMs = 0;
const encoder = new Encoder({ bidderNames: 'full', legacyTimesZone: null }, () => nowMs);

const someBounds = fc.record({
  eventsMax: fc.integer({ min: 1, max: 12 }),
  bytesMax: fc.constantFrom(600, 2000, 1e9),
  ageMaxMs: fc.constantFrom(20, 1e9),
});
/** Batches, each so many events of a kind, so long after the one before. */
const someBatches = fc.array(
  fc.record({
    events: fc.integer({ min: 1, max: 4 }),
    kind: fc.constantFrom('bid', 'bid', 'bid', 'countdown', 'user'),
    afterMs: fc.integer({ min: 0, max: 10 }),
  }),
  { maxLength: 40 },
);

function eventOf(kind: string) {
  if (kind === 'countdown') return ending(1, 10);
  return kind === 'user' ? standing(7, false) : bidPlaced(1, 7, '12.50');
}

function take(hub: Hub, { events, committedAtMs, nowMs: atMs }: Publication): void {
  for (const event of events) if ('json' in event) hub.keep(event, { committedAtMs, nowMs: atMs });
}

/** Everything held, in pieces as a new worker gets it. */
function* pieces(past: PastPublications, countMax: number): Generator<Publication> {
  for (let sequence = 0; ;) {
    const { publications, next } = past.after(sequence, countMax);
    if (publications.length === 0) return;
    sequence = next;
    yield* publications;
  }
}

function hubOf(bounds: HistoryBounds): Hub {
  return new Hub(new History(bounds));
}

test('whoever can recover from a worker that was there can do so from one that starts later', () => {
  fc.assert(
    fc.property(
      someBounds,
      someBatches,
      fc.integer({ min: 1, max: 5 }),
      (bounds, batches, piece) => {
        nowMs = 1000;
        const past = new PastPublications(bounds);
        const early = hubOf(bounds);
        const ids: EventId[] = [];
        for (const { events, kind, afterMs } of batches) {
          nowMs += afterMs;
          const batch = Array.from({ length: events }, () => eventOf(kind));
          const publication = encoder.encode({
            events: batch,
            nameOf: () => null,
            committedAtMs: kind === 'countdown' ? null : nowMs,
          });
          past.append(publication);
          take(early, publication);
          ids.push(...batch.map(({ eventId }) => eventId));
        }
        early.history.expire(nowMs);
        past.expire(nowMs);

        const late = hubOf(bounds);
        for (const publication of pieces(past, piece)) {
          expect(publication.replay).toBe(true);
          take(late, publication);
        }
        late.history.expire(nowMs);

        expect(late.history.newestId).toBe(early.history.newestId);
        for (const id of ids) {
          const there = early.history.positionOf(id);
          if (there === null) continue;
          const here = late.history.positionOf(id);
          expect(here).not.toBeNull();
          expect(late.history.newest - (here ?? 0)).toBe(early.history.newest - there);
        }
      },
    ),
  );
});

test('what came before a reset is not handed over, and a reader goes on with what came after', () => {
  const past = new PastPublications({ eventsMax: 100, bytesMax: 1e9, ageMaxMs: 1e9 });
  const publish = (): EventId => {
    const event = bidPlaced(1, 7, '12.50');
    past.append(encoder.encode({ events: [event], nameOf: () => null, committedAtMs: nowMs }));
    return event.eventId;
  };
  publish();
  publish();
  const { next } = past.after(0, 1);
  past.clear();
  expect(past.events).toBe(0);
  const after = publish();
  const held = [...past.after(next, 10).publications].flatMap(({ events }) => events);
  expect(held.map(({ eventId }) => eventId)).toEqual([after]);
});
