import { describe, expect, test } from 'vitest';
import { decodeRow } from '../../cdc/row-decoder.ts';
import type { RawImage } from '../../cdc/row-decoder.ts';
import { bindTable } from '../../cdc/table-columns.ts';
import type { TableBinding, TableShape } from '../../cdc/table-columns.ts';
import type { RowChange } from '../../src/auction/row-change.ts';
import { UTC, wallClockToEpochMs } from '../../src/auction/zone.ts';
import { labMapping } from './support/lab-mapping.ts';

const mapping = labMapping();
const TYPES: Record<string, number> = {
  bigint: 8,
  int: 3,
  enum: 247,
  decimal: 246,
  datetime: 18,
  timestamp: 17,
  varchar: 15,
};

/** What a TableMap says when the table is as the mapping has it. */
function shape(
  table: 'items' | 'bids' | 'users' | 'watchlist',
  overrides: Partial<TableShape> = {},
): TableShape {
  const definition = mapping[table]?.definition ?? [];
  return {
    table,
    types: definition.map((column) => TYPES[column.dataType] ?? -1),
    metadata: definition.map((column) => {
      if (column.dataType === 'decimal') return { precision: 10, decimals: 2 };
      if (column.dataType === 'enum') return { size: 1 };
      return { decimals: 0 };
    }),
    signedness: definition.map((column) =>
      column.dataType.endsWith('int') ? column.columnType.includes('unsigned') : undefined,
    ),
    names: null,
    keys: definition.map((column) => column.name),
    ...overrides,
  };
}

/** An image that holds exactly the given columns. */
function image(binding: TableBinding, row: Record<string, unknown>): RawImage {
  const present = new Uint8Array(2);
  for (const column of binding.columns.values()) {
    if (column.name in row)
      present[column.ordinal >> 3] =
        (present[column.ordinal >> 3] ?? 0) | (1 << (column.ordinal & 7));
  }
  const absent = Object.fromEntries(
    [...binding.columns.values()].map((column) => [column.name, null]),
  );
  return { row: { ...absent, ...row }, present };
}

function decode(
  table: 'items' | 'bids' | 'users' | 'watchlist',
  { before, after }: { before?: Record<string, unknown>; after?: Record<string, unknown> },
): { changes: RowChange[]; places: number } {
  const binding = bindTable(mapping, shape(table));
  const changes: RowChange[] = [];
  const places = decodeRow(
    binding,
    {
      before: before === undefined ? null : image(binding, before),
      after: after === undefined ? null : image(binding, after),
      index: 5,
      timestampMs: 1000,
    },
    {
      options: {
        wallClockToEpochMs: (text) => wallClockToEpochMs(text, UTC),
        statusWords: mapping.statusWords,
        bannedWords: mapping.bannedWords,
      },
      into: changes,
    },
  );
  return { changes, places };
}

const ITEM = { id: 1, status: 'live', price: '1.00', ends_at: '2026-01-01 00:00:00' };
const BID = { id: 9, item_id: 1, user_id: 2, amount: '1.00', created_at: '2026-01-01 00:00:00.5' };

