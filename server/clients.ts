/**
 * Everybody who is connected, and the parts that serve them: built and wired here, told what to do by the gateway.
 */
import type { Socket } from 'node:net';
import { encodeError } from '../src/protocol/server-message.ts';
import type { CloseCode } from '../src/protocol/close-code.ts';
import type { Clock } from '../src/ports.ts';
import { History } from '../src/topics/history.ts';
import { Admission, type RefusalReason } from './admission.ts';
import { CatchUps } from './catch-ups.ts';
import { ClientCommands } from './client-commands.ts';
import { Connection, type ConnectionHost, type ConnectionSetup } from './connection.ts';
import type { Door } from './door.ts';
import { drainConnections } from './drain.ts';
import { FeedNotice } from './feed-notice.ts';
import type { GatewayDeps, GatewayOptions } from './gateway-options.ts';
import { Hub, type EventTimes } from './hub.ts';
import { Inbox } from './inbox.ts';
import type { PublishedEvent } from './publication.ts';
import { RateBucket, type RateLimits } from './rate-bucket.ts';
import { Standings } from './standings.ts';
import { Subscriptions } from './subscriptions.ts';
import { Sweeper } from './sweeper.ts';
import type { GatewayTallies } from './tally.ts';
import type { TokenVerifier } from './token-verifier.ts';
import { TurnBatch } from './turn-batch.ts';
import { LocalUserLimit, type UserLimit } from './user-limit.ts';
import { Watchlists } from './watchlists.ts';
import { Welcome } from './welcome.ts';

export interface ClientsDeps extends GatewayDeps {
  readonly options: GatewayOptions;
  readonly door: Door;
  readonly tallies: GatewayTallies;
  readonly verify: TokenVerifier;
  /** A client's token was refused. */
  readonly tokenRefused: (addressKey: string | null, reason: RefusalReason) => void;
  /** Database clock now, epoch ms. */
  readonly serverTimeMs: Clock;
}

export class Clients {
  readonly #deps: ClientsDeps;
  readonly hub: Hub;
  readonly #userLimit: UserLimit;
  readonly catchUps: CatchUps;
  readonly notice: FeedNotice;
  readonly #sweeper: Sweeper<Connection>;
  readonly #watchlists: Watchlists;
  readonly #admission: Admission;
  readonly #inbox: Inbox;
  readonly #commands: ClientCommands;
  readonly #host: ConnectionHost;
  readonly #rate: RateLimits;
  /** Every connection whose socket is not gone yet. */
  readonly #open = new Set<Connection>();

