/**
 * Taking row changes back: over random histories of a portal the book comes out as it was, and forward again the events
 * come out as they were; where that cannot be, the way back ends and says why.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Book } from '../../src/auction/book.ts';
import type { Auction, BookSchema, LeadingBid } from '../../src/auction/book.ts';
import type { DomainEvent } from '../../src/auction/domain-event.ts';
import { bidIdOf, itemIdOf, userIdOf, type ItemId } from '../../src/auction/ids.ts';
import type { RowChange } from '../../src/auction/row-change.ts';
import { translateChanges } from '../../src/auction/translate.ts';
import { bidsOf, itemsOf, namesBefore, undo, undoableFrom } from '../../src/auction/undo.ts';
import {
  bidDelete,
  bidInsert,
  bidUpdate,
  BIDS_ONLY_SCHEMA,
  bookWith,
  itemDelete,
  itemInsert,
  itemUpdate,
  LEADER_SCHEMA,
  money,
  userUpdate,
} from './builders.ts';
import { ITEMS, PortalModel, portalWrites } from './portal-model.ts';

const schemas = fc.record({
  leaderColumn: fc.boolean(),
  sellerColumn: fc.boolean(),
  reserveColumn: fc.boolean(),
  reserveMetColumn: fc.boolean(),
});

function contentsOf(book: Book): Auction[] {
  return [...book.values()]
    .map((auction) => ({ ...auction }))
    .toSorted((a, b) => a.itemId.localeCompare(b.itemId));
}

function loadedBook(schema: BookSchema, portal: PortalModel): Book {
  const book = new Book(schema);
  for (let id = 0; id < ITEMS; id += 1) {
    const auction = portal.load(id);
    if (auction !== null) book.set(auction);
  }
  return book;
}

function leadersIn(contents: readonly Auction[]): Map<ItemId, LeadingBid | null> {
  return new Map(
    contents.map(({ itemId, leaderId, leadingAmount, leadingBidId }) => {
      const isLed = leaderId !== null && leadingAmount !== null && leadingBidId !== null;
      return [
        itemId,
        isLed ? { bidId: leadingBidId, bidderId: leaderId, amount: leadingAmount } : null,
      ];
    }),
  );
}

/** Rewrites the tables and translates each change; the state of the book before each, and the events of each. */
function live(schema: BookSchema, writes: Parameters<PortalModel['apply']>[0][]) {
  const portal = new PortalModel(schema, 'FULL');
  const book = loadedBook(schema, portal);
  const states: Auction[][] = [];
  const transactions: RowChange[][] = [];
  const events: DomainEvent[][] = [];
  for (const write of writes) {
    const change = portal.apply(write);
    if (change === null) continue;
    states.push(contentsOf(book));
    transactions.push([change]);
    events.push([...translateChanges(book, `0-1-${transactions.length.toString()}`, [change])]);
    for (const itemId of book.needsReload) {
      const auction = portal.load(Number(itemId));
      if (auction !== null) book.set(auction);
    }
  }
  return { book, states, transactions, events };
}

describe('[law]', () => {
  test('what was translated and taken back leaves the book as it was; forward again, the same events', () => {
    let undone = 0;
    fc.assert(
      fc.property(schemas, portalWrites, (schema, writes) => {
        const { book, states, transactions, events } = live(schema, writes);
        const end = contentsOf(book);
        const knows = (itemId: ItemId): boolean => book.has(itemId);
        const { from, stoppedBy } = undoableFrom(schema, transactions, knows);
        expect(stoppedBy === null).toBe(from === 0);
        const taken = transactions.slice(from);
        undone += taken.length;
        const before = states[from] ?? end;
        undo(book, taken, leadersIn(before));
        expect(contentsOf(book)).toEqual(before);
        const again = taken.map((changes, at) => [
          ...translateChanges(book, `0-1-${(from + at + 1).toString()}`, changes),
        ]);
        expect(again).toEqual(events.slice(from));
        expect(contentsOf(book)).toEqual(end);
        expect(book.needsReload.size).toBe(0);
      }),
      { numRuns: 500 },
    );
    // The law must not hold because nothing was ever taken back: on average one change a run at the very least.
    expect(undone).toBeGreaterThan(500);
  });
});

