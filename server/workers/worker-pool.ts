/**
 * The sockets side in several processes, as the process that tails sees it: the same gateway, its clients elsewhere. An
 * event is encoded here once and crosses once to each worker, whatever the number of clients.
 */
import type { EventBatch, Log } from '../../src/ports.ts';
import { BarredUsers } from '../barred-users.ts';
import type { Gateway, GatewayDeps, GatewayOptions, GatewayStats } from '../gateway-options.ts';
import { checkRenewal, probe, type Address } from '../listener.ts';
import { LocalPlaces } from '../places.ts';
import { Encoder, type Publication } from '../publication.ts';
import { createTokenVerifier } from '../token-verifier.ts';
import { encodeMessage } from './channel.ts';
import { writeLine } from './channel-log.ts';
import { Fleet, WORKER_LIMITS, type FromServing, type WorkerLimits } from './fleet.ts';
import { PastPublications } from './past-publications.ts';
import { PlaceDesk } from './place-desk.ts';
import { PoolView } from './pool-view.ts';
import { ReadDesk } from './read-desk.ts';
import { spawnWorker, type SpawnWorker } from './spawn-worker.ts';
import { UserDesk } from './user-desk.ts';
import { WatcherDesk } from './watcher-desk.ts';
import {
  LISTENING_FD,
  type Answer,
  type FeedNews,
  type Question,
  type Reloaded,
  type ToWorker,
  type WorkerOptions,
} from './worker-message.ts';
import type { WorkerProcess } from './worker-process.ts';
import { WorkerTotals, type Summed } from './worker-totals.ts';

const TICK_MS = 1000;
/** Publications given to a new worker in one turn, and the bytes it may leave lying meanwhile. */
const PIECE_MAX = 256;
const PREPARE_BACKLOG_BYTES_MAX = 4 * 1024 * 1024;

export interface WorkerPoolDeps extends Omit<GatewayDeps, 'siblings'> {
  /** Name of the zone of wall-clock texts; it may be learnt late. */
  readonly zoneName: () => string;
  /** 0 to 1. */
  readonly random: () => number;
  /** Absent: {@link WORKER_LIMITS}. */
  readonly limits?: WorkerLimits;
  /** Absent: {@link spawnWorker}. */
  readonly spawn?: SpawnWorker;
}

/** One worker, for operators. */
export interface WorkerStatus {
  /** Its place, from 1. Two processes share one while one replaces the other. */
  readonly worker: number;
  readonly pid: number | null;
  readonly state: string;
  readonly connections: number;
  /** Messages written to its clients since it started. */
  readonly frames: number;
  readonly loopLagMs: number;
  readonly memoryBytes: number;
  /** How often its place was filled again. */
  readonly restarts: number;
}

export class WorkerPool implements Gateway {
  #options: GatewayOptions;
  readonly #deps: WorkerPoolDeps;
  readonly #encoder: Encoder;
  readonly #past: PastPublications;
  readonly #barred = new BarredUsers();
  readonly #readDesk: ReadDesk;
  readonly #placeDesk: PlaceDesk;
  readonly #places: LocalPlaces;
  readonly #userDesk: UserDesk;
  readonly #watcherDesk: WatcherDesk;
  readonly #view: PoolView;
  readonly #fleet: Fleet;
  readonly #totals = new WorkerTotals();
  readonly #logs: readonly Log[];
  /** Published in this turn, and not passed on yet. */
  #turn: Publication[] = [];
  #eventsPublished = 0;
  #tick: NodeJS.Timeout | null = null;
  #isDraining = false;
  #stopped: Promise<void> | null = null;

