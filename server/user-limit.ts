/**
 * How many connections one user may have: for one more, his oldest is closed with 4503.
 */
import type { Connection } from './connection.ts';
import type { Hub } from './hub.ts';

export interface UserLimit {
  /** A connection is about to go live. */
  admitted(connection: Connection): void;
  /** A connection takes no further part in anything; told of those that never went live, too. */
  departed(connection: Connection): void;
}

/** Where all of a user's connections are here. */
export class LocalUserLimit implements UserLimit {
  readonly #hub: Hub;
  readonly #max: number;

  constructor(hub: Hub, max: number) {
    this.#hub = hub;
    this.#max = max;
  }

  admitted({ userId }: Connection): void {
    if (userId === null) return;
    const own = this.#hub.connectionsOf(userId);
    for (const oldest of own) {
      if (own.size <= this.#max) return;
      oldest.close(4503);
    }
  }

  departed(): void {
    // The hub has forgotten it already.
  }
}
