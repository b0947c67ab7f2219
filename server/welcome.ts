/**
 * Meets what a client asked for by its address, as the first thing once it is live.
 */
import type { ItemId } from '../src/auction/ids.ts';
import type { Log } from '../src/ports.ts';
import type { Connection, Wants } from './connection.ts';
import type { Hub } from './hub.ts';
import type { Standings } from './standings.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { Watchlists } from './watchlists.ts';

export interface WelcomeDeps {
  readonly log: Log;
  readonly hub: Hub;
  readonly subscriptions: Subscriptions;
  readonly watchlists: Watchlists;
  readonly standings: Standings;
  /** The history is whole: false while it is filled after a start. */
  readonly isHistoryOpen: () => boolean;
}

export class Welcome {
  readonly #deps: WelcomeDeps;

  constructor(deps: WelcomeDeps) {
    this.#deps = deps;
  }

  /**
   * The user's own missed events first, then what he watches; how he stands where they cannot be replayed (v2). The
   * client's messages wait for the promise.
   */
  greet(connection: Connection): Promise<void> | undefined {
    const { wants } = connection;
    connection.wants = null;
    if (wants === null) {
      connection.coverage.userAfter = this.#deps.hub.history.newest;
      return undefined;
    }
    return this.#meet(connection, wants);
  }

  async #meet(connection: Connection, wants: Wants): Promise<void> {
    const { log, hub, subscriptions, standings } = this.#deps;
    const { since } = wants;
    try {
      // All of this begins in the tick the connection goes live in; nothing may be awaited before.
      if (since === null) {
        connection.coverage.userAfter = hub.history.newest;
        const itemIds = await this.#itemIdsOf(connection, wants);
        await subscriptions.subscribe(connection, { itemIds: itemIds ?? [], since: null });
        return;
      }
      if (!this.#deps.isHistoryOpen()) {
        // Whether the position is known only the whole history can say; the client comes back in a moment.
        connection.close(1012);
        return;
      }
      const itemIds = this.#itemIdsOf(connection, wants);
      const { recovered, done } = subscriptions.welcome(connection, { since, itemIds });
      await done;
      if (!recovered && connection.isV2) await standings.tell(connection);
    } catch (error) {
      log.warn({ err: error }, 'watchlist unreadable');
      connection.close(1012);
    }
  }

  /** Null where the address names nothing to watch. */
  #itemIdsOf(connection: Connection, { itemIds }: Wants): Promise<readonly ItemId[]> | null {
    const { watchlist } = connection;
    if (watchlist === null) return itemIds.length === 0 ? null : Promise.resolve(itemIds);
    return this.#deps.watchlists.load(connection, watchlist).then((listed) => {
      // What was asked for by name stays when it leaves the watchlist.
      for (const itemId of itemIds) watchlist.items.delete(itemId);
      return [...new Set([...itemIds, ...listed])];
    });
  }
}
