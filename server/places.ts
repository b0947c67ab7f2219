/**
 * Who may come in, as far as numbers decide: connections in all, and what one address may take. One object keeps these
 * for the whole server, whichever process holds the sockets.
 */
import type { Clock } from '../src/ports.ts';
import { ConnectionLimits, type AddressLimits } from './connection-limits.ts';

/** Turned away for now. */
export interface NoPlace {
  readonly status: 429 | 503;
  readonly retryAfterSeconds: number;
}

/** `Retry-After` of a full or leaving server. */
export const RETRY_AFTER_S = 5;

export interface Places {
  /** Asks for the place of one more connection; a place that is given has to be given back. Null: it is given. */
  enter(addressKey: string | null): NoPlace | null | Promise<NoPlace | null>;
  /** Gives a place back. */
  left(addressKey: string | null): void;
  /** A token from this address was refused, and not for its age. */
  failed(addressKey: string | null): void;
}

export interface PlacesOptions {
  /** Connections in all. */
  readonly connectionsMax: number;
  readonly addressLimits: AddressLimits;
}

/** The places of a server, kept here. */
export class LocalPlaces implements Places {
  readonly #connectionsMax: number;
  readonly #limits: ConnectionLimits;
  #open = 0;

  constructor({ connectionsMax, addressLimits }: PlacesOptions, now: Clock) {
    this.#connectionsMax = connectionsMax;
    this.#limits = new ConnectionLimits(addressLimits, now);
  }

  /** Connections that have a place. */
  get open(): number {
    return this.#open;
  }

  enter(addressKey: string | null): NoPlace | null {
    if (this.#open >= this.#connectionsMax) {
      return { status: 503, retryAfterSeconds: RETRY_AFTER_S };
    }
    const waitMs = this.#limits.ask(addressKey);
    if (waitMs > 0) return { status: 429, retryAfterSeconds: Math.ceil(waitMs / 1000) };
    this.#open += 1;
    this.#limits.opened(addressKey);
    return null;
  }

  left(addressKey: string | null): void {
    this.#open -= 1;
    this.#limits.closed(addressKey);
  }

  failed(addressKey: string | null): void {
    this.#limits.failed(addressKey);
  }
}
