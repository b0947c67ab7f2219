import { describe, expect, test } from 'vitest';
import type { Auction, BookSchema } from '../../src/auction/book.ts';
import { bidIdOf, itemIdOf, userIdOf } from '../../src/auction/ids.ts';
import type { AuctionStatus, ItemImage } from '../../src/auction/row-change.ts';
import { translate } from '../../src/auction/translate.ts';
import {
  BIDS_ONLY_SCHEMA,
  bookWith,
  itemDelete,
  itemInsert,
  itemUpdate,
  LEADER_SCHEMA,
  money,
  transactionOf,
  withoutIds,
} from './builders.ts';

const ALICE = userIdOf(3);
const BOB = userIdOf(4);
const SELLER = userIdOf(9);

interface Scene {
  readonly schema?: BookSchema;
  readonly book?: Partial<Auction>;
  readonly before: ItemImage;
  readonly after: ItemImage;
}

function eventsOf(scene: Scene): object[] {
  const book = bookWith(scene.schema ?? LEADER_SCHEMA, scene.book ?? {});
  const change = itemUpdate(1, scene.before, scene.after);
  return withoutIds(translate(book, transactionOf('0-1-5', change)));
}

describe('leader column', () => {
  const before = {
    status: 'active',
    currentPrice: money('12.00'),
    highestBidderId: ALICE,
  } as const;
  const outbid = {
    type: 'LeaderOutbid',
    itemId: '1',
    userId: '3',
    newBidAmount: '15.00',
    yourBidAmount: '12.00',
  };

  test('A → B: A is outbid, new price after, old price before', () => {
    const after = { status: 'active', currentPrice: money('15.00'), highestBidderId: BOB } as const;
    expect(eventsOf({ before, after })).toEqual([outbid]);
  });

  test.each([
    ['nobody → B', { ...before, highestBidderId: null }, BOB],
    ['A → nobody', before, null],
    ['A → A at a higher price', before, ALICE],
  ])('%s: nobody is outbid', (_, from, to) => {
    const after = { status: 'active', currentPrice: money('15.00'), highestBidderId: to } as const;
    expect(eventsOf({ before: from, after })).toEqual([]);
  });

  test('not on an item that is not active', () => {
    const sold = { ...before, status: 'sold' } as const;
    expect(eventsOf({ before: sold, after: { ...sold, highestBidderId: BOB } })).toEqual([]);
  });

  test('partial images: the book says what they do not', () => {
    const book = { leaderId: ALICE, currentPrice: money('12.00') };
    const after = { currentPrice: money('15.00'), highestBidderId: BOB };
    expect(eventsOf({ book, before: {}, after })).toEqual([outbid]);
    expect(eventsOf({ book, before: {}, after: { highestBidderId: BOB } })).toEqual([
      { ...outbid, newBidAmount: '12.00' },
    ]);
  });

  test('bought at once: outbid, then the end', () => {
    const after = { status: 'sold', currentPrice: money('15.00'), highestBidderId: BOB } as const;
    expect(eventsOf({ before, after })).toMatchObject([
      outbid,
      { type: 'AuctionEnded', outcome: 'sold', winnerId: '4' },
    ]);
  });
});

describe('end time', () => {
  const active = { status: 'active', endTimeMs: 100_000 } as const;

  test.each([
    ['later', 100_000, 220_000, ['later']],
    ['earlier', 100_000, 50_000, ['earlier']],
    ['the same', 100_000, 100_000, []],
    ['none before: it ends sooner than never', null, 50_000, ['earlier']],
    ['none after: there is no time to tell', 100_000, null, []],
  ])('%s', (_, from, to, directions) => {
    const events = eventsOf({
      before: { ...active, endTimeMs: from },
      after: { ...active, endTimeMs: to },
    });
    expect(events).toEqual(
      directions.map((direction) => ({
        type: 'EndTimeMoved',
        itemId: '1',
        direction,
        endTimeMs: to,
      })),
    );
  });

  test.each([
    ['upcoming', 'upcoming'],
    ['sold', 'sold'],
  ] as const)('nothing while %s', (from, to) => {
    const events = eventsOf({
      before: { status: from, endTimeMs: 1 },
      after: { status: to, endTimeMs: 2 },
    });
    expect(events).toEqual([]);
  });

  test('a single-column update under row image MINIMAL', () => {
    const events = eventsOf({
      book: { endTimeMs: 100 },
      before: {},
      after: { endTimeMs: 200 },
    });
    expect(events).toMatchObject([{ type: 'EndTimeMoved', direction: 'later', endTimeMs: 200 }]);
  });
});

