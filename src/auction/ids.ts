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
