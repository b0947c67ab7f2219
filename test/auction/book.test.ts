import { describe, expect, test } from 'vitest';
import { blankAuction, Book, OTHERS_MAX } from '../../src/auction/book.ts';
import { itemIdOf, type ItemId } from '../../src/auction/ids.ts';
import { bookWith, LEADER_SCHEMA, money } from './builders.ts';

function entry(item: number, status: 'active' | 'sold'): ReturnType<typeof blankAuction> {
  return blankAuction(LEADER_SCHEMA, itemIdOf(item), status);
}

describe('Book', () => {
  test('what is set is got, counted and deleted', () => {
    const book = bookWith(LEADER_SCHEMA, { itemId: itemIdOf(1), currentPrice: money('3.00') });
    expect(book.get(itemIdOf(1))?.currentPrice).toBe('3.00');
    expect([book.size, book.liveSize, [...book.values()].length]).toEqual([1, 1, 1]);
    book.delete(itemIdOf(1));
    expect([book.size, book.get(itemIdOf(1)), book.has(itemIdOf(1))]).toEqual([
      0,
      undefined,
      false,
    ]);
  });

  test('an entry is in one place whatever its status becomes', () => {
    const book = new Book(LEADER_SCHEMA);
    const auction = entry(1, 'active');
    book.set(auction);
    auction.status = 'sold';
    book.refile(auction);
    expect([book.size, book.liveSize]).toEqual([1, 0]);
    auction.status = 'active';
    book.refile(auction);
    expect([book.size, book.liveSize]).toEqual([1, 1]);
  });

  test('live entries are never evicted; of the others the oldest used go', () => {
    const book = new Book(LEADER_SCHEMA);
    book.set(entry(0, 'active'));
    for (let item = 1; item <= OTHERS_MAX; item += 1) {
      book.set(entry(item, 'sold'));
    }
    book.use(itemIdOf(1));
    book.get(itemIdOf(2)); // a look from outside is no use
    book.set(entry(OTHERS_MAX + 1, 'sold'));
    expect(book.size).toBe(OTHERS_MAX + 1);
    expect(book.has(itemIdOf(0))).toBe(true);
    expect(book.has(itemIdOf(1))).toBe(true);
    expect(book.has(itemIdOf(2))).toBe(false);
  });

  test('touched items are handed over once', () => {
    const book = new Book(LEADER_SCHEMA);
    book.set(entry(1, 'active'));
    book.set(entry(2, 'sold'));
    book.delete(itemIdOf(2));
    expect(book.drainTouched()).toEqual(['1', '2']);
    expect(book.drainTouched()).toEqual([]);
  });

  test('a stale item is settled by set and by delete', () => {
    const book = new Book(LEADER_SCHEMA);
    for (const item of [1, 2]) {
      book.set(entry(item, 'active'));
      book.markStale(itemIdOf(item));
    }
    expect([...book.needsReload]).toEqual(['1', '2'] as ItemId[]);
    book.set(entry(1, 'active'));
    book.delete(itemIdOf(2));
    expect([...book.needsReload]).toEqual([]);
  });
});
