/**
 * Users seen banned or deleted: the row of a deleted one is not there to ask any more.
 */
import { LRUCache } from 'lru-cache';
import type { UserStandingChanged } from '../src/auction/domain-event.ts';
import type { UserId } from '../src/auction/ids.ts';

/** Users remembered. Past that, or after a restart, `REQUIRE_KNOWN_USER` alone keeps deleted ones out. */
const BARRED_MAX = 100_000;

export class BarredUsers {
  readonly #barred = new LRUCache<UserId, true>({ max: BARRED_MAX });

  changed({ userId, mayConnect }: UserStandingChanged): void {
    if (mayConnect) this.#barred.delete(userId);
    else this.#barred.set(userId, true);
  }

  has(userId: UserId): boolean {
    return this.#barred.has(userId);
  }
}
