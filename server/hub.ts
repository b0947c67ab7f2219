/**
 * Who watches what, and the way of an event to them: encoded once, framed once, kept in the history, owed to each
 * connection once.
 */
import type { ItemId, UserId } from '../src/auction/ids.ts';
import type { WireEvent } from '../src/protocol/event-message.ts';
import type { DeliveryClass, History } from '../src/topics/history.ts';
import type { Connection, Delivery } from './connection.ts';
import { ConnectionIndex } from './connection-index.ts';
import { textFrame } from './frame.ts';
import { laneFor } from './turn-batch.ts';
import { WatcherCounts, type WatcherTotals } from './watcher-counts.ts';

const NOBODY: ReadonlySet<Connection> = new Set();

/** When an event came about. */
export interface EventTimes {
  /** Epoch ms of its commit; null for those of the clock. */
  readonly committedAtMs: number | null;
  /** Database clock now, epoch ms. */
  readonly nowMs: number;
}

export class Hub {
  readonly history: History<Buffer>;
  readonly counts: WatcherCounts;
  readonly #all = new Set<Connection>();
  readonly #byItem = new ConnectionIndex<ItemId>();
  readonly #byUser = new ConnectionIndex<UserId>();
  #v2 = 0;
  #subscriptions = 0;

  /** @param totals null: all watchers are here */
  constructor(history: History<Buffer>, totals: WatcherTotals | null = null) {
    this.history = history;
    this.counts = new WatcherCounts(totals);
  }

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
    this.#byUser.add(userId, connection);
  }

  /** Forgets a connection and everything it watched. */
  remove(connection: Connection): void {
    if (!this.#all.delete(connection)) return;
    if (connection.isV2) this.#v2 -= 1;
    const { items } = connection.coverage;
    for (const itemId of items.keys()) this.#drop(connection, itemId);
    this.#subscriptions -= items.size;
    connection.coverage.clear();
    if (connection.userId !== null) this.#byUser.delete(connection.userId, connection);
  }

  /**
   * @param after sequence after which all events of the item are to be sent; the newest one where nothing is recovered
   */
  subscribe(connection: Connection, itemId: ItemId, after = this.history.newest): void {
    if (!this.#all.has(connection)) return;
    if (!connection.coverage.items.has(itemId)) {
      this.#byItem.add(itemId, connection);
      this.counts.moved(itemId);
      this.#subscriptions += 1;
    }
    connection.coverage.watch(itemId, after);
  }

  unsubscribe(connection: Connection, itemId: ItemId): void {
    // Of what it is still on its way to, it is sent nothing more.
    const sentUpTo = connection.way?.at ?? this.history.newest;
    if (!connection.coverage.unwatch(itemId, sentUpTo)) return;
    this.#drop(connection, itemId);
    this.#subscriptions -= 1;
  }

  watchersOf(itemId: ItemId): number {
    return this.#byItem.count(itemId);
  }

  /** Every item that is watched, with how many watch it. */
  *watchedItems(): Generator<readonly [ItemId, number]> {
    for (const itemId of this.#byItem.keys()) yield [itemId, this.#byItem.count(itemId)];
  }

  connectionsOf(userId: UserId): ReadonlySet<Connection> {
    return this.#byUser.of(userId);
  }

  /** Keeps an event for recovery, without a word to anybody. */
  keep(event: WireEvent, times: EventTimes): void {
    if (!event.ephemeral) this.#append(event, textFrame(event.json), times);
  }

  /**
   * Keeps an event and owes it to everyone in its audience, once each, whatever roles a connection has in it: a
   * connection has one user, and the users of an audience are distinct.
   */
  deliver(event: WireEvent, times: EventTimes): void {
    const { itemId, userIds } = event.audience;
    const watchers = itemId === null ? NOBODY : this.#byItem.of(itemId);
    // Nobody comes back for what is never replayed.
    if (event.ephemeral && watchers.size === 0 && userIds.length === 0) return;
    const frame = textFrame(event.json);
    // What is known already went out then.
    if (!this.#append(event, frame, times)) return;
    const delivery: Delivery = {
      frame,
      lane: laneFor(watchers.size),
      mustDeliver: !event.conflatable,
    };
    for (const connection of watchers) {
      if (connection.isV2 || !event.v2Only) connection.deliver(delivery);
    }
    for (const userId of userIds) {
      for (const connection of this.connectionsOf(userId)) {
        if (watchers.has(connection)) continue;
        if (connection.isV2 || !event.v2Only) connection.deliver(delivery);
      }
    }
  }

  /** Owes a message to every v2 connection. */
  tellV2(text: string): void {
    if (this.#v2 === 0) return;
    const frame = textFrame(text);
    const lane = laneFor(this.#v2);
    for (const connection of this.#all) {
      if (connection.isV2) connection.tell(frame, lane);
    }
  }

  /** Tells those who asked how many watch an item. */
  tellCounts(nowMs: number): void {
    this.counts.sample(nowMs, (itemId) => this.#byItem.count(itemId));
  }

  #drop(connection: Connection, itemId: ItemId): void {
    this.#byItem.delete(itemId, connection);
    this.counts.leave(connection, itemId);
    this.counts.moved(itemId);
  }

  #append(event: WireEvent, frame: Buffer, { committedAtMs, nowMs }: EventTimes): boolean {
    const { eventId, v2Only, audience } = event;
    return this.history.append(
      {
        eventId,
        frame,
        itemId: audience.itemId,
        userIds: audience.userIds,
        v2Only,
        deliveryClass: deliveryClassOf(event),
        committedAtMs: committedAtMs ?? nowMs,
      },
      nowMs,
    );
  }
}

function deliveryClassOf({ ephemeral, conflatable }: WireEvent): DeliveryClass {
  if (ephemeral) return 'passing';
  return conflatable ? 'newest' : 'must';
}
