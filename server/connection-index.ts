/**
 * Which connections belong to a key: an item that is watched, a user who is connected. Most users have one connection and
 * most items that are watched at all have few watchers, so one alone is held without a set of its own.
 */
import type { Connection } from './connection.ts';

const NOBODY: ReadonlySet<Connection> = new Set();

export class ConnectionIndex<Key> {
  readonly #members = new Map<Key, Connection | Set<Connection>>();

  /** Keys with a connection. */
  get size(): number {
    return this.#members.size;
  }

  add(key: Key, connection: Connection): void {
    const known = this.#members.get(key);
    if (known === undefined) this.#members.set(key, connection);
    else if (known instanceof Set) known.add(connection);
    else if (known !== connection) this.#members.set(key, new Set([known, connection]));
  }

  delete(key: Key, connection: Connection): void {
    const known = this.#members.get(key);
    if (known instanceof Set) {
      known.delete(connection);
      if (known.size === 0) this.#members.delete(key);
    } else if (known === connection) {
      this.#members.delete(key);
    }
  }

  /** The connections of a key, oldest first, and as they are at this moment. */
  of(key: Key): ReadonlySet<Connection> {
    const known = this.#members.get(key);
    if (known === undefined) return NOBODY;
    return known instanceof Set ? known : new Set([known]);
  }

  /** How many connections a key has. */
  count(key: Key): number {
    const known = this.#members.get(key);
    if (known === undefined) return 0;
    return known instanceof Set ? known.size : 1;
  }

  *keys(): Generator<Key> {
    yield* this.#members.keys();
  }
}
