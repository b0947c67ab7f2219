/**
 * What a worker has in common with its siblings, kept by the primary: places, a user's connections, counts of watchers.
 */
import type { ItemId } from '../../src/auction/ids.ts';
import type { Connection } from '../connection.ts';
import type { Siblings } from '../gateway-options.ts';
import { RETRY_AFTER_S, type NoPlace, type Places } from '../places.ts';
import type { UserLimit } from '../user-limit.ts';
import type { WatcherTotals } from '../watcher-counts.ts';
import type { Questions } from './questions.ts';
import type { FromWorker } from './worker-message.ts';

export interface RemoteSiblingsDeps {
  readonly send: (message: FromWorker) => void;
  readonly questions: Questions;
  /** Another count of an item has come. */
  readonly moved: (itemId: ItemId) => void;
}

export class RemoteSiblings implements Siblings {
  readonly places: Places;
  readonly userLimit: RemoteUserLimit;
  readonly watcherTotals: RemoteTotals;

  constructor({ send, questions, moved }: RemoteSiblingsDeps) {
    this.places = new RemotePlaces(send, questions);
    this.userLimit = new RemoteUserLimit(send);
    this.watcherTotals = new RemoteTotals(send, moved);
  }
}

class RemotePlaces implements Places {
  readonly #send: (message: FromWorker) => void;
  readonly #questions: Questions;

  constructor(send: (message: FromWorker) => void, questions: Questions) {
    this.#send = send;
    this.#questions = questions;
  }

  async enter(addressKey: string | null): Promise<NoPlace | null> {
    try {
      return await this.#questions.ask({ of: 'place', addressKey }, (answer) =>
        answer.of === 'place' ? { value: answer.refusal } : null,
      );
    } catch {
      // Nobody can say whether there is room.
      return { status: 503, retryAfterSeconds: RETRY_AFTER_S };
    }
  }

  left(addressKey: string | null): void {
    this.#send({ kind: 'left', addressKey });
  }

  failed(addressKey: string | null): void {
    if (addressKey !== null) this.#send({ kind: 'token failed', addressKey });
  }
}

class RemoteUserLimit implements UserLimit {
  readonly #send: (message: FromWorker) => void;
  readonly #numbers = new Map<Connection, number>();
  readonly #connections = new Map<number, Connection>();
  #last = 0;

  constructor(send: (message: FromWorker) => void) {
    this.#send = send;
  }

  admitted(connection: Connection): void {
    const { userId } = connection;
    if (userId === null) return;
    this.#last += 1;
    this.#numbers.set(connection, this.#last);
    this.#connections.set(this.#last, connection);
    this.#send({ kind: 'admitted', connection: this.#last, userId });
  }

  departed(connection: Connection): void {
    const number = this.#numbers.get(connection);
    const { userId } = connection;
    if (number === undefined || userId === null) return;
    this.#numbers.delete(connection);
    this.#connections.delete(number);
    this.#send({ kind: 'departed', connection: number, userId });
  }

  /** The primary found it to be one too many; it may have gone meanwhile. */
  evict(number: number): void {
    this.#connections.get(number)?.close(4503);
  }
}

class RemoteTotals implements WatcherTotals {
  readonly #send: (message: FromWorker) => void;
  readonly #moved: (itemId: ItemId) => void;
  readonly #totals = new Map<ItemId, number>();
  /** Items whose watchers here the primary wants to know, with the count it was told last. */
  readonly #tracked = new Map<ItemId, number>();

  constructor(send: (message: FromWorker) => void, moved: (itemId: ItemId) => void) {
    this.#send = send;
    this.#moved = moved;
  }

  listening(itemId: ItemId, on: boolean): void {
    if (!on) this.#totals.delete(itemId);
    this.#send({ kind: 'listen', itemId, on });
  }

  of(itemId: ItemId, here: number): number {
    return Math.max(here, this.#totals.get(itemId) ?? 0);
  }

  learn(totals: readonly (readonly [ItemId, number])[]): void {
    for (const [itemId, total] of totals) {
      this.#totals.set(itemId, total);
      this.#moved(itemId);
    }
  }

  track(itemIds: readonly ItemId[], on: boolean): void {
    for (const itemId of itemIds) {
      if (on) this.#tracked.set(itemId, 0);
      else this.#tracked.delete(itemId);
    }
  }

  /** Tells what has changed since it was told last. */
  report(watchersOf: (itemId: ItemId) => number): void {
    const counts: [ItemId, number][] = [];
    for (const [itemId, told] of this.#tracked) {
      const count = watchersOf(itemId);
      if (count === told) continue;
      this.#tracked.set(itemId, count);
      counts.push([itemId, count]);
    }
    if (counts.length > 0) this.#send({ kind: 'counts', counts });
  }
}
