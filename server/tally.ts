/**
 * Counts by a word: closes by code, refusals by reason. The words come from closed sets, so each stays small.
 */
import { CLOSE_CODES } from '../src/protocol/close-code.ts';
import type { SlowReason } from './catch-ups.ts';

/** A close code, or `other` for one that a client made up. */
export type CloseLabel = number | 'other';

/** What clients and networks end connections with, beside our own codes (RFC 6455, 7.4.1). */
const THEIR_CODES: ReadonlySet<number> = new Set([1000, 1005, 1006, 1010, 1011]);

export class Tally<Word extends string | number> {
  readonly #counts = new Map<Word, number>();

  get counts(): ReadonlyMap<Word, number> {
    return this.#counts;
  }

  add(word: Word): void {
    this.#counts.set(word, (this.#counts.get(word) ?? 0) + 1);
  }
}

const ZERO = {
  connectionsAccepted: 0,
  upgradesRefused: 0,
  /** Sockets cut before they became a client, because there were too many of them. */
  handshakesCut: 0,
  authenticationsFailed: 0,
  messagesReceived: 0,
  messagesRateLimited: 0,
  eventsPublished: 0,
  framesDelivered: 0,
  bytesDelivered: 0,
  /** Requests to recover that were met, and that were answered with the state alone. */
  recoveriesMet: 0,
  recoveriesRefused: 0,
  eventsReplayed: 0,
  /** Events that slow clients were given a newer one in place of. */
  eventsConflated: 0,
  heartbeatsLost: 0,
};

/** Everything that was counted. */
export type GatewayTotals = Readonly<typeof ZERO> & {
  /** Connections that ended, by close code: ours, else the client's. */
  readonly closesByCode: ReadonlyMap<CloseLabel, number>;
  /** Tokens that were refused, by reason. */
  readonly tokenRefusals: ReadonlyMap<string, number>;
  /** Requests that were refused before the upgrade, by HTTP status. */
  readonly upgradeRefusals: ReadonlyMap<number, number>;
  /** Clients that were closed because they were too slow, by reason. */
  readonly slowCloses: ReadonlyMap<SlowReason, number>;
};

/** What a gateway counts from its start. */
export class GatewayTallies {
  readonly closes = new Tally<CloseLabel>();
  readonly tokens = new Tally<string>();
  readonly upgrades = new Tally<number>();
  readonly slow = new Tally<SlowReason>();
  /** The plain counts; whoever sees it happen adds to them. */
  readonly totals = { ...ZERO };

  read(): GatewayTotals {
    return {
      ...this.totals,
      closesByCode: this.closes.counts,
      tokenRefusals: this.tokens.counts,
      upgradeRefusals: this.upgrades.counts,
      slowCloses: this.slow.counts,
    };
  }

  /** A connection ended with this code. */
  closed(code: number): void {
    this.closes.add(THEIR_CODES.has(code) || Object.hasOwn(CLOSE_CODES, code) ? code : 'other');
  }
}
