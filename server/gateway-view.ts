/**
 * What an operator sees of the sockets: the few that stand out, found by one look at all of them. For the admin page,
 * which asks at most once a second and only while somebody has it open.
 */
import type { ItemId, UserId } from '../src/auction/ids.ts';
import type { Connection } from './connection.ts';
import type { Hub } from './hub.ts';

/** A client that has not taken what it was written. */
export interface SlowClient {
  readonly userId: UserId | null;
  readonly protocol: 1 | 2;
  /** Bytes it was written and has not taken, and those of events that must be delivered to it and wait. */
  readonly backlogBytes: number;
  /** Of these, the ones at its socket. */
  readonly unsentBytes: number;
  readonly items: number;
}

export interface WatchedItem {
  readonly itemId: ItemId;
  readonly watchers: number;
}

/** What an operator sees and does. Of clients in other processes it may be a second old. */
export interface GatewayView {
  /** The slowest clients, slowest first. */
  slowest(count: number): readonly SlowClient[];
  /** The items with most watchers, most first. */
  mostWatched(count: number): readonly WatchedItem[];
  watchersOf(itemId: ItemId): number;
  /** Closes a user's connections with 4001: whoever comes back needs a new token. @returns how many there were */
  disconnect(userId: UserId): number | Promise<number>;
}

/** The view of clients in this process. */
export class HubView implements GatewayView {
  readonly #hub: Hub;
  readonly #open: ReadonlySet<Connection>;

  constructor(hub: Hub, open: ReadonlySet<Connection>) {
    this.#hub = hub;
    this.#open = open;
  }

  /** Looks at all of them. */
  slowest(count: number): readonly SlowClient[] {
    return slowestOf(this.#open, count);
  }

  /** Looks at all of them. */
  mostWatched(count: number): readonly WatchedItem[] {
    return mostWatched(this.#hub.watchedItems(), count);
  }

  watchersOf(itemId: ItemId): number {
    return this.#hub.watchersOf(itemId);
  }

  disconnect(userId: UserId): number {
    // A copy: closing takes each out of the set.
    const connections = [...this.#hub.connectionsOf(userId)];
    for (const connection of connections) connection.close(4001);
    return connections.length;
  }
}

/** Those with the largest backlog, largest first; clients that owe nothing are left out. */
function slowestOf(connections: Iterable<Connection>, count: number): readonly SlowClient[] {
  const slow: Connection[] = [];
  for (const connection of connections) if (connection.backlogBytes > 0) slow.push(connection);
  return slow
    .sort((a, b) => backlogOf(b) - backlogOf(a))
    .slice(0, count)
    .map((connection) => ({
      userId: connection.userId,
      protocol: connection.isV2 ? 2 : 1,
      backlogBytes: backlogOf(connection),
      unsentBytes: connection.backlogBytes,
      items: connection.coverage.items.size,
    }));
}

function backlogOf({ backlogBytes, way }: Connection): number {
  return backlogBytes + (way?.owedBytes ?? 0);
}

/** The items with most watchers, most first. */
function mostWatched(
  watchersByItem: Iterable<readonly [ItemId, number]>,
  count: number,
): readonly WatchedItem[] {
  const top: WatchedItem[] = [];
  let least = 0;
  for (const [itemId, watchers] of watchersByItem) {
    if (top.length === count && watchers <= least) continue;
    top.push({ itemId, watchers });
    top.sort((a, b) => b.watchers - a.watchers);
    if (top.length > count) top.pop();
    least = top.at(-1)?.watchers ?? 0;
  }
  return top;
}
