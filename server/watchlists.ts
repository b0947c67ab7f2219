/**
 * Connections that watch what their user's watchlist says, and follow it (`?watchlist=1`).
 *
 * The table is read once, while its changes come by the stream already. What was changed since the reading began goes by
 * the last change, whether or not the read has seen it; all else by the read.
 */
import type { WatchlistChanged } from '../src/auction/domain-event.ts';
import type { ItemId } from '../src/auction/ids.ts';
import type { AuctionReads } from '../src/ports.ts';
import type { Connection } from './connection.ts';
import type { Hub } from './hub.ts';
import type { Inbox } from './inbox.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { WatchlistFollower } from './watchlist-follower.ts';

/** Changes that may wait for a connection that is busy; those past it are not followed. */
const PENDING_MAX = 10_000;

export interface WatchlistsDeps {
  readonly reads: AuctionReads;
  readonly hub: Hub;
  readonly inbox: Inbox;
  readonly subscriptions: Subscriptions;
  readonly subscriptionsMax: number;
}

export class Watchlists {
  readonly #deps: WatchlistsDeps;

  constructor(deps: WatchlistsDeps) {
    this.#deps = deps;
  }

  /** Reads what is to be watched first; changes are followed from here on. @throws AppError */
  async load(connection: Connection, follower: WatchlistFollower): Promise<readonly ItemId[]> {
    const { reads, subscriptionsMax } = this.#deps;
    const { userId } = connection;
    if (userId === null) return [];
    // One more than fits, so that a client whose list is too long is told so.
    const read = await reads.readWatchlist(userId, subscriptionsMax + 1);
    const { pending } = follower;
    follower.pending = new Map();
    follower.isLoaded = true;
    const itemIds = new Set(read.filter((itemId) => pending.get(itemId) !== false));
    for (const [itemId, watching] of pending) if (watching) itemIds.add(itemId);
    for (const itemId of itemIds) follower.items.add(itemId);
    return [...itemIds];
  }

  /** A row was added or taken away. */
  changed({ userId, itemId, watching }: WatchlistChanged): void {
    for (const connection of this.#deps.hub.connectionsOf(userId)) {
      const follower = connection.watchlist;
      if (follower === null) continue;
      const { pending } = follower;
      const isFirst = pending.size === 0;
      if (pending.has(itemId) || pending.size < PENDING_MAX) pending.set(itemId, watching);
      if (isFirst && follower.isLoaded) {
        this.#deps.inbox.enqueue(connection, () => this.#follow(connection, follower));
      }
    }
  }

  #follow(connection: Connection, follower: WatchlistFollower): void | Promise<void> {
    const { subscriptions } = this.#deps;
    const { items } = connection.coverage;
    const added: ItemId[] = [];
    const changes = follower.pending;
    follower.pending = new Map();
    for (const [itemId, watching] of changes) {
      if (watching && !items.has(itemId)) {
        added.push(itemId);
        follower.items.add(itemId);
      } else if (!watching && follower.items.delete(itemId) && items.has(itemId)) {
        subscriptions.unsubscribe(connection, itemId);
      }
    }
    if (added.length === 0) return undefined;
    return subscriptions.subscribe(connection, { itemIds: added, since: null });
  }
}
