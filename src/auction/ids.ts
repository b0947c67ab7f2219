/**
 * Ids and money as they travel through the program: exact text from the database, branded so that one cannot be
 * passed for another. Whether an id looks like a number is the wire's business (`src/protocol/`).
 */
declare const brand: unique symbol;

/** Primary key of an auction item: canonical decimal text for integer keys, verbatim text for others. */
export type ItemId = string & { readonly [brand]: 'ItemId' };
/** Primary key of a user, as text. */
export type UserId = string & { readonly [brand]: 'UserId' };
/** Primary key of a bid row, as text. */
export type BidId = string & { readonly [brand]: 'BidId' };
/** Exact decimal text as the DECIMAL column holds it, for example `12.50`. Compare with `compareMoney` only. */
export type Money = string & { readonly [brand]: 'Money' };
/** Position-derived id of a domain event; opaque to clients (docs/protocol.md, recovery). */
export type EventId = string & { readonly [brand]: 'EventId' };

/** Brands the text of an item key; numbers and bigints become canonical decimal text. Call it where rows are parsed. */
export function itemIdOf(key: string | number | bigint): ItemId {
  return String(key) as ItemId;
}

/** Brands the text of a user key, as `itemIdOf` does. */
export function userIdOf(key: string | number | bigint): UserId {
  return String(key) as UserId;
}

/** Brands the text of a bid key, as `itemIdOf` does. */
export function bidIdOf(key: string | number | bigint): BidId {
  return String(key) as BidId;
}
