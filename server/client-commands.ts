/**
 * What each client message does. Everything is answered in the turn it arrives, except a subscription that needs the
 * tables or replays what was missed.
 */
import { parseClientMessage, type ClientMessage } from '../src/protocol/client-message.ts';
import {
  encodeError,
  encodePong,
  encodeSubscribedNotifications,
  encodeUnsubscribedNotifications,
} from '../src/protocol/server-message.ts';
import type { Admission } from './admission.ts';
import type { Connection } from './connection.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface ClientCommandsDeps {
  readonly admission: Admission;
  readonly subscriptions: Subscriptions;
  /** Database clock now, epoch ms. */
  readonly serverTimeMs: () => number;
}

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
    const { admission, subscriptions, serverTimeMs } = this.#deps;
    switch (message.action) {
      case 'ping':
        connection.send(encodePong(serverTimeMs()));
        return undefined;
      case 'authenticate':
        return admission.authenticate(connection, message.token);
      case 'subscribe':
        // What a client asks for by name stays when it leaves the watchlist.
        for (const itemId of message.itemIds) connection.watchlist?.items.delete(itemId);
        return subscriptions.subscribe(connection, message);
      case 'unsubscribe':
        for (const itemId of message.itemIds) {
          subscriptions.unsubscribe(connection, itemId);
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
}
