/**
 * What is read of each mapped table: its fields, what each is, and the slot of a row's cells that holds it.
 */
import type { ColumnKind } from '../mapping/column-kind.ts';
import type { TableRole } from '../mapping/table-mapping.ts';

/** Fields in the order of their slots. */
export const ROW_FIELDS = {
  items: {
    itemId: 'id',
    status: 'words',
    currentPrice: 'money',
    endTime: 'time',
    sellerId: 'id',
    highestBidderId: 'id',
    reservePrice: 'money',
    reserveMet: 'flag',
  },
  bids: { bidId: 'id', itemId: 'id', bidderId: 'id', amount: 'money', placedAt: 'time' },
  users: { userId: 'id', name: 'text', status: 'words', suspendedUntil: 'time' },
  watchlist: { userId: 'id', itemId: 'id' },
} as const satisfies Readonly<Record<TableRole, Readonly<Record<string, ColumnKind>>>>;

/** Slots by field. */
export const ITEM = slotsOf(ROW_FIELDS.items);
export const BID = slotsOf(ROW_FIELDS.bids);
export const USER = slotsOf(ROW_FIELDS.users);
export const WATCH = slotsOf(ROW_FIELDS.watchlist);

function slotsOf<Field extends string>(
  fields: Readonly<Record<Field, ColumnKind>>,
): Readonly<Record<Field, number>> {
  const slots = Object.keys(fields).map((field, slot) => [field, slot] as const);
  // `fromEntries` forgets the names of the fields.
  return Object.fromEntries(slots) as Record<Field, number>;
}
