import { describe, expect, test } from 'vitest';
import { bidIdOf, itemIdOf, userIdOf } from '../../src/auction/ids.ts';
import { compareBidIds } from '../../src/auction/bid-rows.ts';
import type { RowChange } from '../../src/auction/row-change.ts';
import { endOfRun, missingItems, missingLeaders, translate } from '../../src/auction/translate.ts';
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
  transactionOf,
} from './builders.ts';

const ALICE = userIdOf(3);
const BOB = userIdOf(4);

describe('bid insert', () => {
  test('gives BidPlaced with every field, and counts', () => {
    const book = bookWith(LEADER_SCHEMA, { bidCount: 4 });
    const [event, ...others] = translate(
      book,
      transactionOf('0-1-5', bidInsert(77, 1, 3, '12.50')),
    );
    expect(others).toEqual([]);
    expect(event).toEqual({
      type: 'BidPlaced',
      eventId: 'm0-1-5.0.0.t9t8qo',
      itemId: '1',
      bidId: '77',
      bidderId: '3',
      amount: '12.50',
      placedAtMs: 5_000,
      reserveMet: null,
      bidCount: 5,
    });
    expect(book.get(itemIdOf(1))?.bidCount).toBe(5);
  });

  test.each(['upcoming', 'sold', 'unsold', 'cancelled'] as const)(
    'also on an item that is %s',
    (status) => {
      const book = bookWith(LEADER_SCHEMA, { status });
      const events = translate(book, transactionOf('0-1-5', bidInsert(77, 1, 3, '12.50')));
      expect(events.map(({ type }) => type)).toEqual(['BidPlaced']);
    },
  );

  test('also on an item that nobody knows any more', () => {
    const book = bookWith(LEADER_SCHEMA);
    const changes = [bidInsert(1, 5, 3, '1.00'), bidInsert(2, 5, 3, '2.00')];
    const events = translate(book, transactionOf('0-1-5', ...changes));
    expect(events).toMatchObject([
      { type: 'BidPlaced', itemId: '5', bidCount: 1, reserveMet: null },
      { type: 'BidPlaced', itemId: '5', bidCount: 2, reserveMet: null },
    ]);
  });

  test('two bids in one transaction are two events', () => {
    const book = bookWith(LEADER_SCHEMA);
    const events = translate(
      book,
      transactionOf('0-1-5', bidInsert(1, 1, 3, '11.00'), bidInsert(2, 1, 4, '12.00')),
    );
    expect(events).toMatchObject([
      { bidId: '1', bidCount: 1 },
      { bidId: '2', bidCount: 2 },
    ]);
    expect(new Set(events.map(({ eventId }) => eventId)).size).toBe(2);
  });

  test('a bid that is already in the count is not counted again', () => {
    const countedBids = new Set([bidIdOf(8), bidIdOf(9)]);
    const book = bookWith(LEADER_SCHEMA, { bidCount: 2, countedBids });
    const changes = [bidInsert(8, 1, 3, '11.00'), bidInsert(9, 1, 3, '12.00')];
    const events = translate(
      book,
      transactionOf('0-1-5', ...changes, bidInsert(10, 1, 3, '13.00')),
    );
    expect(events).toMatchObject([{ bidCount: 2 }, { bidCount: 2 }, { bidCount: 3 }]);
    expect(book.get(itemIdOf(1))?.countedBids).toBeNull();
  });

  test.each([
    ['no reserve', { reservePrice: null, reserveMet: false }, null],
    ['below the reserve', { reservePrice: money('12.51'), reserveMet: true }, false],
    ['at the reserve', { reservePrice: money('12.5'), reserveMet: false }, true],
    ['only a met column', { reservePrice: undefined, reserveMet: true }, true],
    ['only an unmet column', { reservePrice: undefined, reserveMet: false }, false],
    ['neither column', { reservePrice: undefined, reserveMet: undefined }, null],
  ])('reserveMet: %s', (_, fields, reserveMet) => {
    const book = bookWith(LEADER_SCHEMA, fields);
    const events = translate(book, transactionOf('0-1-5', bidInsert(1, 1, 3, '12.50')));
    expect(events).toMatchObject([{ type: 'BidPlaced', reserveMet }]);
  });
});