test('events of one row: LeaderOutbid, EndTimeMoved; ordinals in that order', () => {
  const book = bookWith(LEADER_SCHEMA);
  const change = itemUpdate(
    1,
    { status: 'active', currentPrice: money('1'), highestBidderId: ALICE, endTimeMs: 1000 },
    { status: 'active', currentPrice: money('2'), highestBidderId: BOB, endTimeMs: 2000 },
  );
  const events = translate(book, transactionOf('0-1-5', change));
  expect(events.map(({ type, eventId }) => [type, eventId])).toEqual([
    ['LeaderOutbid', 'm0-1-5.0.0.t9t8qo'],
    ['EndTimeMoved', 'm0-1-5.0.1.t9t8qo'],
  ]);
});

describe('status', () => {
  test('becomes active: AuctionStarted', () => {
    const events = eventsOf({
      book: { status: 'upcoming' },
      before: { status: 'upcoming' },
      after: { status: 'active', endTimeMs: 5_000, currentPrice: money('1.00') },
    });
    expect(events).toEqual([
      { type: 'AuctionStarted', itemId: '1', endTimeMs: 5_000, currentPrice: '1.00' },
    ]);
  });

  test('an inserted active item has started; any other has not', () => {
    const after = { status: 'active', endTimeMs: 5_000, currentPrice: money('1.00') } as const;
    const book = bookWith(LEADER_SCHEMA);
    const insert = (item: number, image: ItemImage): string[] =>
      translate(book, transactionOf('0-1-5', itemInsert(item, image))).map(({ type }) => type);
    expect(insert(2, after)).toEqual(['AuctionStarted']);
    expect(insert(3, { ...after, status: 'upcoming' })).toEqual([]);
    expect(book.get(itemIdOf(2))).toMatchObject({ bidCount: 0, status: 'active' });
    expect([...book.needsReload]).toEqual(['2', '3']); // the seller and the reserve were not said
  });

  test('active → upcoming: no event, and the book follows', () => {
    const book = bookWith(LEADER_SCHEMA);
    const change = itemUpdate(1, { status: 'active' }, { status: 'upcoming' });
    expect(translate(book, transactionOf('0-1-5', change))).toEqual([]);
    expect([book.get(itemIdOf(1))?.status, book.liveSize]).toEqual(['upcoming', 0]);
  });

  test.each([
    ['upcoming', 'cancelled'],
    ['sold', 'unsold'],
    ['unsold', 'sold'],
  ] as const)('%s → %s: no event', (from, to) => {
    expect(
      eventsOf({ book: { status: from }, before: { status: from }, after: { status: to } }),
    ).toEqual([]);
  });

  test('a deleted active item is cancelled, with its seller for the routing', () => {
    const book = bookWith(LEADER_SCHEMA, { leaderId: ALICE });
    expect(withoutIds(translate(book, transactionOf('0-1-5', itemDelete(1, {}))))).toEqual([
      {
        type: 'AuctionEnded',
        itemId: '1',
        outcome: 'cancelled',
        finalPrice: null,
        winnerId: null,
        sellerId: '9',
      },
    ]);
    expect(book.has(itemIdOf(1))).toBe(false);
  });

  test('a deleted item that was not active gives nothing; one not in the book is believed', () => {
    const book = bookWith(LEADER_SCHEMA, { status: 'sold' });
    expect(translate(book, transactionOf('0-1-5', itemDelete(1, {})))).toEqual([]);
    expect(translate(book, transactionOf('0-1-6', itemDelete(2, {})))).toEqual([]);
    const known = itemDelete(3, { status: 'active', sellerId: SELLER });
    expect(translate(book, transactionOf('0-1-7', known))).toMatchObject([
      { outcome: 'cancelled', sellerId: '9' },
    ]);
  });
});