describe('the way back', () => {
  const all = (): boolean => true;
  const whole = {
    status: 'active',
    currentPrice: money('10.00'),
    endTimeMs: 1_000,
    sellerId: userIdOf(9),
    highestBidderId: null,
    reservePrice: null,
    reserveMet: false,
  } as const;

  test.each<[string, BookSchema, RowChange[][], number, string | null]>([
    [
      'ends at a partial image',
      LEADER_SCHEMA,
      [[itemUpdate(1, {}, { currentPrice: money('11.00') })], [bidInsert(2, 1, 3, '12.00')]],
      1,
      'partial image',
    ],
    [
      'ends at a partial insert',
      LEADER_SCHEMA,
      [[itemInsert(1, { status: 'active' })], [bidInsert(2, 1, 3, '12.00')]],
      1,
      'partial image',
    ],
    [
      'ends at a bid on an item that is deleted later',
      LEADER_SCHEMA,
      [[bidInsert(1, 1, 3, '12.00')], [bidInsert(2, 7, 3, '5.00')], [itemDelete(1, whole)]],
      1,
      'deleted item',
    ],
    [
      'goes past the row of an item that is deleted later',
      LEADER_SCHEMA,
      [[itemUpdate(1, whole, { ...whole, endTimeMs: 2_000 })], [itemDelete(1, whole)]],
      0,
      null,
    ],
    [
      'ends there where the leader follows from the bids',
      BIDS_ONLY_SCHEMA,
      [[itemUpdate(1, whole, { ...whole, endTimeMs: 2_000 })], [itemDelete(1, whole)]],
      1,
      'deleted item',
    ],
    [
      'goes past a deleted bid',
      LEADER_SCHEMA,
      [[bidInsert(1, 1, 3, '12.00')], [bidDelete(1, 1)]],
      0,
      null,
    ],
    [
      'ends at a deleted bid where the leader follows from the bids',
      BIDS_ONLY_SCHEMA,
      [[bidDelete(1, 1)], [bidInsert(2, 1, 3, '12.00')]],
      1,
      'deleted bid',
    ],
    [
      'goes past a moved bid',
      LEADER_SCHEMA,
      [[bidUpdate(1, { itemId: itemIdOf(1) }, { itemId: itemIdOf(2) })]],
      0,
      null,
    ],
    [
      'ends at a moved bid of which the image does not say where it was',
      LEADER_SCHEMA,
      [[bidUpdate(1, {}, { itemId: itemIdOf(2) })], [bidInsert(2, 1, 3, '12.00')]],
      1,
      'partial image',
    ],
    [
      'ends at a bid that moved away from an item that is deleted later',
      LEADER_SCHEMA,
      [[bidUpdate(1, { itemId: itemIdOf(1) }, { itemId: itemIdOf(2) })], [itemDelete(1, whole)]],
      1,
      'deleted item',
    ],
    [
      'ends at an altered bid where the leader follows from the bids',
      BIDS_ONLY_SCHEMA,
      [[bidUpdate(1, {}, { amount: money('9.00') })], [bidInsert(2, 1, 3, '12.00')]],
      1,
      'altered bid',
    ],
    [
      'ends at a bid of a user who is deleted later',
      LEADER_SCHEMA,
      [
        [bidInsert(1, 1, 3, '12.00')],
        [{ index: 0, timestampMs: 0, table: 'users', kind: 'delete', userId: userIdOf(3) }],
      ],
      1,
      'deleted user',
    ],
    [
      'ends at a rename without the old name',
      LEADER_SCHEMA,
      [[userUpdate(3, {}, { name: 'Ann' })], [bidInsert(2, 1, 3, '12.00')]],
      1,
      'partial image',
    ],
    [
      'takes the whole of a transaction or nothing of it',
      LEADER_SCHEMA,
      [[itemUpdate(1, {}, { endTimeMs: 5 }), bidInsert(1, 1, 3, '12.00')]],
      1,
      'partial image',
    ],
  ])('%s', (_, schema, transactions, from, stoppedBy) => {
    expect(undoableFrom(schema, transactions, all)).toEqual({ from, stoppedBy });
  });

  test('ends at an item that the book does not know', () => {
    const transactions = [[bidInsert(1, 1, 3, '12.00')], [bidInsert(2, 2, 3, '12.00')]];
    const knows = (itemId: ItemId): boolean => itemId === itemIdOf(2);
    expect(undoableFrom(LEADER_SCHEMA, transactions, knows)).toEqual({
      from: 1,
      stoppedBy: 'unknown item',
    });
  });

  test('ends at a bid on an item that is inserted later', () => {
    const transactions = [[bidInsert(1, 1, 3, '12.00')], [itemInsert(1, whole)]];
    expect(undoableFrom(LEADER_SCHEMA, transactions, all)).toEqual({
      from: 1,
      stoppedBy: 'unknown item',
    });
  });
});

test('items, bids and old names are gathered', () => {
  const transactions = [
    [bidInsert(1, 1, 3, '12.00'), userUpdate(3, { name: 'Ann' }, { name: 'Anna' })],
    [userUpdate(3, { name: 'Anna' }, { name: 'Annabel' }), bidInsert(2, 1, 4, '13.00')],
    [itemUpdate(2, {}, { endTimeMs: 5 }), bidDelete(7, 5)],
  ];
  expect([...itemsOf(transactions)]).toEqual([itemIdOf(1), itemIdOf(2), itemIdOf(5)]);
  expect(bidsOf(transactions)).toEqual(new Map([[itemIdOf(1), new Set([bidIdOf(1), bidIdOf(2)])]]));
  expect(namesBefore(transactions)).toEqual(new Map([[userIdOf(3), 'Ann']]));
});

test('an item that the book should hold and does not is an error', () => {
  const book = bookWith(LEADER_SCHEMA);
  expect(() => {
    undo(book, [[bidInsert(1, 1, 3, '12.00')]], new Map());
  }).toThrow('does not hold');
});
