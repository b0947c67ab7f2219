/**
 * The sockets side, built and wired: one HTTP server with WebSockets and event streams on it, events in through `publish`.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { encodeEvent } from '../src/protocol/event-message.ts';
import { encodeError, encodeReconnect } from '../src/protocol/server-message.ts';
import type { EventBatch, FeedState } from '../src/ports.ts';
import { History } from '../src/topics/history.ts';
import { Admission, type RefusalReason } from './admission.ts';
import { CatchUps } from './catch-ups.ts';
import { ClientCommands } from './client-commands.ts';
import type { ClientSocket } from './client-socket.ts';
import { Connection, type ConnectionHost, type ConnectionSetup } from './connection.ts';
import { Door } from './door.ts';
import { EventStreamRoute } from './event-stream-route.ts';
import { FeedNotice } from './feed-notice.ts';
import type { Gateway, GatewayDeps, GatewayOptions, GatewayStats } from './gateway-options.ts';
import { createHttpRoutes } from './http-routes.ts';
import { GatewayView } from './gateway-view.ts';
import { Hub } from './hub.ts';
import { reconnectAfterMs } from './reconnect-spread.ts';
import { Inbox } from './inbox.ts';
import { bind, closeServer, createListener, renewCertificate } from './listener.ts';
import { RateBucket, type RateLimits } from './rate-bucket.ts';
import { Standings } from './standings.ts';
import { Subscriptions } from './subscriptions.ts';
import { Sweeper } from './sweeper.ts';
import { createTokenVerifier, type TokenVerifier } from './token-verifier.ts';
import { createCounts, GatewayTallies } from './tally.ts';
import { TurnBatch } from './turn-batch.ts';
import { createUpgrade, type Arrival } from './upgrade.ts';
import { Watchlists } from './watchlists.ts';
import { Welcome } from './welcome.ts';

/** Builds the gateway; nothing listens and no timer runs before `listen()`. */
export function createGateway(options: GatewayOptions, deps: GatewayDeps): Gateway {
  return new HttpGateway(options, deps);
}

class HttpGateway implements Gateway {
  readonly #options: GatewayOptions;
  readonly #deps: GatewayDeps;
  readonly #http: Server;
  readonly #hub: Hub;
  readonly #catchUps: CatchUps;
  readonly #watchlists: Watchlists;
  readonly #welcome: Welcome;
  readonly #events: EventStreamRoute;
  readonly #sweeper: Sweeper<Connection>;
  readonly #notice: FeedNotice;
  readonly #admission: Admission;
  readonly #inbox: Inbox;
  readonly #host: ConnectionHost;
  readonly #rate: RateLimits;
  /** Every connection whose socket is not gone yet. */
  readonly #open = new Set<Connection>();
  readonly #door: Door;
  readonly #counts = createCounts();
  #verify: TokenVerifier;
  readonly #tallies = new GatewayTallies();
  #isDraining = false;
  #stopped: Promise<void> | null = null;
  #allGone: (() => void) | null = null;

