/**
 * Joins clients to items: the state first, then what was missed, then live.
 *
 * A client that gives a position the history knows is put on its way through it before anything is read, so that no live
 * event overtakes what is replayed; one `subscribed` an item follows, in order, and then the way itself. Without a
 * position, or with one that is not known, an item's state and its first live event meet in one tick.
 */
import type { AuctionView } from '../src/auction/book.ts';
import type { ItemId } from '../src/auction/ids.ts';
import type { Zone } from '../src/auction/zone.ts';
import type { AuctionReads, Log } from '../src/ports.ts';
import {
  encodeError,
  encodeSubscribed,
  encodeUnsubscribed,
} from '../src/protocol/server-message.ts';
import type { CatchUps } from './catch-ups.ts';
import type { Connection } from './connection.ts';
import type { Hub } from './hub.ts';

export interface SubscriptionsDeps {
  readonly log: Log;
  readonly reads: AuctionReads;
  readonly hub: Hub;
  readonly catchUps: CatchUps;
  readonly subscriptionsMax: number;
  readonly upcomingIsPublic: boolean;
  readonly legacyTimesZone: Zone | null;
  /** Database clock now, epoch ms. */
  readonly serverTimeMs: () => number;
  /** A client asked to recover. */
  readonly asked: (recovered: boolean) => void;
}

export interface Wanted {
  /** Distinct. */
  readonly itemIds: readonly ItemId[];
  /** The last event the client has seen; null: nothing to recover. */
  readonly since: string | null;
  /** Also told how many watch each of them (v2). */
  readonly watchers?: boolean;
}

/** How a client joins: `after` is where its way begins, null where there is none. */
interface Terms {
  readonly recovered: boolean | null;
  readonly after: number | null;
  readonly watchers: boolean;
}

export class Subscriptions {
  readonly #deps: SubscriptionsDeps;

  constructor(deps: SubscriptionsDeps) {
    this.#deps = deps;
  }

  /**
   * Subscribes in the order given. A promise when the tables have to be asked or something is replayed: the client's
   * next message waits for it.
   */
  subscribe(connection: Connection, wanted: Wanted): void | Promise<void> {
    const { catchUps } = this.#deps;
    // A state must not overtake the events that led to it, nor one way another.
    if (connection.way !== null) {
      return catchUps.ended(connection).then(() => this.subscribe(connection, wanted));
    }
    const terms = this.#termsOf(wanted.since, wanted.watchers);
    if (terms.after !== null) {
      const { itemIds } = wanted;
      catchUps.begin(connection, { after: terms.after, itemIds, ofUser: false });
    }
    return this.#join(connection, wanted.itemIds, terms);
  }

  /**
   * The first thing on a connection that has just gone live: what it asked for by its address, and the user's own
   * missed events before anything live.
   *
   * @param itemIds what it watches; a promise of it is waited for while what is live is held back, where it recovers
   */
  welcome(
    connection: Connection,
    {
      since,
      itemIds,
    }: { readonly since: string; readonly itemIds: Promise<readonly ItemId[]> | null },
  ): { readonly recovered: boolean; readonly done: void | Promise<void> } {
    const { catchUps, hub } = this.#deps;
    const terms = this.#termsOf(since);
    const { after } = terms;
    const recovered = after !== null;
    if (after === null) {
      connection.coverage.userAfter = hub.history.newest;
      return { recovered, done: itemIds?.then((ids) => this.#join(connection, ids, terms)) };
    }
    if (itemIds === null) {
      catchUps.begin(connection, { after, itemIds: [], ofUser: true });
      connection.coverage.userAfter = after;
      return { recovered, done: catchUps.run(connection) };
    }
    catchUps.begin(connection, { after, itemIds: [], ofUser: true });
    const joined = itemIds.then((ids) => {
      // Anew, now that it is known what is named; it has not moved yet.
      catchUps.begin(connection, { after, itemIds: ids, ofUser: true });
      connection.coverage.userAfter = after;
      return this.#join(connection, ids, terms);
    });
    return { recovered, done: joined };
  }

  /** Unsubscribes; answered whether or not the item was watched. */
  unsubscribe(connection: Connection, itemId: ItemId): void {
    this.#deps.hub.unsubscribe(connection, itemId);
    connection.send(encodeUnsubscribed(itemId));
  }

  #termsOf(since: string | null, watchers = false): Terms {
    if (since === null) return { recovered: null, after: null, watchers };
    const after = this.#deps.hub.history.positionOf(since);
    const recovered = after !== null;
    this.#deps.asked(recovered);
    return { recovered, after, watchers };
  }

  #join(connection: Connection, itemIds: readonly ItemId[], terms: Terms): void | Promise<void> {
    const { reads, catchUps } = this.#deps;
    for (const [at, itemId] of itemIds.entries()) {
      if (!this.#hasRoom(connection, itemId)) break;
      const auction = reads.book.get(itemId);
      if (auction === undefined) return this.#readAndJoin(connection, itemIds.slice(at), terms);
      this.#joinOne(connection, itemId, { auction, terms });
    }
    return catchUps.run(connection);
  }

  async #readAndJoin(
    connection: Connection,
    itemIds: readonly ItemId[],
    terms: Terms,
  ): Promise<void> {
    const { reads, log, catchUps } = this.#deps;
    try {
      await reads.withItems(itemIds, (find) => {
        if (connection.isClosing()) return;
        for (const itemId of itemIds) {
          if (!this.#hasRoom(connection, itemId)) break;
          this.#joinOne(connection, itemId, { auction: find(itemId), terms });
        }
      });
    } catch (error) {
      // Neither "not found" nor a state would be true; the client comes back in a moment.
      log.warn({ err: error, items: itemIds.length }, 'items unreadable');
      connection.close(1012);
      return;
    }
    await catchUps.run(connection);
  }

  /** Subscribes and tells the state in one tick, so that the first live event follows it with no gap and no overlap. */
  #joinOne(
    connection: Connection,
    itemId: ItemId,
    { auction, terms }: { readonly auction: AuctionView | null; readonly terms: Terms },
  ): void {
    const { hub, legacyTimesZone, serverTimeMs } = this.#deps;
    if (auction === null || !this.#isVisible(connection, auction)) {
      connection.send(encodeError({ code: 'item_not_found', action: 'subscribe', itemId }));
      return;
    }
    const { newest, newestId } = hub.history;
    hub.subscribe(connection, itemId, terms.after ?? newest);
    if (terms.watchers && connection.isV2) hub.counts.listen(connection, itemId);
    connection.send(
      encodeSubscribed({
        auction,
        recovered: terms.recovered,
        serverTimeMs: serverTimeMs(),
        legacyTimesZone,
        ...(connection.isV2 && { lastEventId: newestId }),
      }),
    );
  }

  #hasRoom(connection: Connection, itemId: ItemId): boolean {
    const { items } = connection.coverage;
    if (items.size < this.#deps.subscriptionsMax || items.has(itemId)) return true;
    connection.send(encodeError({ code: 'too_many_subscriptions', action: 'subscribe', itemId }));
    return false;
  }

  /** What is not public yet can be watched by its seller only, unless the operator says otherwise. */
  #isVisible(connection: Connection, { status, sellerId }: AuctionView): boolean {
    if (status !== 'upcoming' || this.#deps.upcomingIsPublic) return true;
    return sellerId !== null && sellerId === connection.userId;
  }
}
