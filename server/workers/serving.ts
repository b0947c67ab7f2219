/**
 * What a worker does once it knows the options: the same gateway as a server of one process has, fed and answered by the
 * primary.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseZone, UTC, type Zone } from '../../src/auction/zone.ts';
import { METRICS } from '../../src/metrics.ts';
import type { Clock, Log } from '../../src/ports.ts';
import { createGateway } from '../gateway.ts';
import type { LocalGateway } from '../gateway-options.ts';
import { LatencyTally } from '../latency-counts.ts';
import type { Publication } from '../publication.ts';
import { Questions } from './questions.ts';
import { RemoteReads } from './remote-reads.ts';
import { RemoteSiblings } from './remote-siblings.ts';
import type {
  FeedNews,
  FromWorker,
  ToWorker,
  WorkerOptions,
  WorkerView,
} from './worker-message.ts';

const REPORT_EVERY_MS = 1000;
const LOOP_RESOLUTION_MS = 10;
/** What the admin page shows of the clients and items that stand out. */
const SHOWN = { slow: 10, items: 12 } as const;

export interface ServingDeps {
  readonly now: Clock;
  readonly news: FeedNews;
  readonly send: (message: FromWorker) => void;
  readonly log: Log;
}

/** What it may be told while it serves. */
export type Instruction = Exclude<ToWorker, { readonly kind: 'start' | 'open' | 'drain' }>;

export class Serving {
  readonly #deps: ServingDeps;
  readonly #questions: Questions;
  readonly #reads: RemoteReads;
  readonly #siblings: RemoteSiblings;
  readonly #gateway: LocalGateway;
  readonly #zone: NamedLater;
  readonly #commitToSocket = new LatencyTally(METRICS.gavelcast_commit_to_socket_seconds.buckets);
  readonly #loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  #reporting: NodeJS.Timeout | null = null;
  #publishMs = 0;
  /** Items that the admin page wants to know of; null while nobody looks. */
  #lookedAt: Extract<ToWorker, { kind: 'look' }>['itemIds'] | null = null;

  constructor(options: WorkerOptions, deps: ServingDeps) {
    const { now, news, send, log } = deps;
    this.#deps = deps;
    this.#zone = new NamedLater(news.zoneName);
    this.#questions = new Questions((id, question) => {
      send({ kind: 'ask', id, question });
    });
    this.#reads = new RemoteReads(this.#questions, { now, news });
    this.#siblings = new RemoteSiblings({
      send,
      questions: this.#questions,
      moved: (itemId) => {
        this.#gateway.watchersMoved(itemId);
      },
    });
    this.#gateway = createGateway(
      { ...options, legacyTimesZone: options.hasLegacyTimes ? this.#zone : null },
      {
        log,
        now,
        reads: this.#reads,
        clockOffsetMs: () => this.#reads.clockOffsetMs,
        siblings: this.#siblings,
      },
    );
  }

  /** Binds the port, and reports from here on. @throws AppError PORT_UNAVAILABLE */
  async listen(): Promise<void> {
    const address = await this.#gateway.listen();
    this.#loop.enable();
    this.#reporting = setInterval(() => {
      this.#report();
    }, REPORT_EVERY_MS);
    this.#deps.send({ kind: 'listening', address });
  }

  /** Sends everybody away, and says a last word about it. */
  async stop(): Promise<void> {
    await this.#gateway.stop();
    if (this.#reporting !== null) clearInterval(this.#reporting);
    this.#report();
  }

  received(message: Instruction): void {
    switch (message.kind) {
      case 'publications':
        for (const publication of message.publications) this.#publish(publication);
        return;
      case 'answer':
        this.#questions.answered(message.id, message.answer);
        return;
      case 'feed':
        this.#learn(message.feed);
        return;
      case 'source reset':
        this.#gateway.sourceReset(message.reason);
        return;
      case 'evict':
        this.#siblings.userLimit.evict(message.connection);
        return;
      case 'disconnect': {
        const connections = this.#gateway.disconnect(message.userId);
        this.#deps.send({ kind: 'disconnected', id: message.id, connections });
        return;
      }
      case 'track':
        this.#siblings.watcherTotals.track(message.itemIds, message.on);
        return;
      case 'watchers':
        this.#siblings.watcherTotals.learn(message.totals);
        return;
      case 'reload':
        // The primary has tried it before.
        this.#gateway.reload(message.reloaded);
        return;
      case 'look':
        this.#lookedAt = message.itemIds;
        return;
    }
  }

  #publish(publication: Publication): void {
    const startedAtMs = performance.now();
    this.#gateway.take(publication);
    this.#publishMs += performance.now() - startedAtMs;
    const { committedAtMs, replay } = publication;
    if (committedAtMs === null || replay) return;
    // The batch of this turn is written by an immediate that was set while publishing: this one comes after it.
    setImmediate(() => {
      const databaseNowMs = this.#deps.now() + this.#reads.clockOffsetMs;
      this.#commitToSocket.observe(Math.max(0, databaseNowMs - committedAtMs) / 1000);
    });
  }

  #learn(news: FeedNews): void {
    this.#zone.learn(news.zoneName);
    this.#reads.learn(news);
    this.#gateway.feedChanged(news.state);
  }

  #report(): void {
    const view = this.#gateway.view();
    this.#siblings.watcherTotals.report((itemId) => view.watchersOf(itemId));
    const loopLagMs = Math.max(0, this.#loop.percentile(99) / 1e6 - LOOP_RESOLUTION_MS);
    this.#loop.reset();
    this.#deps.send({
      kind: 'report',
      report: {
        stats: this.#gateway.stats(),
        commitToSocket: this.#commitToSocket.read(),
        publishMs: this.#publishMs,
        loopLagMs,
        memoryBytes: process.memoryUsage.rss(),
        view: this.#look(),
      },
    });
  }

  #look(): WorkerView | null {
    if (this.#lookedAt === null) return null;
    const view = this.#gateway.view();
    const watchers = this.#lookedAt.map((itemId) => ({
      itemId,
      watchers: view.watchersOf(itemId),
    }));
    // Until it is asked for again.
    this.#lookedAt = null;
    return {
      slowest: view.slowest(SHOWN.slow),
      mostWatched: view.mostWatched(SHOWN.items),
      watchers,
    };
  }
}

/** The zone of wall-clock texts, which the primary may learn from the source late. */
class NamedLater implements Zone {
  #zone: Zone;

  constructor(name: string) {
    this.#zone = parseZone(name) ?? UTC;
  }

  get name(): string {
    return this.#zone.name;
  }

  learn(name: string): void {
    if (name !== this.#zone.name) this.#zone = parseZone(name) ?? UTC;
  }

  offsetMsAt(epochMs: number): number {
    return this.#zone.offsetMsAt(epochMs);
  }
}