  constructor(deps: ClientsDeps) {
    const { options, log, now, reads, serverTimeMs } = deps;
    this.#deps = deps;
    this.#rate = { perSecond: options.messagesPerSecondMax, burst: options.messageBurstMax };
    const { userLimit, watcherTotals } = deps.siblings ?? {};
    this.hub = new Hub(new History(options.history), watcherTotals);
    this.#userLimit = userLimit ?? new LocalUserLimit(this.hub, options.connectionsPerUserMax);
    this.catchUps = this.#createCatchUps();
    this.notice = new FeedNotice({ reads, now, hub: this.hub });
    this.#sweeper = this.#createSweeper();
    const subscriptions = this.#createSubscriptions();
    this.#inbox = this.#createInbox();
    this.#watchlists = new Watchlists({
      reads,
      hub: this.hub,
      inbox: this.#inbox,
      subscriptions,
      subscriptionsMax: options.subscriptionsMax,
    });
    const { legacyTimesZone } = options;
    const welcome = new Welcome({
      log,
      hub: this.hub,
      subscriptions,
      watchlists: this.#watchlists,
      standings: new Standings({ log, reads, legacyTimesZone }),
      isHistoryOpen: () => this.notice.hasBeenLive,
    });
    this.#admission = new Admission({
      options,
      log,
      now,
      reads,
      serverTimeMs,
      hub: this.hub,
      sweeper: this.#sweeper,
      userLimit: this.#userLimit,
      verify: deps.verify,
      refused: (connection, reason) => {
        deps.tokenRefused(connection.addressKey, reason);
      },
      admitted: (connection) => {
        this.notice.greet(connection);
        return welcome.greet(connection);
      },
    });
    this.#commands = new ClientCommands({
      admission: this.#admission,
      subscriptions,
      serverTimeMs,
    });
    this.#host = this.#createHost();
  }

  /** Those whose socket is not gone yet, closing ones included. */
  get open(): ReadonlySet<Connection> {
    return this.#open;
  }

  /** Heartbeats and deadlines begin. */
  start(): void {
    this.#sweeper.start();
  }

  stop(): void {
    this.#sweeper.stop();
    this.catchUps.stop();
  }

  /** A new client; {@link begin} it once its socket knows it. */
  add(setup: Omit<ConnectionSetup, 'bucket'>, wire: Socket): Connection {
    const bucket = new RateBucket(this.#rate, this.#deps.now());
    const connection = new Connection(this.#host, { ...setup, bucket });
    this.#deps.door.entered(wire);
    this.#deps.tallies.totals.connectionsAccepted += 1;
    this.#open.add(connection);
    this.#sweeper.add(connection);
    return connection;
  }

  /** What it is told at once is written before this returns. */
  begin(connection: Connection, token: string | null): void {
    const checking = this.#admission.begin(connection, token);
    this.#host.batch.flushOne(connection);
    if (checking !== undefined) this.#inbox.hold(connection, checking);
  }

  /** Passes on what was published, or does what it asks for. */
  publish(event: PublishedEvent, times: EventTimes): void {
    if ('json' in event) this.hub.deliver(event, times);
    else if (event.type === 'UserStandingChanged') this.#admission.standingChanged(event);
    else this.#watchlists.changed(event);
  }

  /** Keeps what was published before there was anybody. */
  keep(event: PublishedEvent, times: EventTimes): void {
    if ('json' in event) this.hub.keep(event, times);
  }

  closeAll(code: CloseCode): void {
    // A copy: closing takes each out of the set.
    for (const connection of [...this.#open]) connection.close(code);
  }

  /** Sends everybody away in good order (drain.ts). */
  drain(withinMs: number): Promise<void> {
    return drainConnections(this.#open, { withinMs });
  }

  #createSweeper(): Sweeper<Connection> {
    const { options, now, reads, tallies, serverTimeMs } = this.#deps;
    return new Sweeper<Connection>({
      heartbeatIntervalMs: options.heartbeatIntervalMs,
      now,
      visit: (connection) => {
        if (connection.beat()) return;
        tallies.totals.heartbeatsLost += 1;
        connection.close(4003);
      },
      due: (connection) => {
        this.#admission.due(connection);
      },
      tick: () => {
        this.notice.observe(reads.feedState());
        this.hub.history.expire(serverTimeMs());
        this.hub.tellCounts(now());
      },
    });
  }

  #createHost(): ConnectionHost {
    const { options, now, door, tallies } = this.#deps;
    const { totals } = tallies;
    return {
      batch: new TurnBatch(),
      unsentBytesMax: options.slowLimits.unsentBytesMax,
      received: (connection, text) => {
        totals.messagesReceived += 1;
        this.#inbox.receive(connection, text);
      },
      controlReceived: (connection) => {
        const verdict = connection.bucket.take(now());
        if (verdict === 'abusive') connection.close(4005);
        return verdict === 'ok';
      },
      leaving: (connection) => {
        this.catchUps.remove(connection);
        this.hub.remove(connection);
        this.#userLimit.departed(connection);
        this.#sweeper.remove(connection);
      },
      gone: (connection, code) => {
        this.#open.delete(connection);
        tallies.closed(code);
        door.left(connection.addressKey);
      },
      wrote: (frames, bytes) => {
        totals.framesDelivered += frames;
        totals.bytesDelivered += bytes;
      },
      fellBehind: (connection) => {
        this.catchUps.fellBehind(connection);
      },
      owes: (connection, bytes) => {
        this.catchUps.owes(connection, bytes);
      },
    };
  }

  #createCatchUps(): CatchUps {
    const { tallies, options } = this.#deps;
    return new CatchUps({
      history: this.hub.history,
      limits: options.slowLimits,
      monotonicMs: () => performance.now(),
      replayed: () => {
        tallies.totals.eventsReplayed += 1;
      },
      conflated: (events) => {
        tallies.totals.eventsConflated += events;
      },
      tooSlow: (connection, reason) => {
        tallies.slow.add(reason);
        connection.close(4002);
      },
    });
  }

  #createSubscriptions(): Subscriptions {
    const { log, reads, options, tallies, serverTimeMs } = this.#deps;
    const { subscriptionsMax, legacyTimesZone, upcomingIsPublic } = options;
    return new Subscriptions({
      log,
      reads,
      hub: this.hub,
      catchUps: this.catchUps,
      subscriptionsMax,
      legacyTimesZone,
      upcomingIsPublic,
      serverTimeMs,
      asked: (recovered) => {
        if (recovered) tallies.totals.recoveriesMet += 1;
        else tallies.totals.recoveriesRefused += 1;
      },
    });
  }

  #createInbox(): Inbox {
    const { log, now, tallies } = this.#deps;
    return new Inbox({
      log,
      now,
      monotonicMs: () => performance.now(),
      answer: (connection, text) => this.#commands.answer(connection, text),
      rateLimited: (connection) => {
        tallies.totals.messagesRateLimited += 1;
        connection.send(encodeError({ code: 'rate_limited' }));
      },
    });
  }
}
