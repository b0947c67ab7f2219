/**
 * What one connection that follows its user's watchlist keeps.
 */
import type { ItemId } from '../src/auction/ids.ts';

export class WatchlistFollower {
  /** Items watched because the watchlist says so, and not because the client asked. */
  readonly items = new Set<ItemId>();
  /** Changes that are still to be followed: the last one of each item. */
  pending = new Map<ItemId, boolean>();
  isLoaded = false;
}