describe('leader without a leader column', () => {
  const led = { leaderId: ALICE, leadingAmount: money('20.00'), leadingBidId: bidIdOf(100) };

  test.each([
    ['higher', 101, '20.01', true],
    ['higher by the whole, though shorter as text', 101, '100', true],
    ['lower', 101, '9.99', false],
    ['equal and later', 101, '20', false],
    ['equal with the lower id', 99, '20.000', true],
  ])('a bid that is %s', (_, bidId, amount, takesLead) => {
    const book = bookWith(BIDS_ONLY_SCHEMA, led);
    const events = translate(book, transactionOf('0-1-5', bidInsert(bidId, 1, 4, amount)));
    expect(events.map(({ type }) => type)).toEqual(
      takesLead ? ['BidPlaced', 'LeaderOutbid'] : ['BidPlaced'],
    );
    expect(book.get(itemIdOf(1))?.leaderId).toBe(takesLead ? BOB : ALICE);
    if (takesLead) {
      expect(events[1]).toMatchObject({
        userId: ALICE,
        newBidAmount: amount,
        yourBidAmount: '20.00',
        eventId: 'm0-1-5.0.1.t9t8qo',
      });
    }
  });

  test('a leader who raises his own bid is not outbid', () => {
    const book = bookWith(BIDS_ONLY_SCHEMA, led);
    const events = translate(book, transactionOf('0-1-5', bidInsert(101, 1, 3, '30.00')));
    expect(events.map(({ type }) => type)).toEqual(['BidPlaced']);
    expect(book.get(itemIdOf(1))).toMatchObject({ leadingAmount: '30.00', leadingBidId: '101' });
  });

  test('nobody is outbid on an item that is not active', () => {
    const book = bookWith(BIDS_ONLY_SCHEMA, { ...led, status: 'sold' });
    const events = translate(book, transactionOf('0-1-5', bidInsert(101, 1, 4, '30.00')));
    expect(events.map(({ type }) => type)).toEqual(['BidPlaced']);
  });

  test('the first bid leads, outbidding nobody', () => {
    const book = bookWith(BIDS_ONLY_SCHEMA);
    const events = translate(book, transactionOf('0-1-5', bidInsert(1, 1, 3, '1.00')));
    expect(events.map(({ type }) => type)).toEqual(['BidPlaced']);
    expect(book.get(itemIdOf(1))?.leaderId).toBe(ALICE);
  });

  test('where the items row names the leader, bids do not', () => {
    const book = bookWith(LEADER_SCHEMA, { leaderId: ALICE });
    const events = translate(book, transactionOf('0-1-5', bidInsert(1, 1, 4, '99.00')));
    expect(events.map(({ type }) => type)).toEqual(['BidPlaced']);
    expect(book.get(itemIdOf(1))?.leaderId).toBe(ALICE);
  });

  test('a deleted leading bid leaves the leader to be read again', () => {
    const book = bookWith(BIDS_ONLY_SCHEMA, { ...led, bidCount: 3 });
    translate(book, transactionOf('0-1-5', bidDelete(99, 1)));
    expect([...book.needsReload]).toEqual([]);
    translate(book, transactionOf('0-1-6', bidDelete(100, 1)));
    expect([...book.needsReload]).toEqual(['1']);
    expect(book.get(itemIdOf(1))).toMatchObject({
      leaderId: null,
      leadingAmount: null,
      leadingBidId: null,
      bidCount: 1,
    });
    expect(missingItems(book, [bidInsert(101, 1, 4, '5.00')])).toEqual(['1']);
  });
});

describe('bid delete', () => {
  test('gives BidRetracted with the price the book holds, and counts down to 0 at most', () => {
    const book = bookWith(LEADER_SCHEMA, { bidCount: 1, currentPrice: money('15.00') });
    const events = translate(book, transactionOf('0-1-5', bidDelete(7, 1), bidDelete(8, 1)));
    expect(events).toEqual([
      {
        type: 'BidRetracted',
        eventId: 'm0-1-5.0.0.t9t8qo',
        itemId: '1',
        bidId: '7',
        currentPrice: '15.00',
      },
      expect.objectContaining({ type: 'BidRetracted', bidId: '8' }),
    ]);
    expect(book.get(itemIdOf(1))?.bidCount).toBe(0);
  });

  test('an image that does not name the item gives nothing', () => {
    const book = bookWith(LEADER_SCHEMA, { bidCount: 1 });
    const change: RowChange = {
      index: 0,
      timestampMs: 0,
      table: 'bids',
      kind: 'delete',
      bidId: bidIdOf(7),
      before: {},
    };
    expect(translate(book, transactionOf('0-1-5', change))).toEqual([]);
    expect(missingItems(book, [change])).toEqual([]);
  });
});

