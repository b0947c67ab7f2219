/**
 * Tells v2 clients once when the feed from the database is lost or stale, and once when it is back.
 */
import type { AuctionReads, Clock, FeedState } from '../src/ports.ts';
import { encodeDegraded, encodeRestored } from '../src/protocol/server-message.ts';
import type { Connection } from './connection.ts';
import type { Hub } from './hub.ts';

export interface FeedNoticeDeps {
  readonly reads: AuctionReads;
  readonly hub: Hub;
  readonly now: Clock;
}

export class FeedNotice {
  readonly #deps: FeedNoticeDeps;
  #isDegraded: boolean;
  #hasBeenLive: boolean;
  /** Epoch ms of the newest packet seen while the feed was healthy; null before the first. */
  #packetAtMs: number | null = null;

  constructor(deps: FeedNoticeDeps) {
    this.#deps = deps;
    const state = deps.reads.feedState();
    this.#isDegraded = !this.#isHealthy(state);
    this.#hasBeenLive = state.state === 'streaming';
  }

  /** True from when the feed first opened: before that the history is not whole, and no position can be judged. */
  get hasBeenLive(): boolean {
    return this.#hasBeenLive;
  }

  /** Looks at the feed again; called at each of its changes, and by the clock, because silence announces itself to no one. */
  observe(state: FeedState): void {
    const wasDegraded = this.#isDegraded;
    if (state.state === 'streaming') this.#hasBeenLive = true;
    this.#isDegraded = !this.#isHealthy(state);
    // Packets that come while the stream still catches up tell of the past.
    if (state.state === 'streaming' && !this.#isDegraded) this.#packetAtMs = state.packetAtMs;
    if (wasDegraded === this.#isDegraded) return;
    this.#deps.hub.tellV2(this.#message());
  }

  /** A v2 client that connects while the feed is lost or stale learns of it after its `hello`. */
  greet(connection: Connection): void {
    if (connection.isV2 && this.#isDegraded) connection.send(this.#message());
  }

  #isHealthy(state: FeedState): boolean {
    return state.state === 'streaming' && this.#deps.reads.isFresh();
  }

  #message(): string {
    const lagSeconds =
      this.#packetAtMs === null
        ? null
        : Math.max(0, Math.round((this.#deps.now() - this.#packetAtMs) / 1000));
    return this.#isDegraded ? encodeDegraded(lagSeconds) : encodeRestored(lagSeconds);
  }
}
