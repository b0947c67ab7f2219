/** Auctions and people as the demo's server tells its page of them. */

export interface Person {
  readonly id: number;
  readonly name: string;
}

export interface PricePoint {
  readonly atMs: number;
  readonly amount: number;
  readonly bidder: Person;
}

/** An auction as the portal's own page would know it: what never changes, and the bids so far. */
export interface Listing {
  readonly itemId: number;
  readonly lot: number;
  readonly title: string;
  readonly art: string;
  readonly seller: string;
  readonly startingPrice: number;
  readonly openedAtMs: number;
  readonly endsAtMs: number;
  /** Oldest first, the newest few dozen. */
  readonly bids: readonly PricePoint[];
}
