import { describe, expect, test } from 'vitest';
import type { Cell } from '../../../cdc/binlog/column-value.ts';
import { decodeRow } from '../../../cdc/binlog/row-decoder.ts';
import { ROW_FIELDS } from '../../../cdc/binlog/row-fields.ts';
import type { Cells } from '../../../cdc/binlog/row-images.ts';
import type { TableRole } from '../../../cdc/mapping/table-mapping.ts';
import type { RowChange } from '../../../src/auction/row-change.ts';

type Row = Readonly<Record<string, Cell>>;

/** Cells that hold exactly the given fields. */
function cells(role: TableRole, row: Row | undefined): Cells | null {
  if (row === undefined) return null;
  return Object.keys(ROW_FIELDS[role]).map((field) => row[field]);
}

function decode(
  role: TableRole,
  { before, after }: { before?: Row; after?: Row },
): { changes: RowChange[]; places: number } {
  const changes: RowChange[] = [];
  const names = new Map(Object.keys(ROW_FIELDS[role]).map((field) => [field, field]));
  const places = decodeRow(
    { role, table: role, names },
    { before: cells(role, before), after: cells(role, after), index: 5, timestampMs: 1000 },
    changes,
  );
  return { changes, places };
}

const ITEM = { itemId: '1', status: 'active', currentPrice: '1.00', endTime: 5000 };
const BID = { bidId: '9', itemId: '1', bidderId: '2', amount: '1.00', placedAt: 500 };

describe('rows', () => {
  test('an item updated in a mapped column; in none; by its key', () => {
    expect(
      decode('items', { before: ITEM, after: { ...ITEM, currentPrice: '2.00' } }).changes,
    ).toMatchObject([{ kind: 'update', itemId: '1', index: 5, timestampMs: 1000 }]);
    expect(decode('items', { before: ITEM, after: ITEM })).toEqual({ changes: [], places: 1 });
    expect(decode('items', { before: ITEM, after: { ...ITEM, itemId: '2' } })).toMatchObject({
      places: 2,
      changes: [
        { kind: 'delete', itemId: '1', index: 5 },
        { kind: 'insert', itemId: '2', index: 6, after: { currentPrice: '1.00' } },
      ],
    });
  });

  test('a minimal image: absent is not null, and what may have changed is kept', () => {
    const { changes } = decode('items', { before: { itemId: '1' }, after: { currentPrice: null } });
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
    expect(decode('items', { before: { itemId: '1' }, after: {} })).toEqual({
      changes: [],
      places: 1,
    });
    expect(() =>
      decode('items', { before: { currentPrice: '1.00' }, after: { currentPrice: '2.00' } }),
    ).toThrow(/items\.itemId is not in the row image/);
  });

  test('bids: an update is kept when it changes item, bidder or amount, or may have', () => {
    const before = BID;
    for (const [column, value] of Object.entries({ itemId: '2', bidderId: '3', amount: '2.00' })) {
      expect(decode('bids', { before, after: { ...BID, [column]: value } })).toMatchObject({
        changes: [{ kind: 'update', bidId: '9', index: 5, before: { itemId: '1' } }],
        places: 1,
      });
    }
    const moved = 1000;
    for (const after of [BID, { ...BID, placedAt: moved }]) {
      expect(decode('bids', { before, after })).toEqual({ changes: [], places: 1 });
    }
    expect(
      decode('bids', { before: { bidId: '9' }, after: { amount: '2.00' } }).changes,
    ).toMatchObject([{ kind: 'update', before: {}, after: { amount: '2.00' } }]);
    expect(decode('bids', { before: { bidId: '9' }, after: { placedAt: moved } }).changes).toEqual(
      [],
    );
  });

  test('bids: a replaced row is a new bid, a delete may know only the key', () => {
    expect(
      decode('bids', { before: BID, after: { ...BID, bidId: '10', amount: '2.00' } }),
    ).toMatchObject({
      places: 2,
      changes: [
        { kind: 'delete', bidId: '9' },
        { kind: 'insert', bidId: '10', after: { amount: '2.00', itemId: '1', bidderId: '2' } },
      ],
    });
    expect(decode('bids', { before: { bidId: '9' } }).changes).toMatchObject([
      { kind: 'delete', bidId: '9', before: {} },
    ]);
    expect(() => decode('bids', { after: { bidId: '9', itemId: '1', bidderId: '2' } })).toThrow(
      /bids\.amount is not in the row image/,
    );
    expect(() => decode('bids', { after: { ...BID, itemId: null } })).toThrow(/bids\.itemId/);
  });

  test('users and watchlist', () => {
    const user = { userId: '1', name: 'Ann', status: true };
    expect(decode('users', { before: user, after: user }).changes).toEqual([]);
    expect(
      decode('users', { before: user, after: { ...user, status: false } }).changes,
    ).toMatchObject([
      { kind: 'update', before: { mayConnect: true }, after: { mayConnect: false } },
    ]);
    const watch = { userId: '1', itemId: '2' };
    expect(decode('watchlist', { before: watch, after: watch })).toEqual({
      changes: [],
      places: 1,
    });
    expect(
      decode('watchlist', { before: watch, after: { userId: '1', itemId: '3' } }),
    ).toMatchObject({
      places: 2,
      changes: [
        { kind: 'delete', itemId: '2' },
        { kind: 'insert', itemId: '3' },
      ],
    });
  });

  test.each([
    ['items', { ...ITEM, itemId: null }, /items\.itemId is NULL/],
    ['bids', { ...BID, amount: null }, /bids\.amount is NULL/],
    ['bids', { ...BID, bidderId: null }, /bids\.bidderId is NULL/],
  ] as const)('%s %o is refused by name', (role, after, message) => {
    expect(() => decode(role, { after })).toThrow(message);
  });
});
