import { describe, expect, test } from 'vitest';
import { itemIdOf, userIdOf } from '../../src/auction/ids.ts';
import { translate } from '../../src/auction/translate.ts';
import { bookWith, LEADER_SCHEMA, transactionOf, userUpdate, withoutIds } from './builders.ts';

const row = { index: 0, timestampMs: 0, userId: userIdOf(3) };

describe('users', () => {
  test.each([
    ['banned', { mayConnect: true }, { mayConnect: false, suspendedUntilMs: null }, [false, null]],
    ['suspended', { mayConnect: true }, { mayConnect: false, suspendedUntilMs: 7 }, [false, 7]],
    [
      'reinstated',
      { mayConnect: false, suspendedUntilMs: 7 },
      { mayConnect: true, suspendedUntilMs: 7 },
      [true, null],
    ],
    [
      'suspended for longer',
      { mayConnect: false, suspendedUntilMs: 7 },
      { mayConnect: false, suspendedUntilMs: 8 },
      [false, 8],
    ],
    ['banned, partial image', {}, { mayConnect: false }, [false, null]],
  ] as const)('%s: UserStandingChanged', (_, before, after, [mayConnect, suspendedUntilMs]) => {
    const events = translate(
      bookWith(LEADER_SCHEMA),
      transactionOf('0-1-5', userUpdate(3, before, after)),
    );
    expect(withoutIds(events)).toEqual([
      { type: 'UserStandingChanged', userId: '3', mayConnect, suspendedUntilMs },
    ]);
  });

  test.each([
    ['a rename', { mayConnect: true, name: 'A' }, { mayConnect: true, name: 'B' }],
    ['a rename, partial image', {}, { name: 'B' }],
    [
      'an end of suspension set on a user in good standing',
      { mayConnect: true, suspendedUntilMs: null },
      { mayConnect: true, suspendedUntilMs: 9 },
    ],
  ])('%s gives nothing', (_, before, after) => {
    const transaction = transactionOf('0-1-5', userUpdate(3, before, after));
    expect(translate(bookWith(LEADER_SCHEMA), transaction)).toEqual([]);
  });

  test('a new user gives nothing, a deleted one may not connect', () => {
    const transaction = transactionOf(
      '0-1-5',
      { ...row, table: 'users', kind: 'insert', after: { mayConnect: false } },
      { ...row, table: 'users', kind: 'delete' },
    );
    expect(withoutIds(translate(bookWith(LEADER_SCHEMA), transaction))).toEqual([
      { type: 'UserStandingChanged', userId: '3', mayConnect: false, suspendedUntilMs: null },
    ]);
  });
});

test('watchlist rows', () => {
  const item = { ...row, itemId: itemIdOf(5), table: 'watchlist' } as const;
  const transaction = transactionOf(
    '0-1-5',
    { ...item, kind: 'insert' },
    { ...item, kind: 'delete' },
  );
  expect(withoutIds(translate(bookWith(LEADER_SCHEMA), transaction))).toEqual([
    { type: 'WatchlistChanged', userId: '3', itemId: '5', watching: true },
    { type: 'WatchlistChanged', userId: '3', itemId: '5', watching: false },
  ]);
});