describe('bid update', () => {
  const A20 = { itemId: itemIdOf(1), bidderId: ALICE, amount: money('20.00') };
  const B30 = { itemId: itemIdOf(1), bidderId: BOB, amount: money('30.00') };
  const two = { bidCount: 2, leaderId: BOB, leadingAmount: B30.amount, leadingBidId: bidIdOf(8) };

  test('publishes nothing; a bid that moves is counted where it went', () => {
    const book = bookWith(
      LEADER_SCHEMA,
      { bidCount: 2 },
      { itemId: itemIdOf(2), bidCount: 5, countedBids: new Set([bidIdOf(9)]) },
    );
    const moved = { ...A20, itemId: itemIdOf(2) };
    expect(translate(book, transactionOf('0-1-5', bidUpdate(7, A20, moved)))).toEqual([]);
    expect([1, 2].map((id) => book.get(itemIdOf(id))?.bidCount)).toEqual([1, 6]);
    // One that the tables had counted already when the entry was read.
    expect(translate(book, transactionOf('0-1-6', bidUpdate(9, A20, moved)))).toEqual([]);
    expect([1, 2].map((id) => book.get(itemIdOf(id))?.bidCount)).toEqual([0, 6]);
    expect(book.needsReload.size).toBe(0);
  });

  test('a leading bid that is lowered or moved away: who leads must be read', () => {
    for (const after of [
      { ...B30, amount: money('15.00') },
      { ...B30, itemId: itemIdOf(2) },
    ]) {
      const book = bookWith(BIDS_ONLY_SCHEMA, two);
      const change = bidUpdate(8, B30, after);
      expect(translate(book, transactionOf('0-1-5', change))).toEqual([]);
      expect(book.get(itemIdOf(1))).toMatchObject({ leaderId: null, leadingBidId: null });
      expect([...book.needsReload]).toEqual(['1']);
      expect(missingItems(book, [change])).toEqual(['1']);
    }
  });

  test('a bid that is raised above the leader leads, and the next one outbids it', () => {
    const book = bookWith(BIDS_ONLY_SCHEMA, two);
    const raised = { ...A20, amount: money('40.00') };
    expect(translate(book, transactionOf('0-1-5', bidUpdate(7, A20, raised)))).toEqual([]);
    const events = translate(book, transactionOf('0-1-6', bidInsert(9, 1, 5, '41.00')));
    expect(events[1]).toMatchObject({ userId: '3', newBidAmount: '41.00', yourBidAmount: '40.00' });
  });

  test('a leading bid that changes hands is led by the other', () => {
    const book = bookWith(BIDS_ONLY_SCHEMA, two);
    translate(book, transactionOf('0-1-5', bidUpdate(8, B30, { ...B30, bidderId: ALICE })));
    expect(book.get(itemIdOf(1))).toMatchObject({ leaderId: '3', leadingAmount: '30.00' });
    expect(book.needsReload.size).toBe(0);
  });

  test('half a bid that moves (row image MINIMAL) cannot be weighed: the item is read', () => {
    const book = bookWith(BIDS_ONLY_SCHEMA, two);
    translate(book, transactionOf('0-1-5', bidUpdate(7, {}, { itemId: itemIdOf(1) })));
    expect(book.get(itemIdOf(1))?.bidCount).toBe(3);
    expect([...book.needsReload]).toEqual(['1']);
  });

  test('images that do not name the item, and items not in the book, change nothing', () => {
    const book = bookWith(BIDS_ONLY_SCHEMA, two);
    const changes = [
      bidUpdate(7, {}, { amount: money('50.00') }),
      bidUpdate(7, { ...A20, itemId: itemIdOf(5) }, { ...A20, itemId: itemIdOf(6) }),
    ];
    expect(missingItems(book, changes)).toEqual([]);
    expect(translate(book, transactionOf('0-1-5', ...changes))).toEqual([]);
    expect(book.size).toBe(1);
    expect(book.get(itemIdOf(1))).toMatchObject(two);
  });
});

test('bid ids compare by number', () => {
  const ids = ['10', '9', '100', '18446744073709551615', '2'].map((id) => bidIdOf(id));
  expect(ids.toSorted(compareBidIds)).toEqual(['2', '9', '10', '100', '18446744073709551615']);
  expect(compareBidIds(bidIdOf('b'), bidIdOf('a'))).toBeGreaterThan(0);
});

