/**
 * What each client message does. Everything is answered in the turn it arrives, except a subscription to an item that
 * is not in the book, which is read from the table first.
 */
import type { AuctionView } from '../src/auction/book.ts';
import type { ItemId } from '../src/auction/ids.ts';
import type { Zone } from '../src/auction/zone.ts';
import { parseClientMessage, type ClientMessage } from '../src/protocol/client-message.ts';
import {
  encodeError,
  encodePong,
  encodeSubscribed,
  encodeSubscribedNotifications,
  encodeUnsubscribed,
  encodeUnsubscribedNotifications,
} from '../src/protocol/server-message.ts';
import type { AuctionReads, Log } from '../src/ports.ts';
import type { Admission } from './admission.ts';
import type { Connection } from './connection.ts';
import type { Hub } from './hub.ts';

export interface ClientCommandsDeps {
  readonly log: Log;
  readonly reads: AuctionReads;
  readonly hub: Hub;
  readonly admission: Admission;
  readonly subscriptionsMax: number;
  readonly legacyTimesZone: Zone | null;
  /** Database clock now, epoch ms. */
  readonly serverTimeMs: () => number;
}

type Subscribe = Extract<ClientMessage, { action: 'subscribe' }>;

export class ClientCommands {
  readonly #deps: ClientCommandsDeps;

  constructor(deps: ClientCommandsDeps) {
    this.#deps = deps;
  }

  /** Answers one message; returns a promise when the database has to be asked. */
  answer(connection: Connection, text: string): void | Promise<void> {
    const { admission } = this.#deps;
    if (admission.closeIfExpired(connection)) return undefined;
    const parsed = parseClientMessage(text);
    if (connection.stage === 'unauthenticated') {
      if (!parsed.ok || parsed.message.action !== 'authenticate') {
        admission.refuseUnauthenticated(connection);
        return undefined;
      }
    }
    if (!parsed.ok) {
      connection.send(encodeError({ code: parsed.code, action: parsed.action }));
      return undefined;
    }
    return this.#do(connection, parsed.message);
  }

  #do(connection: Connection, message: ClientMessage): void | Promise<void> {
    const { hub, admission, serverTimeMs } = this.#deps;
    switch (message.action) {
      case 'ping':
        connection.send(encodePong(serverTimeMs()));
        return undefined;
      case 'authenticate':
        return admission.authenticate(connection, message.token);
      case 'subscribe':
        return this.#subscribe(connection, message);
      case 'unsubscribe':
        for (const itemId of message.itemIds) {
          hub.unsubscribe(connection, itemId);
          connection.send(encodeUnsubscribed(itemId));
        }
        return undefined;
      // A user's own events always come, so there is nothing to do. The old server documents no answer, and an old
      // client that reads `itemId` of every `subscribed` must not get one without: only v2 clients are answered.
      case 'subscribe_notifications':
        if (connection.isV2) connection.send(encodeSubscribedNotifications(serverTimeMs()));
        return undefined;
      case 'unsubscribe_notifications':
        if (connection.isV2) connection.send(encodeUnsubscribedNotifications());
        return undefined;
    }
  }

  /** Subscribes in the order given; awaits only from the first item on that is not in the book. */
  #subscribe(connection: Connection, message: Subscribe): void | Promise<void> {
    const { itemIds } = message;
    for (let at = 0; at < itemIds.length; at += 1) {
      const itemId = itemIds[at];
      if (itemId === undefined) return undefined;
      if (!this.#hasRoom(connection, itemId)) return undefined;
      const auction = this.#deps.reads.book.get(itemId);
      if (auction === undefined) return this.#subscribeReading(connection, message, at);
      this.#join(connection, auction, message);
    }
    return undefined;
  }

  async #subscribeReading(connection: Connection, message: Subscribe, from: number): Promise<void> {
    const { reads, log } = this.#deps;
    for (const itemId of message.itemIds.slice(from)) {
      if (connection.isClosing() || !this.#hasRoom(connection, itemId)) return;
      let read: AuctionView | null = null;
      if (reads.book.get(itemId) === undefined) {
        try {
          read = await reads.readItem(itemId);
        } catch (error) {
          // Neither "not found" nor a state would be true; the client comes back in a moment.
          log.warn({ err: error, itemId }, 'item unreadable');
          connection.close(1012);
          return;
        }
      }
      // The stream may have brought the item into the book meanwhile: then the book is what live events join on.
      const auction = reads.book.get(itemId) ?? read;
      if (connection.isClosing()) return;
      if (auction === null) this.#notFound(connection, itemId);
      else this.#join(connection, auction, message);
    }
  }

  /** Subscribes and tells the state in one tick, so that the first live event follows it with no gap and no overlap. */
  #join(connection: Connection, auction: AuctionView, { since }: Subscribe): void {
    const { itemId } = auction;
    if (!isVisible(connection, auction)) {
      this.#notFound(connection, itemId);
      return;
    }
    this.#deps.hub.subscribe(connection, itemId);
    // There is no history to replay from yet, so a client that asks is told so and takes the state.
    const recovered = since === null ? null : false;
    const { legacyTimesZone } = this.#deps;
    const serverTimeMs = this.#deps.serverTimeMs();
    connection.send(encodeSubscribed({ auction, recovered, serverTimeMs, legacyTimesZone }));
  }

  #hasRoom(connection: Connection, itemId: ItemId): boolean {
    const { items } = connection;
    if (items.size < this.#deps.subscriptionsMax || items.has(itemId)) return true;
    connection.send(encodeError({ code: 'too_many_subscriptions', action: 'subscribe', itemId }));
    return false;
  }

  #notFound(connection: Connection, itemId: ItemId): void {
    connection.send(encodeError({ code: 'item_not_found', action: 'subscribe', itemId }));
  }
}

/** What is not public yet can be watched by its seller only. */
function isVisible(connection: Connection, { status, sellerId }: AuctionView): boolean {
  return status !== 'upcoming' || (sellerId !== null && sellerId === connection.userId);
}
