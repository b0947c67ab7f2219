import { describe, expect, test } from 'vitest';
import { BidPlaces } from '../../../cdc/tables/bid-places.ts';
import { bidIdOf, itemIdOf } from '../../../src/auction/ids.ts';
import type { RowChange } from '../../../src/auction/row-change.ts';
import { bidDelete, bidInsert, bidUpdate, money } from '../../auction/builders.ts';

/** As row image MINIMAL has it: the key alone. */
function namelessDelete(id: number): RowChange {
  const at = { index: 0, timestampMs: 0 };
  return { ...at, table: 'bids', kind: 'delete', bidId: bidIdOf(id), before: {} };
}

describe('a bid whose image does not name its item', () => {
  test('is placed where the stream last brought it, in the same transaction too', () => {
    const places = new BidPlaces();
    places.follow([bidInsert(1, 7, 3, '10.00')]);
    places.follow([bidUpdate(1, {}, { itemId: itemIdOf(8) })]);
    const { changes, unplaced } = places.follow([
      namelessDelete(1),
      bidInsert(2, 9, 3, '11.00'),
      bidUpdate(2, {}, { amount: money('12.00') }),
    ]);
    expect(unplaced).toEqual([]);
    expect(changes[0]).toMatchObject({ kind: 'delete', before: { itemId: '8' } });
    expect(changes[2]).toMatchObject({ before: { itemId: '9' }, after: { amount: '12.00' } });
  });

  test('is handed back where it was never seen; the others are the very same objects', () => {
    const nameless = namelessDelete(1);
    const named = [bidInsert(2, 7, 3, '10.00'), bidDelete(2, 7)];
    const places = new BidPlaces();
    expect(places.follow(named).changes).toBe(named);
    expect(places.follow([nameless]).unplaced).toEqual([nameless]);
  });

  test('is remembered for at least 25,000 bids, and at most twice as many', () => {
    const places = new BidPlaces();
    const bring = (from: number, count: number): void => {
      places.follow(Array.from({ length: count }, (_, at) => bidInsert(from + at, 7, 3, '10.00')));
    };
    bring(1, 25_000);
    expect(places.follow([namelessDelete(1)]).unplaced).toEqual([]);
    bring(30_000, 50_000);
    expect(places.follow([namelessDelete(1)]).unplaced).toHaveLength(1);
  });
});