describe('outcome', () => {
  const price = money('50.00');
  const nothing = { finalPrice: null, winnerId: null };
  const priced = { finalPrice: '50.00', winnerId: null };
  const won = { finalPrice: '50.00', winnerId: '3' };
  const both = { leaderColumn: true, reserveColumn: true, reserveMetColumn: true };
  const reserveOnly = { leaderColumn: true, reserveColumn: true };
  const metOnly = { leaderColumn: true, reserveMetColumn: true };
  const neither = { leaderColumn: true };
  const set = (text: string): Partial<Auction> => ({ reservePrice: money(text) });

  type Row = readonly [string, BookSchema, Partial<Auction>, AuctionStatus, string, object];
  const rows: readonly Row[] = [
    ['cancelled with a leader', both, { leaderId: ALICE }, 'cancelled', 'cancelled', nothing],
    ['no bids, completed', both, {}, 'sold', 'unsold', nothing],
    ['no bids, expired', both, {}, 'unsold', 'unsold', nothing],
    ['no bids below the reserve', both, set('99'), 'sold', 'unsold', nothing],
    ['a leader, no reserve column', neither, { leaderId: ALICE }, 'sold', 'sold', won],
    ['a leader, no reserve', both, { leaderId: ALICE, reserveMet: false }, 'sold', 'sold', won],
    ['a leader, but the word says unsold', both, { leaderId: ALICE }, 'unsold', 'unsold', priced],
    [
      'both columns: not met decides over the price',
      both,
      { leaderId: ALICE, ...set('10'), reserveMet: false },
      'sold',
      'reserve_not_met',
      priced,
    ],
    [
      'both columns: met decides over the price',
      both,
      { leaderId: ALICE, ...set('99'), reserveMet: true },
      'sold',
      'sold',
      won,
    ],
    [
      'both columns, the verdict NULL: the price decides',
      both,
      { leaderId: ALICE, ...set('50.01'), reserveMet: null },
      'sold',
      'reserve_not_met',
      priced,
    ],
    [
      'a reserve of zero is no hindrance',
      both,
      { leaderId: ALICE, ...set('0.00'), reserveMet: false },
      'sold',
      'sold',
      won,
    ],
    ['reserve only: at it', reserveOnly, { leaderId: ALICE, ...set('50') }, 'sold', 'sold', won],
    [
      'reserve only: below it',
      reserveOnly,
      { leaderId: ALICE, ...set('50.01') },
      'sold',
      'reserve_not_met',
      priced,
    ],
    [
      'reserve only: below it, and the word says unsold',
      reserveOnly,
      { leaderId: ALICE, ...set('50.01') },
      'unsold',
      'reserve_not_met',
      priced,
    ],
    ['met only: met', metOnly, { leaderId: ALICE, reserveMet: true }, 'sold', 'sold', won],
    [
      'met only: not met',
      metOnly,
      { leaderId: ALICE, reserveMet: false },
      'sold',
      'reserve_not_met',
      priced,
    ],
    ['met only: NULL', metOnly, { leaderId: ALICE, reserveMet: null }, 'sold', 'sold', won],
  ];

  test.each(rows)('%s', (_, schema, auction, status, outcome, money_) => {
    const events = eventsOf({
      schema,
      book: { currentPrice: price, ...auction },
      before: { status: 'active' },
      after: { status },
    });
    expect(events).toEqual([
      { type: 'AuctionEnded', itemId: '1', outcome, sellerId: '9', ...money_ },
    ]);
  });

  test('the reserve verdict of the very row that ends it', () => {
    const book = { leaderId: ALICE, currentPrice: price, ...set('40'), reserveMet: true };
    const after = { status: 'sold', reserveMet: false } as const;
    expect(eventsOf({ book, before: { status: 'active' }, after })).toMatchObject([
      { outcome: 'reserve_not_met' },
    ]);
  });

  test('without a leader column the leading bid wins', () => {
    const leading = { leaderId: BOB, leadingAmount: money('50.00'), leadingBidId: bidIdOf(5) };
    expect(
      eventsOf({
        schema: BIDS_ONLY_SCHEMA,
        book: { ...leading, currentPrice: null },
        before: { status: 'active' },
        after: { status: 'sold' },
      }),
    ).toMatchObject([{ outcome: 'sold', winnerId: '4', finalPrice: '50.00' }]);
  });
});

test('rows of items that are neither live nor in the book leave no trace', () => {
  const book = bookWith(LEADER_SCHEMA);
  const change = itemUpdate(5, { status: 'sold' }, { status: 'unsold' });
  expect(translate(book, transactionOf('0-1-5', change))).toEqual([]);
  expect(book.has(itemIdOf(5))).toBe(false);
});