describe('rows', () => {
  test('an item updated in a mapped column; in none; by its key', () => {
    expect(
      decode('items', { before: ITEM, after: { ...ITEM, price: '2.00' } }).changes,
    ).toMatchObject([{ kind: 'update', itemId: '1', index: 5, timestampMs: 1000 }]);
    expect(decode('items', { before: ITEM, after: ITEM })).toEqual({ changes: [], places: 1 });
    expect(decode('items', { before: ITEM, after: { ...ITEM, id: 2 } })).toMatchObject({
      places: 2,
      changes: [
        { kind: 'delete', itemId: '1', index: 5 },
        { kind: 'insert', itemId: '2', index: 6, after: { currentPrice: '1.00' } },
      ],
    });
  });

  test('a minimal image: absent is not null, and what may have changed is kept', () => {
    const { changes } = decode('items', { before: { id: 1 }, after: { price: null } });
    expect(changes).toEqual([
      {
        table: 'items',
        kind: 'update',
        itemId: '1',
        before: {},
        after: { currentPrice: null },
        index: 5,
        timestampMs: 1000,
      },
    ]);
    expect(decode('items', { before: { id: 1 }, after: {} })).toEqual({ changes: [], places: 1 });
    expect(() => decode('items', { before: { price: '1.00' }, after: { price: '2.00' } })).toThrow(
      /items\.id is not in the row image/,
    );
  });

  test('bids: an update is kept when it changes item, bidder or amount, or may have', () => {
    const before = BID;
    for (const [column, value] of Object.entries({ item_id: 2, user_id: 3, amount: '2.00' })) {
      expect(decode('bids', { before, after: { ...BID, [column]: value } })).toMatchObject({
        changes: [{ kind: 'update', bidId: '9', index: 5, before: { itemId: '1' } }],
        places: 1,
      });
    }
    const moved = '2026-01-01 00:00:01';
    for (const after of [BID, { ...BID, created_at: moved }]) {
      expect(decode('bids', { before, after })).toEqual({ changes: [], places: 1 });
    }
    expect(decode('bids', { before: { id: 9 }, after: { amount: '2.00' } }).changes).toMatchObject([
      { kind: 'update', before: {}, after: { amount: '2.00' } },
    ]);
    expect(decode('bids', { before: { id: 9 }, after: { created_at: moved } }).changes).toEqual([]);
  });

  test('bids: a replaced row is a new bid, a delete may know only the key', () => {
    expect(
      decode('bids', { before: BID, after: { ...BID, id: 10, amount: '2.00' } }),
    ).toMatchObject({
      places: 2,
      changes: [
        { kind: 'delete', bidId: '9' },
        { kind: 'insert', bidId: '10', after: { amount: '2.00', itemId: '1', bidderId: '2' } },
      ],
    });
    expect(decode('bids', { before: { id: 9 } }).changes).toMatchObject([
      { kind: 'delete', bidId: '9', before: {} },
    ]);
    expect(() => decode('bids', { after: { id: 9, item_id: 1, user_id: 2 } })).toThrow(
      /bids\.amount is not in the row image/,
    );
    expect(() => decode('bids', { after: { ...BID, item_id: null } })).toThrow(/bids\.item_id/);
  });

  test('users and watchlist', () => {
    const user = { id: 1, name: 'Ann', status: 'ok' };
    expect(decode('users', { before: user, after: user }).changes).toEqual([]);
    expect(
      decode('users', { before: user, after: { ...user, status: 'Banned' } }).changes,
    ).toMatchObject([
      { kind: 'update', before: { mayConnect: true }, after: { mayConnect: false } },
    ]);
    const watch = { user_id: 1, item_id: 2 };
    expect(decode('watchlist', { before: watch, after: watch })).toEqual({
      changes: [],
      places: 1,
    });
    expect(decode('watchlist', { before: watch, after: { user_id: 1, item_id: 3 } })).toMatchObject(
      {
        places: 2,
        changes: [
          { kind: 'delete', itemId: '2' },
          { kind: 'insert', itemId: '3' },
        ],
      },
    );
  });

  test.each([
    ['0000-00-00 00:00:00', null],
    ['2026-00-10 00:00:00', null],
    ['2026-02-03 04:05:06.789123', Date.UTC(2026, 1, 3, 4, 5, 6, 789)],
    [null, null],
  ])('end time %s', (text, expected) => {
    expect(decode('items', { after: { ...ITEM, ends_at: text } }).changes).toMatchObject([
      { after: { endTimeMs: expected } },
    ]);
  });

  test('a TIMESTAMP past 2038, which zongji reads as before 1970', () => {
    expect(
      decode('bids', { after: { ...BID, created_at: '1901-12-13 20:45:52' } }).changes,
    ).toMatchObject([{ after: { placedAtMs: 2 ** 31 * 1000 } }]);
  });

  test.each([
    [{ status: 'paused' }, /items\.status holds the word "paused"/],
    [{ status: undefined }, /items\.status holds the word ""/],
    [{ price: 1.5 }, /items\.price does not hold an exact decimal/],
    [{ ends_at: 'soon' }, /items\.ends_at does not hold a date/],
    [{ id: null }, /items\.id is NULL/],
    [{ id: 1.5 }, /items\.id holds neither/],
  ])('%o is refused by name', (wrong, message) => {
    expect(() => decode('items', { after: { ...ITEM, ...wrong } })).toThrow(message);
  });
});

describe('tables', () => {
  const expected = shape('items');
  const cases: [string, Partial<TableShape>, RegExp][] = [
    ['another type', { types: [8, 247, 3, 18] }, /items\.price is not decimal\(10,2\)/],
    [
      'another precision',
      { metadata: [undefined, { size: 1 }, { precision: 12, decimals: 2 }, { decimals: 0 }] },
      /items\.price/,
    ],
    [
      'another sign',
      { signedness: [false, undefined, undefined, undefined] },
      /items\.id is signed/,
    ],
    [
      'fractions',
      { metadata: [undefined, { size: 1 }, { precision: 10, decimals: 2 }, { decimals: 3 }] },
      /items\.ends_at/,
    ],
    [
      'a column more',
      { types: [...expected.types, 3] },
      /items has 5 columns where 4 are expected/,
    ],
    ['a column less', { types: expected.types.slice(0, 3) }, /items has 3 columns/],
    [
      'a name missing',
      { names: ['id', 'status', 'amount', 'ends_at'] },
      /items\.price is not in the row events/,
    ],
  ];
  test.each(cases)('%s stops by name', (_, overrides, message) => {
    expect(() => bindTable(mapping, shape('items', overrides))).toThrow(message);
  });

  test('names that moved are found where they are', () => {
    const names = ['ends_at', 'price', 'status', 'id'];
    const binding = bindTable(
      mapping,
      shape('items', { names, keys: names, types: [18, 246, 247, 8] }),
    );
    expect(binding.columns.get('itemId')).toMatchObject({ ordinal: 3, key: 'id' });
    expect(binding.columns.get('endTime')).toMatchObject({ ordinal: 0, isUtc: false });
  });
});