  /** @param workers how many serve */
  constructor(options: GatewayOptions, workers: number, deps: WorkerPoolDeps) {
    const { log, now, reads, random, limits = WORKER_LIMITS, spawn = spawnWorker } = deps;
    this.#options = options;
    this.#deps = deps;
    this.#encoder = new Encoder(options, () => this.#serverTimeMs());
    this.#past = new PastPublications(options.history);
    this.#readDesk = new ReadDesk({ reads, barred: this.#barred });
    this.#places = new LocalPlaces(options, now);
    this.#placeDesk = new PlaceDesk(this.#places);
    this.#userDesk = new UserDesk(options.connectionsPerUserMax);
    this.#watcherDesk = new WatcherDesk(() => this.#live());
    this.#view = new PoolView(() => this.#live());
    this.#logs = Array.from({ length: workers }, (_, at) => log.child({ worker: at + 1 }));
    const { drainMs, inheritedFd } = options;
    this.#fleet = new Fleet(
      { size: workers, drainMs, inheritedFd, limits },
      {
        ...{ log, random, spawn },
        prepare: (worker) => this.#prepare(worker),
        received: (worker, message) => {
          this.#received(worker, message);
        },
        ended: (worker) => {
          this.#ended(worker);
        },
      },
    );
  }

  async listen(): Promise<Address> {
    const { port } = await probe(this.#options);
    this.#options = { ...this.#options, port };
    this.#tick = setInterval(() => {
      this.#everySecond();
    }, TICK_MS);
    return this.#fleet.start();
  }

  publish(batch: EventBatch): void {
    const publication = this.#encoder.encode(batch);
    this.#past.append(publication);
    if (!publication.replay) {
      this.#eventsPublished += publication.events.length;
      for (const event of publication.events) {
        if (event.type === 'UserStandingChanged') this.#barred.changed(event);
      }
    }
    if (this.#turn.length === 0) {
      setImmediate(() => {
        this.#flush();
      });
    }
    this.#turn.push(publication);
  }

  sourceReset(reason: string): void {
    const connections = this.#places.open;
    this.#deps.log.warn({ reason, connections }, 'source changed');
    this.#flush();
    this.#past.clear();
    this.#toAll({ kind: 'source reset', reason });
  }

  feedChanged(): void {
    this.#tellFeed();
  }

  stats(): GatewayStats {
    return {
      ...this.sums().stats,
      // Known here, and not doubled where several workers have it.
      usersConnected: this.#userDesk.users,
      historyEvents: this.#past.events,
      historyBytes: this.#past.bytes,
      eventsPublished: this.#eventsPublished,
      isDraining: this.#isDraining,
    };
  }

  /** What the workers count, added up as of their last reports. */
  sums(): Summed {
    const reports = [...this.#fleet.processes].flatMap(({ report }) => report ?? []);
    return this.#totals.sum(reports);
  }

  /** Every worker process there is, by its place. */
  workers(): readonly WorkerStatus[] {
    return [...this.#fleet.processes]
      .sort((a, b) => a.place - b.place)
      .map(({ place, pid, state, report }) => ({
        worker: place,
        pid,
        state,
        connections: report?.stats.connectionsOpen ?? 0,
        frames: report?.stats.framesDelivered ?? 0,
        loopLagMs: report?.loopLagMs ?? 0,
        memoryBytes: report?.memoryBytes ?? 0,
        restarts: this.#fleet.restartsOf(place),
      }));
  }

  /** Workers that take connections. */
  get serving(): number {
    return this.#live().filter(({ state }) => state === 'serving').length;
  }

  /** Workers started in place of another, by cause. */
  restarts(): ReadonlyMap<string, number> {
    return this.#fleet.restarts;
  }

  view(): PoolView {
    return this.#view;
  }

  /** In force on all workers at once; they are then replaced one by one. */
  reload(reloaded: Reloaded): void {
    const { now } = this.#deps;
    createTokenVerifier(reloaded.jwt, { now, keysFailed: () => undefined });
    checkRenewal(this.#options.tls, reloaded.tls);
    this.#options = { ...this.#options, jwt: reloaded.jwt, tls: reloaded.tls };
    this.#toAll({ kind: 'reload', reloaded });
    void this.#fleet.roll();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#drain();
    return this.#stopped;
  }

  async #drain(): Promise<void> {
    this.#isDraining = true;
    this.#flush();
    await this.#fleet.stop();
    if (this.#tick !== null) clearInterval(this.#tick);
  }

  #serverTimeMs(): number {
    return Math.round(this.#deps.now() + this.#deps.clockOffsetMs());
  }

  #live(): readonly WorkerProcess[] {
    return [...this.#fleet.processes].filter(({ isLive }) => isLive);
  }

  #toAll(message: ToWorker): void {
    const bytes = encodeMessage(message);
    for (const worker of this.#fleet.processes) if (worker.state !== 'new') worker.write(bytes);
  }

  /** Passes on what this turn has published. */
  #flush(): void {
    if (this.#turn.length === 0) return;
    const bytes = encodeMessage({
      kind: 'publications',
      publications: this.#turn,
    } satisfies ToWorker);
    this.#turn = [];
    for (const worker of this.#fleet.processes) if (worker.isLive) worker.write(bytes);
  }

  /**
   * Options first, then what was published before, at the worker's pace; what is published meanwhile is at the end of
   * that. It gets everything as it comes from the tick on in which it has all of it.
   */
  async #prepare(worker: WorkerProcess): Promise<void> {
    const options = this.#workerOptions();
    worker.send({ kind: 'start', worker: worker.place, options, feed: this.#news() });
    worker.state = 'starting';
    this.#past.expire(this.#serverTimeMs());
    let sequence = 0;
    for (;;) {
      const { publications, next } = this.#past.after(sequence, PIECE_MAX);
      if (publications.length === 0) break;
      sequence = next;
      worker.send({ kind: 'publications', publications });
      if (worker.backlogBytes > PREPARE_BACKLOG_BYTES_MAX) await worker.flushed();
      else await new Promise(setImmediate);
      if (worker.hasEnded) return;
    }
    // What this turn has published is among it, and would come again.
    this.#flush();
    worker.state = 'live';
    this.#watcherDesk.workerBegan(worker);
  }

  #workerOptions(): WorkerOptions {
    const { legacyTimesZone, ...options } = this.#options;
    // Functions do not cross.
    delete options.staticRoutes;
    return {
      ...options,
      reusePort: true,
      inheritedFd: options.inheritedFd === null ? null : LISTENING_FD,
      hasLegacyTimes: legacyTimesZone !== null,
    };
  }

  #news(): FeedNews {
    const { reads, clockOffsetMs, zoneName } = this.#deps;
    return {
      state: reads.feedState(),
      isFresh: reads.isFresh(),
      clockOffsetMs: clockOffsetMs(),
      zoneName: zoneName(),
    };
  }

  #tellFeed(): void {
    this.#flush();
    this.#toAll({ kind: 'feed', feed: this.#news() });
  }

  #everySecond(): void {
    this.#tellFeed();
    this.#watcherDesk.tell();
    const itemIds = this.#view.wanted();
    if (itemIds !== null) this.#toAll({ kind: 'look', itemIds });
    this.#past.expire(this.#serverTimeMs());
    this.#fleet.look();
  }

  #received(worker: WorkerProcess, message: FromServing): void {
    switch (message.kind) {
      case 'ask':
        this.#asked(worker, message.id, message.question);
        return;
      case 'left':
        this.#placeDesk.left(worker, message.addressKey);
        return;
      case 'token failed':
        this.#placeDesk.failed(message.addressKey);
        return;
      case 'admitted':
        this.#userDesk.admitted(worker, message.connection, message.userId);
        return;
      case 'departed':
        this.#userDesk.departed(worker, message.connection);
        return;
      case 'listen':
        this.#watcherDesk.listen(worker, message.itemId, message.on);
        return;
      case 'counts':
        this.#watcherDesk.counted(worker, message.counts);
        return;
      case 'disconnected':
        this.#view.disconnected(worker, message.id, message.connections);
        return;
      case 'report':
        worker.report = message.report;
        return;
      case 'log': {
        const log = this.#logs[worker.place - 1];
        if (log !== undefined) writeLine(log, message.line);
        return;
      }
    }
  }

  #asked(worker: WorkerProcess, id: number, question: Question): void {
    const answer = (given: Answer): void => {
      // What is published before an answer has to arrive before it.
      this.#flush();
      worker.send({ kind: 'answer', id, answer: given });
    };
    if (question.of === 'place') {
      answer({ of: 'place', refusal: this.#placeDesk.enter(worker, question.addressKey) });
    } else {
      void this.#readDesk.ask(question, answer);
    }
  }

  #ended(worker: WorkerProcess): void {
    if (worker.report !== null) this.#totals.workerEnded(worker.report);
    this.#placeDesk.workerEnded(worker);
    this.#userDesk.workerEnded(worker);
    this.#watcherDesk.workerEnded(worker);
  }
}