  constructor(options: GatewayOptions, deps: GatewayDeps) {
    this.#options = options;
    this.#deps = deps;
    const { log, now, reads } = deps;
    const serverTimeMs = (): number => this.#serverTimeMs();
    this.#verify = this.#createVerifier(options.jwt);
    this.#rate = { perSecond: options.messagesPerSecondMax, burst: options.messageBurstMax };
    this.#hub = new Hub(new History(options.history));
    this.#catchUps = this.#createCatchUps();
    this.#notice = new FeedNotice({ reads, now, hub: this.#hub });
    this.#sweeper = this.#createSweeper();
    this.#admission = new Admission({
      options,
      log,
      now,
      reads,
      serverTimeMs,
      hub: this.#hub,
      sweeper: this.#sweeper,
      verify: (token) => this.#verify(token),
      refused: (connection, reason) => {
        this.#tokenRefused(connection.addressKey, reason);
      },
      admitted: (connection) => {
        this.#notice.greet(connection);
        return this.#welcome.greet(connection);
      },
    });
    const subscriptions = this.#createSubscriptions();
    const commands = new ClientCommands({
      admission: this.#admission,
      subscriptions,
      serverTimeMs,
    });
    this.#inbox = new Inbox({
      log,
      now,
      answer: (connection, text) => commands.answer(connection, text),
      rateLimited: (connection) => {
        this.#counts.messagesRateLimited += 1;
        connection.send(encodeError({ code: 'rate_limited' }));
      },
    });
    this.#watchlists = new Watchlists({
      reads,
      hub: this.#hub,
      inbox: this.#inbox,
      subscriptions,
      subscriptionsMax: options.subscriptionsMax,
    });
    this.#welcome = this.#createWelcome(subscriptions);
    this.#host = this.#createHost();
    this.#door = this.#createDoor();
    this.#events = this.#createEvents();
    this.#http = this.#createServer();
  }

  async listen(): Promise<{ readonly host: string; readonly port: number }> {
    const address = await bind(this.#http, this.#options);
    this.#sweeper.start();
    return address;
  }

  publish({ events, nameOf, committedAtMs, replay = false }: EventBatch): void {
    const nowMs = this.#serverTimeMs();
    const times = { committedAtMs, nowMs };
    const encoding = {
      nameOf,
      bidderNames: this.#options.bidderNames,
      legacyTimesZone: this.#options.legacyTimesZone,
      serverTimeMs: nowMs,
    };
    for (const event of events) {
      const wire = encodeEvent(event, encoding);
      if (replay) {
        if (wire !== null) this.#hub.keep(wire, times);
        continue;
      }
      if (wire !== null) this.#hub.deliver(wire, times);
      if (event.type === 'UserStandingChanged') this.#admission.standingChanged(event);
      if (event.type === 'WatchlistChanged') this.#watchlists.changed(event);
    }
    if (!replay) this.#counts.eventsPublished += events.length;
  }

  sourceReset(reason: string): void {
    this.#deps.log.warn({ reason, connections: this.#open.size }, 'source changed');
    // Before anybody can come back: what follows does not continue what was published.
    this.#hub.history.clear();
    for (const connection of [...this.#open]) connection.close(4004);
  }

  feedChanged(state: FeedState): void {
    this.#notice.observe(state);
  }

  stats(): GatewayStats {
    return {
      connectionsOpen: this.#open.size,
      connectionsV2Open: this.#hub.v2Connections,
      usersConnected: this.#hub.users,
      itemsWatched: this.#hub.items,
      subscriptionsOpen: this.#hub.subscriptions,
      historyEvents: this.#hub.history.size,
      historyBytes: this.#hub.history.bytes,
      clientsCatchingUp: this.#catchUps.size,
      isDraining: this.#isDraining,
      ...this.#tallies.counts,
      ...this.#counts,
    };
  }

  view(): GatewayView {
    return new GatewayView(this.#hub, this.#open);
  }

  reload({ jwt, tls }: Pick<GatewayOptions, 'jwt' | 'tls'>): void {
    const verify = this.#createVerifier(jwt);
    renewCertificate(this.#http, tls);
    this.#verify = verify;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#drain();
    return this.#stopped;
  }

  #serverTimeMs(): number {
    return Math.round(this.#deps.now() + this.#deps.clockOffsetMs());
  }

  #createVerifier(jwt: GatewayOptions['jwt']): TokenVerifier {
    const { log, now } = this.#deps;
    const keysFailed = (error: unknown): void => {
      log.warn({ err: error }, 'key set unavailable');
    };
    return createTokenVerifier(jwt, { now, keysFailed });
  }

  #createSweeper(): Sweeper<Connection> {
    return new Sweeper<Connection>({
      heartbeatIntervalMs: this.#options.heartbeatIntervalMs,
      now: this.#deps.now,
      visit: (connection) => {
        if (connection.beat()) return;
        this.#counts.heartbeatsLost += 1;
        connection.close(4003);
      },
      due: (connection) => {
        this.#admission.due(connection);
      },
      tick: () => {
        this.#notice.observe(this.#deps.reads.feedState());
        this.#hub.history.expire(this.#serverTimeMs());
        this.#hub.tellCounts(this.#deps.now());
      },
    });
  }

  #createHost(): ConnectionHost {
    return {
      batch: new TurnBatch(),
      backlogBytesMax: this.#options.backlogBytesMax,
      received: (connection, text) => {
        this.#counts.messagesReceived += 1;
        this.#inbox.receive(connection, text);
      },
      controlReceived: (connection) => {
        const verdict = connection.bucket.take(this.#deps.now());
        if (verdict === 'abusive') connection.close(4005);
        return verdict === 'ok';
      },
      leaving: (connection) => {
        this.#catchUps.remove(connection);
        this.#hub.remove(connection);
        this.#sweeper.remove(connection);
      },
      gone: (connection, code) => {
        this.#open.delete(connection);
        this.#tallies.closed(code);
        this.#door.left(connection.addressKey);
        if (this.#open.size === 0) this.#allGone?.();
      },
      wrote: (frames, bytes) => {
        this.#counts.framesDelivered += frames;
        this.#counts.bytesDelivered += bytes;
      },
      tooSlow: (connection) => {
        this.#closeSlow(connection);
      },
    };
  }

  #createCatchUps(): CatchUps {
    return new CatchUps({
      history: this.#hub.history,
      monotonicMs: () => performance.now(),
      replayed: () => {
        this.#counts.eventsReplayed += 1;
      },
      tooSlow: (connection) => {
        this.#closeSlow(connection);
      },
    });
  }

  #createSubscriptions(): Subscriptions {
    const { log, reads } = this.#deps;
    const { subscriptionsMax, legacyTimesZone, upcomingIsPublic } = this.#options;
    return new Subscriptions({
      log,
      reads,
      hub: this.#hub,
      catchUps: this.#catchUps,
      subscriptionsMax,
      legacyTimesZone,
      upcomingIsPublic,
      serverTimeMs: () => this.#serverTimeMs(),
      asked: (recovered) => {
        if (recovered) this.#counts.recoveriesMet += 1;
        else this.#counts.recoveriesRefused += 1;
      },
    });
  }

  #createWelcome(subscriptions: Subscriptions): Welcome {
    const { log, reads } = this.#deps;
    const { legacyTimesZone } = this.#options;
    return new Welcome({
      log,
      hub: this.#hub,
      subscriptions,
      watchlists: this.#watchlists,
      standings: new Standings({ log, reads, legacyTimesZone }),
    });
  }

  #closeSlow(connection: Connection): void {
    this.#counts.slowClientsClosed += 1;
    connection.close(4002);
  }

  #createDoor(): Door {
    return new Door({
      options: this.#options,
      now: this.#deps.now,
      isDraining: () => this.#isDraining,
      connectionsOpen: () => this.#open.size,
      handshakeCut: () => {
        this.#counts.handshakesCut += 1;
      },
    });
  }

  #tokenRefused(addressKey: string | null, reason: RefusalReason): void {
    this.#counts.authenticationsFailed += 1;
    this.#tallies.tokens.add(reason);
    this.#door.tokenRefused(addressKey, reason);
    this.#deps.log.debug({ reason }, 'token refused');
  }

  #createServer(): Server {
    const { reads } = this.#deps;
    const { handshakeWithinMs, tls, staticRoutes = null } = this.#options;
    const isDraining = (): boolean => this.#isDraining;
    const upgrade = createUpgrade({
      options: this.#options,
      door: this.#door,
      refused: (status) => {
        this.#counts.upgradesRefused += 1;
        this.#tallies.upgrades.add(status);
      },
      accepted: (socket, arrival) => {
        this.#accept(socket, arrival);
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
    return createListener({
      handshakeWithinMs,
      tls,
      answer,
      upgrade,
      handshakes: this.#door.handshakes,
    });
  }

  #createEvents(): EventStreamRoute {
    return new EventStreamRoute({
      verify: (token) => this.#verify(token),
      isDraining: () => this.#isDraining,
      door: this.#door,
      refused: () => {
        this.#counts.upgradesRefused += 1;
      },
      tokenRefused: (addressKey, reason) => {
        this.#tokenRefused(addressKey, reason);
      },
      accepted: (stream, { token, wants, wire, addressKey }) => {
        const setup = { socket: stream, isV2: true, wants, addressKey };
        const connection = this.#add(setup, wire);
        stream.open(connection);
        this.#begin(connection, token);
      },
    });
  }

  #accept(socket: ClientSocket, { credentials, wire, addressKey }: Arrival): void {
    const { version, token, since, watchlist } = credentials;
    const wants = since === null && !watchlist ? null : { since, watchlist, itemIds: [] };
    const setup = { socket, isV2: version === 2, wants, addressKey };
    const connection = this.#add(setup, wire);
    socket.attach(connection, wire);
    this.#begin(connection, token);
  }

  #add(setup: Omit<ConnectionSetup, 'bucket'>, wire: Socket): Connection {
    const bucket = new RateBucket(this.#rate, this.#deps.now());
    const connection = new Connection(this.#host, { ...setup, bucket });
    this.#door.entered(connection.addressKey, wire);
    this.#counts.connectionsAccepted += 1;
    this.#open.add(connection);
    this.#sweeper.add(connection);
    return connection;
  }

  #begin(connection: Connection, token: string | null): void {
    const checking = this.#admission.begin(connection, token);
    if (checking !== undefined) this.#inbox.hold(connection, checking);
  }

  async #drain(): Promise<void> {
    this.#isDraining = true;
    const connections = [...this.#open];
    for (const [at, connection] of connections.entries()) {
      const afterMs = reconnectAfterMs(at, connections.length);
      if (connection.isV2 && connection.isAdmitted) connection.send(encodeReconnect(afterMs));
      connection.close(1012);
    }
    await this.#untilAllGone(this.#options.drainMs);
    for (const connection of this.#open) connection.terminate();
    this.#sweeper.stop();
    this.#catchUps.stop();
    this.#events.stop();
    await closeServer(this.#http);
  }

  async #untilAllGone(withinMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    await new Promise<void>((done) => {
      const timer = setTimeout(done, withinMs);
      this.#allGone = () => {
        clearTimeout(timer);
        done();
      };
    });
  }
}
