/**
 * The door that every client comes through, by WebSocket or event stream: who is turned away before anybody looks at a
 * token, and what each address has taken so far.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { createClientAddresses, type ClientAddresses } from './client-address.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { Handshakes } from './handshakes.ts';
import { isHostAllowed, isOriginAllowed } from './origin-check.ts';
import { RETRY_AFTER_S, type NoPlace, type Places } from './places.ts';
import type { TokenRefusal } from './token-verifier.ts';

export interface DoorDeps {
  readonly options: Pick<
    GatewayOptions,
    | 'allowedOrigins'
    | 'originRequired'
    | 'allowedHosts'
    | 'handshakesMax'
    | 'addressLimits'
    | 'trustedProxies'
  >;
  readonly places: Places;
  readonly isDraining: () => boolean;
  /** A socket was cut before it became a client. */
  readonly handshakeCut: () => void;
}

/** Without `retryAfterSeconds`, coming back would not help. */
export type Refusal = NoPlace | { readonly status: 403; readonly retryAfterSeconds: null };

const LEAVING: Refusal = { status: 503, retryAfterSeconds: RETRY_AFTER_S };

export class Door {
  readonly #deps: DoorDeps;
  readonly #addresses: ClientAddresses;
  readonly handshakes: Handshakes;

  constructor(deps: DoorDeps) {
    const { options, handshakeCut } = deps;
    this.#deps = deps;
    this.#addresses = createClientAddresses(options.trustedProxies);
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

  /** What everybody is told while we leave; null: we do not. */
  get leaving(): Refusal | null {
    return this.#deps.isDraining() ? LEAVING : null;
  }

  /**
   * The cheap questions first; nothing here looks at a token. Null: come in; the place that was given is then either
   * taken ({@link entered}, and {@link left} at the end) or given back ({@link left}). A promise where the places are
   * kept elsewhere.
   */
  refusalOf(
    { headers }: IncomingMessage,
    addressKey: string | null,
  ): Refusal | null | Promise<Refusal | null> {
    const { options, places } = this.#deps;
    if (this.leaving !== null) return this.leaving;
    const isWelcome =
      isHostAllowed(headers.host, options.allowedHosts) && this.isOriginWelcome(headers.origin);
    if (!isWelcome) return { status: 403, retryAfterSeconds: null };
    return places.enter(addressKey);
  }

  isOriginWelcome(origin: string | undefined): boolean {
    const { allowedOrigins, originRequired } = this.#deps.options;
    return isOriginAllowed(origin, allowedOrigins, originRequired);
  }

  /** The request has become a client. */
  entered(wire: Socket): void {
    this.handshakes.ended(wire);
  }

  /** A client has gone, or never came of the request. */
  left(addressKey: string | null): void {
    this.#deps.places.left(addressKey);
  }

  /** Counts guesses. Age and our own trouble say nothing of honesty; without a token there was nothing to guess. */
  tokenRefused(addressKey: string | null, reason: TokenRefusal | 'missing' | 'other_user'): void {
    if (reason === 'expired' || reason === 'unavailable' || reason === 'missing') return;
    this.#deps.places.failed(addressKey);
  }
}
