/** A mapping of a small schema, without a server. */
import type { ColumnDefinition, TableMapping } from '../../../cdc/mapping/table-mapping.ts';

function column(ordinal: number, name: string, columnType: string): ColumnDefinition {
  const dataType = /^\w+/.exec(columnType)?.[0] ?? columnType;
  return { name, dataType, columnType, ordinal, isNullable: true, isPrimaryKey: ordinal === 0 };
}

/** Tables `items`, `bids`, `users` and `watchlist` of the database `shop`. */
export function labMapping(): TableMapping {
  const itemId = column(0, 'id', 'bigint unsigned');
  const status = column(1, 'status', "enum('live','sold')");
  const currentPrice = column(2, 'price', 'decimal(10,2)');
  const endTime = column(3, 'ends_at', 'datetime');
  const bid = {
    bidId: column(0, 'id', 'bigint unsigned'),
    itemId: column(1, 'item_id', 'bigint unsigned'),
    bidderId: column(2, 'user_id', 'int'),
    amount: column(3, 'amount', 'decimal(10,2)'),
    placedAt: column(4, 'created_at', 'timestamp'),
  };
  const user = {
    userId: column(0, 'id', 'int'),
    name: column(1, 'name', 'varchar(50)'),
    status: column(2, 'status', 'varchar(9)'),
  };
  const watch = {
    userId: column(0, 'user_id', 'int'),
    itemId: column(1, 'item_id', 'bigint unsigned'),
  };
  return {
    database: 'shop',
    items: {
      table: 'items',
      definition: [itemId, status, currentPrice, endTime],
      columns: { itemId, status, currentPrice, endTime },
    },
    bids: { table: 'bids', definition: Object.values(bid), columns: bid },
    users: { table: 'users', definition: Object.values(user), columns: user },
    watchlist: { table: 'watchlist', definition: Object.values(watch), columns: watch },
    statusWords: new Map([
      ['live', 'active'],
      ['sold', 'sold'],
    ]),
    bannedWords: new Set(['banned']),
  };
}
