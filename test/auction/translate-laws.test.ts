/**
 * Laws of translation over random histories of a portal, in schemas with and without each optional column.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Book, type BookSchema } from '../../src/auction/book.ts';
import type { DomainEvent } from '../../src/auction/domain-event.ts';
import { itemIdOf } from '../../src/auction/ids.ts';
import type { RowChange } from '../../src/auction/row-change.ts';
import { missingItems, translate, translateChanges } from '../../src/auction/translate.ts';
import { withoutIds } from './builders.ts';
import { ITEMS, PortalModel, portalWrites, type PortalWrite } from './portal-model.ts';

const schemas = fc.record({
  leaderColumn: fc.boolean(),
  sellerColumn: fc.boolean(),
  reserveColumn: fc.boolean(),
  reserveMetColumn: fc.boolean(),
});

function loadedBook(schema: BookSchema): Book {
  const book = new Book(schema);
  const portal = new PortalModel(schema, 'FULL');
  for (let id = 0; id < ITEMS; id += 1) {
    const auction = portal.load(id);
    if (auction !== null) {
      book.set(auction);
    }
  }
  return book;
}

function historyOf(
  schema: BookSchema,
  writes: readonly PortalWrite[],
  rowImage: 'FULL' | 'MINIMAL',
): RowChange[] {
  const portal = new PortalModel(schema, rowImage);
  return writes.map((write) => portal.apply(write)).filter((change) => change !== null);
}

function contentsOf(book: Book): object[] {
  return [...book.values()].toSorted((a, b) => a.itemId.localeCompare(b.itemId));
}

/** Cuts after each place named; the pieces may be empty. */
function pieces(changes: readonly RowChange[], cuts: readonly number[]): RowChange[][] {
  const places = [0, ...cuts.map((cut) => cut % (changes.length + 1)), changes.length];
  const sorted = places.toSorted((a, b) => a - b);
  return sorted.slice(1).map((end, i) => changes.slice(sorted[i], end));
}

const cuts = fc.array(fc.nat(60), { maxLength: 8 });

describe('[law]', () => {
  test('pieces of a transaction give the events of the whole, ids and all', () => {
    fc.assert(
      fc.property(schemas, portalWrites, cuts, (schema, writes, at) => {
        const changes = historyOf(schema, writes, 'FULL');
        const whole = loadedBook(schema);
        const pieced = loadedBook(schema);
        const transaction = { id: '0-1-5', committedAtMs: 0, changes };
        const expected = translate(whole, transaction);
        const events = pieces(changes, at).flatMap((piece) =>
          translateChanges(pieced, '0-1-5', piece),
        );
        expect(events).toEqual(expected);
        expect(contentsOf(pieced)).toEqual(contentsOf(whole));
        expect(new Set(events.map(({ eventId }) => eventId)).size).toBe(events.length);
      }),
      { numRuns: 300 },
    );
  });

  test('two autocommits and one transaction give the same events but for the ids', () => {
    fc.assert(
      fc.property(schemas, portalWrites, cuts, (schema, writes, at) => {
        const changes = historyOf(schema, writes, 'FULL');
        const one = translate(loadedBook(schema), { id: '0-1-5', committedAtMs: 0, changes });
        const book = loadedBook(schema);
        const many = pieces(changes, at).flatMap((piece, i) =>
          translate(book, { id: `0-1-${6 + i}`, committedAtMs: i, changes: piece }),
        );
        expect(withoutIds(many)).toEqual(withoutIds(one));
      }),
      { numRuns: 300 },
    );
  });

  test('row images FULL and MINIMAL give the same events', () => {
    fc.assert(
      fc.property(schemas, portalWrites, (schema, writes) => {
        // The image of an altered bid names its item under FULL alone.
        const others = writes.filter(({ write }) => write !== 'alter');
        const run = (rowImage: 'FULL' | 'MINIMAL'): object[] =>
          withoutIds(
            translateChanges(loadedBook(schema), '0-1-5', historyOf(schema, others, rowImage)),
          );
        expect(run('MINIMAL')).toEqual(run('FULL'));
      }),
      { numRuns: 300 },
    );
  });

  test('the book equals the tables after each change, stale leaders read again', () => {
    fc.assert(
      fc.property(schemas, portalWrites, (schema, writes) => {
        const portal = new PortalModel(schema, 'FULL');
        const book = loadedBook(schema);
        for (const write of writes) {
          const change = portal.apply(write);
          if (change === null) {
            continue;
          }
          const events = translateChanges(book, '0-1-5', [change]);
          for (const itemId of book.needsReload) {
            const auction = portal.load(Number(itemId));
            if (auction !== null) {
              book.set(auction);
            }
          }
          for (let id = 0; id < ITEMS; id += 1) {
            expect(book.get(itemIdOf(id)) ?? null).toEqual(portal.load(id));
          }
          expectCountOfTable(events, portal);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a book that starts empty and reads what is missing ends as the tables are', () => {
    fc.assert(
      fc.property(schemas, portalWrites, (schema, writes) => {
        const portal = new PortalModel(schema, 'FULL');
        const book = new Book(schema);
        for (const write of writes) {
          const before = [...Array(ITEMS).keys()].map((id) => portal.load(id));
          const change = portal.apply(write);
          if (change === null) {
            continue;
          }
          for (const itemId of [...missingItems(book, [change]), ...book.needsReload]) {
            const auction = before[Number(itemId)] ?? null;
            if (auction !== null) {
              book.set(auction);
            }
          }
          expectCountOfTable(translateChanges(book, '0-1-5', [change]), portal);
        }
        for (const auction of book.values()) {
          if (!book.needsReload.has(auction.itemId)) {
            expect(auction).toEqual(portal.load(Number(auction.itemId)));
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

function expectCountOfTable(events: readonly DomainEvent[], portal: PortalModel): void {
  for (const event of events) {
    if (event.type === 'BidPlaced') {
      expect(event.bidCount).toBe(portal.bidCountOf(Number(event.itemId)));
    }
  }
}
