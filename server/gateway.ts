/**
 * The sockets side as one object: events in through `publish`, clients on a port, numbers out.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { ItemId, UserId } from '../src/auction/ids.ts';
import type { EventBatch, FeedState } from '../src/ports.ts';
import type { RefusalReason } from './admission.ts';
import { Clients } from './clients.ts';
import { Door } from './door.ts';
import { Entrance } from './entrance.ts';
import type { GatewayDeps, GatewayOptions, GatewayStats, LocalGateway } from './gateway-options.ts';
import { HubView } from './gateway-view.ts';
import { LocalPlaces } from './places.ts';
import { Encoder, type Publication } from './publication.ts';
import { GatewayTallies } from './tally.ts';
import { createTokenVerifier, type TokenVerifier } from './token-verifier.ts';

/** How often, and how far apart in ms, it is looked whether those who were accepted have come in when we leave the port. */
const ARRIVING_LOOKS = 50;
const ARRIVING_LOOK_MS = 2;

/** Builds the gateway; nothing listens and no timer runs before `listen()`. */
export function createGateway(options: GatewayOptions, deps: GatewayDeps): LocalGateway {
  return new HttpGateway(options, deps);
}

class HttpGateway implements LocalGateway {
  readonly #options: GatewayOptions;
  readonly #deps: GatewayDeps;
  readonly #encoder: Encoder;
  readonly #door: Door;
  readonly #clients: Clients;
  readonly #entrance: Entrance;
  readonly #tallies = new GatewayTallies();
  #verify: TokenVerifier;
  #isDraining = false;
  /** Nobody comes in any more. */
  #isShut = false;
  #stopped: Promise<void> | null = null;

  constructor(options: GatewayOptions, deps: GatewayDeps) {
    this.#options = options;
    this.#deps = deps;
    const serverTimeMs = (): number => Math.round(deps.now() + deps.clockOffsetMs());
    this.#encoder = new Encoder(options, serverTimeMs);
    this.#verify = this.#createVerifier(options.jwt);
    this.#door = this.#createDoor();
    const tallies = this.#tallies;
    const door = this.#door;
    const tokens = {
      verify: (token: string) => this.#verify(token),
      tokenRefused: (addressKey: string | null, reason: RefusalReason) => {
        this.#tokenRefused(addressKey, reason);
      },
    };
    this.#clients = new Clients({ ...deps, ...tokens, options, door, tallies, serverTimeMs });
    this.#entrance = new Entrance({
      ...tokens,
      reads: deps.reads,
      options,
      door,
      tallies,
      clients: this.#clients,
      isDraining: () => this.#isDraining,
    });
  }

  async listen(): Promise<{ readonly host: string; readonly port: number }> {
    const address = await this.#entrance.open();
    this.#clients.start();
    return address;
  }

  publish(batch: EventBatch): void {
    this.take(this.#encoder.encode(batch));
  }

  take({ events, committedAtMs, nowMs, replay }: Publication): void {
    const times = { committedAtMs, nowMs };
    if (replay) {
      for (const event of events) this.#clients.keep(event, times);
      return;
    }
    for (const event of events) this.#clients.publish(event, times);
    this.#tallies.totals.eventsPublished += events.length;
  }

  sourceReset(reason: string): void {
    this.#deps.log.warn({ reason, connections: this.#clients.open.size }, 'source changed');
    // Before anybody can come back: what follows does not continue what was published.
    this.#clients.hub.history.clear();
    this.#clients.closeAll(4004);
  }

  feedChanged(state: FeedState): void {
    this.#clients.notice.observe(state);
  }

  stats(): GatewayStats {
    const { hub, open, catchUps } = this.#clients;
    return {
      connectionsOpen: open.size,
      connectionsV2Open: hub.v2Connections,
      usersConnected: hub.users,
      itemsWatched: hub.items,
      subscriptionsOpen: hub.subscriptions,
      historyEvents: hub.history.size,
      historyBytes: hub.history.bytes,
      clientsCatchingUp: catchUps.recovering,
      clientsSlow: catchUps.slow,
      isDraining: this.#isDraining,
      ...this.#tallies.read(),
    };
  }

  watchersMoved(itemId: ItemId): void {
    this.#clients.hub.counts.moved(itemId);
  }

  disconnect(userId: UserId): number {
    return this.view().disconnect(userId);
  }

  view(): HubView {
    return new HubView(this.#clients.hub, this.#clients.open);
  }

  reload({ jwt, tls }: Pick<GatewayOptions, 'jwt' | 'tls'>): void {
    const verify = this.#createVerifier(jwt);
    this.#entrance.renewCertificate(tls);
    this.#verify = verify;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#drain();
    return this.#stopped;
  }

  async #drain(): Promise<void> {
    this.#isDraining = true;
    const { drainMs, reusePort, inheritedFd } = this.#options;
    // Where somebody else takes connections, now or soon, nobody is to be turned away by us: whom we have accepted already
    // comes in, and is asked to come back like all.
    if (reusePort || inheritedFd !== null) {
      this.#entrance.leave();
      for (let look = 0; look < ARRIVING_LOOKS && this.#door.handshakes.size > 0; look += 1) {
        await pause(ARRIVING_LOOK_MS);
      }
    }
    this.#isShut = true;
    await this.#clients.drain(drainMs);
    this.#clients.stop();
    await this.#entrance.close();
  }

  #createVerifier(jwt: GatewayOptions['jwt']): TokenVerifier {
    const { log, now } = this.#deps;
    const keysFailed = (error: unknown): void => {
      log.warn({ err: error }, 'key set unavailable');
    };
    return createTokenVerifier(jwt, { now, keysFailed });
  }

  #createDoor(): Door {
    return new Door({
      options: this.#options,
      places: this.#deps.siblings?.places ?? new LocalPlaces(this.#options, this.#deps.now),
      isDraining: () => this.#isShut,
      handshakeCut: () => {
        this.#tallies.totals.handshakesCut += 1;
      },
    });
  }

  #tokenRefused(addressKey: string | null, reason: RefusalReason): void {
    this.#tallies.totals.authenticationsFailed += 1;
    this.#tallies.tokens.add(reason);
    this.#door.tokenRefused(addressKey, reason);
    this.#deps.log.debug({ reason }, 'token refused');
  }
}
