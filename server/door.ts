/**
 * The door that every client comes through, by WebSocket or event stream: who is turned away before anybody looks at a
 * token, and what each address has taken so far.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../src/ports.ts';
import { createClientAddresses, type ClientAddresses } from './client-address.ts';
import { ConnectionLimits } from './connection-limits.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { Handshakes } from './handshakes.ts';
import { isHostAllowed, isOriginAllowed } from './origin-check.ts';
import type { TokenRefusal } from './token-verifier.ts';

export interface DoorDeps {
  readonly options: Pick<
    GatewayOptions,
    | 'allowedOrigins'
    | 'originRequired'
    | 'allowedHosts'
    | 'connectionsMax'
    | 'handshakesMax'
    | 'addressLimits'
    | 'trustedProxies'
  >;
  readonly now: Clock;
  readonly isDraining: () => boolean;
  /** Connections open now, closing ones included. */
  readonly connectionsOpen: () => number;
  /** A socket was cut before it became a client. */
  readonly handshakeCut: () => void;
}

export interface Refusal {
  readonly status: 403 | 429 | 503;
  /** `Retry-After`; null: coming back would not help. */
  readonly retryAfterSeconds: number | null;
}

/** `Retry-After` of a full or leaving server. */
const RETRY_AFTER_S = 5;

export class Door {
  readonly #deps: DoorDeps;
  readonly #addresses: ClientAddresses;
  readonly #limits: ConnectionLimits;
  readonly handshakes: Handshakes;

  constructor(deps: DoorDeps) {
    const { options, now, handshakeCut } = deps;
    this.#deps = deps;
    this.#addresses = createClientAddresses(options.trustedProxies);
    this.#limits = new ConnectionLimits(options.addressLimits, now);
    this.handshakes = new Handshakes({
      max: options.handshakesMax,
      perAddressMax: options.addressLimits.connectionsMax,
      keyOf: (socket) => this.#addresses.keyOf(socket.remoteAddress, undefined),
      evicted: handshakeCut,
    });
  }

  /** What limits count this request by (client-address.ts). */
  addressKeyOf({ socket, headers }: IncomingMessage): string | null {
    return this.#addresses.keyOf(socket.remoteAddress, headers['x-forwarded-for']?.toString());
  }

  /** The cheap questions first; nothing here looks at a token. Null: come in. */
  refusalOf({ headers }: IncomingMessage, addressKey: string | null): Refusal | null {
    const { options, isDraining, connectionsOpen } = this.#deps;
    if (isDraining()) return { status: 503, retryAfterSeconds: RETRY_AFTER_S };
    const isWelcome =
      isHostAllowed(headers.host, options.allowedHosts) && this.isOriginWelcome(headers.origin);
    if (!isWelcome) return { status: 403, retryAfterSeconds: null };
    if (connectionsOpen() >= options.connectionsMax) {
      return { status: 503, retryAfterSeconds: RETRY_AFTER_S };
    }
    const waitMs = this.#limits.ask(addressKey);
    return waitMs === 0 ? null : { status: 429, retryAfterSeconds: Math.ceil(waitMs / 1000) };
  }

  isOriginWelcome(origin: string | undefined): boolean {
    const { allowedOrigins, originRequired } = this.#deps.options;
    return isOriginAllowed(origin, allowedOrigins, originRequired);
  }

  /** The request has become a client. */
  entered(addressKey: string | null, wire: Socket): void {
    this.handshakes.ended(wire);
    this.#limits.opened(addressKey);
  }

  left(addressKey: string | null): void {
    this.#limits.closed(addressKey);
  }

  /** Counts guesses. Age and our own trouble say nothing of honesty; without a token there was nothing to guess. */
  tokenRefused(addressKey: string | null, reason: TokenRefusal | 'missing' | 'other_user'): void {
    if (reason === 'expired' || reason === 'unavailable' || reason === 'missing') return;
    this.#limits.failed(addressKey);
  }
}
