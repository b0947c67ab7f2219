/**
 * Who watches what, and the way of an event to them: encoded once, framed once, owed to each connection once.
 */
import type { ItemId, UserId } from '../src/auction/ids.ts';
import type { WireEvent } from '../src/protocol/event-message.ts';
import type { Connection } from './connection.ts';
import { textFrame } from './frame.ts';

const NOBODY: ReadonlySet<Connection> = new Set();

export class Hub {
  readonly #all = new Set<Connection>();
  readonly #byItem = new Map<ItemId, Set<Connection>>();
  readonly #byUser = new Map<UserId, Set<Connection>>();
  #v2 = 0;
  #subscriptions = 0;

  /** Connections with a known user: `checking` and `admitted` ones. */
  get connections(): ReadonlySet<Connection> {
    return this.#all;
  }

  get v2Connections(): number {
    return this.#v2;
  }

  get users(): number {
    return this.#byUser.size;
  }

  get items(): number {
    return this.#byItem.size;
  }

  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Takes in a connection that has an identity. Its user's events come to it once it is admitted. */
  add(connection: Connection): void {
    const { userId } = connection;
    if (userId === null || this.#all.has(connection)) return;
    this.#all.add(connection);
    if (connection.isV2) this.#v2 += 1;
    put(this.#byUser, userId, connection);
  }

  /** Forgets a connection and everything it watched. */
  remove(connection: Connection): void {
    if (!this.#all.delete(connection)) return;
    if (connection.isV2) this.#v2 -= 1;
    for (const itemId of connection.items) take(this.#byItem, itemId, connection);
    this.#subscriptions -= connection.items.size;
    connection.items.clear();
    if (connection.userId !== null) take(this.#byUser, connection.userId, connection);
  }

  subscribe(connection: Connection, itemId: ItemId): void {
    if (!this.#all.has(connection) || connection.items.has(itemId)) return;
    connection.items.add(itemId);
    put(this.#byItem, itemId, connection);
    this.#subscriptions += 1;
  }

  unsubscribe(connection: Connection, itemId: ItemId): void {
    if (!connection.items.delete(itemId)) return;
    take(this.#byItem, itemId, connection);
    this.#subscriptions -= 1;
  }

  connectionsOf(userId: UserId): ReadonlySet<Connection> {
    return this.#byUser.get(userId) ?? NOBODY;
  }

  /**
   * Owes an event to everyone in its audience, once each, whatever roles a connection has in it: a connection has one
   * user, and the users of an audience are distinct.
   */
  deliver(event: WireEvent): void {
    const { itemId, userIds } = event.audience;
    const watchers = itemId === null ? NOBODY : (this.#byItem.get(itemId) ?? NOBODY);
    if (watchers.size === 0 && userIds.length === 0) return;
    const frame = textFrame(event.json);
    for (const connection of watchers) {
      if (connection.isV2 || !event.v2Only) connection.deliver(frame);
    }
    for (const userId of userIds) {
      for (const connection of this.connectionsOf(userId)) {
        if (watchers.has(connection)) continue;
        if (connection.isV2 || !event.v2Only) connection.deliver(frame);
      }
    }
  }

  /** Owes a message to every v2 connection. */
  tellV2(text: string): void {
    if (this.#v2 === 0) return;
    const frame = textFrame(text);
    for (const connection of this.#all) {
      if (connection.isV2) connection.deliver(frame);
    }
  }
}

function put<Key>(index: Map<Key, Set<Connection>>, key: Key, connection: Connection): void {
  const known = index.get(key);
  if (known === undefined) index.set(key, new Set([connection]));
  else known.add(connection);
}

function take<Key>(index: Map<Key, Set<Connection>>, key: Key, connection: Connection): void {
  const known = index.get(key);
  if (known?.delete(connection) === true && known.size === 0) index.delete(key);
}
