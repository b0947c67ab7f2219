/**
 * The public port: every request that comes in, turned away or made a client.
 */
import type { Server } from 'node:http';

import { Acceptors } from './acceptors.ts';
import type { RefusalReason } from './admission.ts';
import type { ClientSocket } from './client-socket.ts';
import type { Clients } from './clients.ts';
import type { Connection } from './connection.ts';
import { DirectWrites } from './direct-writes.ts';
import type { Door } from './door.ts';
import { EventStreamRoute } from './event-stream-route.ts';
import type { GatewayDeps, GatewayOptions } from './gateway-options.ts';
import { createHttpRoutes } from './http-routes.ts';
import { createListener, renewCertificate, type Address } from './listener.ts';
import type { GatewayTallies } from './tally.ts';
import type { TokenVerifier } from './token-verifier.ts';
import { Upgrade, type Arrival } from './upgrade.ts';

export interface EntranceDeps extends Pick<GatewayDeps, 'reads'> {
  readonly options: GatewayOptions;
  readonly door: Door;
  readonly clients: Clients;
  readonly tallies: GatewayTallies;
  readonly isDraining: () => boolean;
  readonly verify: TokenVerifier;
  /** The token of a request for an event stream was refused. */
  readonly tokenRefused: (addressKey: string | null, reason: RefusalReason) => void;
}

export class Entrance {
  readonly #deps: EntranceDeps;
  readonly #events: EventStreamRoute;
  readonly #http: Server;
  readonly #acceptors: Acceptors;
  readonly #direct = DirectWrites.detect();
  #left: Promise<void> | null = null;

  constructor(deps: EntranceDeps) {
    this.#deps = deps;
    this.#events = this.#createEvents();
    this.#http = this.#createServer();
    this.#acceptors = new Acceptors(this.#http, deps.options.handshakesMax);
  }

  /** @throws AppError PORT_UNAVAILABLE */
  open(): Promise<Address> {
    return this.#acceptors.open(this.#deps.options);
  }

  /** Takes another certificate. @throws AppError CONFIG_INVALID; the old one stays then */
  renewCertificate(tls: GatewayOptions['tls']): void {
    renewCertificate(this.#http, tls);
  }

  /** Takes no more connections; requests on open ones are still answered. Idempotent. */
  leave(): void {
    this.#left ??= this.#acceptors.close();
  }

  /** Stops listening and cuts what is still open. */
  async close(): Promise<void> {
    this.#events.stop();
    this.leave();
    this.#http.closeAllConnections();
    await this.#left;
  }

  #createServer(): Server {
    const { options, door, tallies, clients, reads, isDraining } = this.#deps;
    const { handshakeWithinMs, tls, staticRoutes = null } = options;
    const upgrade = new Upgrade({
      options,
      door,
      refused: (status) => {
        tallies.totals.upgradesRefused += 1;
        tallies.upgrades.add(status);
      },
      accepted: (socket, arrival) => this.#accept(socket, arrival),
      begin: (connection, token) => {
        clients.begin(connection, token);
      },
    });
    const answer = createHttpRoutes({
      reads,
      isDraining,
      staticRoutes,
      events: (request, response) => {
        this.#events.handle(request, response);
      },
    });
    const { handshakes } = door;
    return createListener({
      handshakeWithinMs,
      tls,
      answer,
      upgrade: upgrade.requested,
      handshakes,
    });
  }

  #createEvents(): EventStreamRoute {
    const { clients, door, tallies, verify, tokenRefused } = this.#deps;
    return new EventStreamRoute({
      verify,
      isDraining: () => door.leaving !== null,
      door,
      refused: () => {
        tallies.totals.upgradesRefused += 1;
      },
      tokenRefused,
      accepted: (stream, { token, wants, wire, addressKey }) => {
        const setup = { socket: stream, isV2: true, wants, addressKey };
        const connection = clients.add(setup, wire);
        stream.open(connection);
        clients.begin(connection, token);
      },
    });
  }

  #accept(socket: ClientSocket, { credentials, wire, addressKey }: Arrival): Connection {
    const { clients } = this.#deps;
    const { version, since, watchlist } = credentials;
    const wants = since === null && !watchlist ? null : { since, watchlist, itemIds: [] };
    const connection = clients.add({ socket, isV2: version === 2, wants, addressKey }, wire);
    socket.attach(connection, wire, this.#direct);
    return connection;
  }
}