describe('missingItems', () => {
  const full = {
    status: 'active',
    currentPrice: money('1.00'),
    endTimeMs: 1,
    sellerId: null,
    highestBidderId: null,
    reservePrice: null,
    reserveMet: null,
  } as const;

  test('items of bids and live item rows that are not in the book, once, in order', () => {
    const book = bookWith(LEADER_SCHEMA, {});
    const changes = [
      bidInsert(1, 7, 3, '1.00'),
      bidInsert(2, 1, 3, '1.00'),
      bidDelete(3, 6),
      bidInsert(4, 7, 3, '2.00'),
      itemUpdate(5, { status: 'upcoming' }, { status: 'active' }),
    ];
    expect(missingItems(book, changes)).toEqual(['7', '6', '5']);
  });

  test('an insert defines its item, unless its image is partial', () => {
    const book = bookWith(LEADER_SCHEMA);
    const partial = { currentPrice: money('1.00'), endTimeMs: 1 };
    expect(missingItems(book, [itemInsert(5, full), bidInsert(1, 5, 3, '1.00')])).toEqual([]);
    expect(missingItems(book, [itemInsert(5, partial), bidInsert(1, 5, 3, '1.00')])).toEqual(['5']);
  });

  test('rows that concern no live auction need no read; a partial image may hide one', () => {
    const book = bookWith(LEADER_SCHEMA);
    expect(missingItems(book, [itemUpdate(5, { status: 'sold' }, { status: 'sold' })])).toEqual([]);
    expect(missingItems(book, [itemDelete(5, { status: 'active' })])).toEqual([]);
    expect(missingItems(book, [itemUpdate(5, {}, { currentPrice: null })])).toEqual(['5']);
  });

  test('users and watchlist rows name no item to read', () => {
    const book = bookWith(LEADER_SCHEMA);
    const row = { index: 0, timestampMs: 0, userId: ALICE };
    expect(
      missingItems(book, [
        { ...row, table: 'watchlist', kind: 'insert', itemId: itemIdOf(50) },
        { ...row, table: 'users', kind: 'delete' },
      ]),
    ).toEqual([]);
  });
});

describe('who leads has to be read (schemas without a leader column)', () => {
  const A20 = { itemId: itemIdOf(1), bidderId: ALICE, amount: money('20.00') };
  const ended = itemUpdate(1, { status: 'active' }, { status: 'sold' });

  test('a run ends before the bid or the end that needs to know, and before nothing else', () => {
    const gone = bidDelete(8, 1);
    const changes = [
      gone,
      bidDelete(7, 1),
      bidInsert(9, 2, 5, '1.00'),
      bidInsert(9, 1, 5, '25.00'),
    ];
    expect(endOfRun(changes, 0, 4)).toBe(3);
    expect(endOfRun(changes, 3, 4)).toBe(4);
    expect(endOfRun([gone, ended], 0, 2)).toBe(1);
    const lowered = bidUpdate(8, A20, { ...A20, amount: money('15.00') });
    expect(endOfRun([lowered, lowered, bidInsert(9, 1, 5, '16.00')], 0, 3)).toBe(2);
    expect(endOfRun([bidInsert(9, 1, 5, '16.00'), gone], 0, 2)).toBe(2);
  });

  test('named by what needs it; once entered, the next bid outbids that leader', () => {
    const book = bookWith(BIDS_ONLY_SCHEMA, {
      leaderId: BOB,
      leadingBidId: bidIdOf(8),
      leadingAmount: money('30.00'),
    });
    translate(book, transactionOf('0-1-5', bidDelete(8, 1)));
    expect([...book.lacksLeader]).toEqual(['1']);
    expect(missingLeaders(book, [bidDelete(7, 1)])).toEqual([]);
    expect(missingLeaders(book, [ended, bidInsert(9, 1, 5, '25.00')])).toEqual(['1']);
    book.setLeader(itemIdOf(1), { bidId: bidIdOf(7), bidderId: ALICE, amount: money('20.00') });
    expect([book.lacksLeader.size, book.needsReload.size]).toEqual([0, 0]);
    const events = translate(book, transactionOf('0-1-6', bidInsert(9, 1, 5, '25.00')));
    expect(events[1]).toMatchObject({ type: 'LeaderOutbid', userId: '3', yourBidAmount: '20.00' });
  });

  test('a bid that leads before the stream brings it: who led before it must be read', () => {
    const book = bookWith(BIDS_ONLY_SCHEMA, {
      leaderId: BOB,
      leadingBidId: bidIdOf(8),
      leadingAmount: money('30.00'),
    });
    expect(missingLeaders(book, [bidInsert(9, 1, 4, '40.00')])).toEqual([]);
    expect(missingLeaders(book, [bidInsert(8, 1, 4, '30.00')])).toEqual(['1']);
    expect(book.get(itemIdOf(1))?.leaderId).toBeNull();
  });
});
