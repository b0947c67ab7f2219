/**
 * The worker processes: started, replaced when they end by themselves, replaced one by one when asked to, sent home.
 */
import type { Log } from '../../src/ports.ts';
import { VERSION } from '../../src/version.ts';
import type { Address } from '../listener.ts';
import { failureOf } from './questions.ts';
import type { SpawnWorker } from './spawn-worker.ts';
import type { FromWorker } from './worker-message.ts';
import { WorkerProcess, wordsOf, type Ending } from './worker-process.ts';

/** Time a worker has from its start to its port, the history on the way. */
const SERVING_WITHIN_MS = 60_000;
const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 30_000;
/** A worker that served this long before it ended is replaced at once again. */
const STABLE_MS = 60_000;
/** Beyond the drain, for a worker to end. */
const END_MARGIN_MS = 5000;

/** When a worker that runs is taken for lost, and ended. */
export interface WorkerLimits {
  /** Looks in a row, one a second, in which it has said nothing: it has stopped turning. */
  readonly silentLooksMax: number;
  /** Bytes it may leave lying: it will not catch up. */
  readonly backlogBytesMax: number;
}

export const WORKER_LIMITS: WorkerLimits = {
  silentLooksMax: 30,
  backlogBytesMax: 256 * 1024 * 1024,
};

export interface FleetOptions {
  /** Workers that serve. */
  readonly size: number;
  readonly drainMs: number;
  readonly inheritedFd: number | null;
  readonly limits: WorkerLimits;
}

export interface FleetDeps {
  readonly log: Log;
  /** 0 to 1. */
  readonly random: () => number;
  readonly spawn: SpawnWorker;
  /** Gives a new worker its options and the history; resolves when it is live. */
  readonly prepare: (worker: WorkerProcess) => Promise<void>;
  /** Everything that is not about coming and going. */
  readonly received: (worker: WorkerProcess, message: FromServing) => void;
  /** A worker has ended; called once for each, before it is replaced. */
  readonly ended: (worker: WorkerProcess) => void;
}

interface Place {
  readonly number: number;
  /** The one that serves here, or is about to. */
  worker: WorkerProcess | null;
  /** Starts that did not last, in a row. */
  failures: number;
  restarts: number;
  /** Why the one that served here last ended, where that was not ours to ask for. */
  lostTo: Loss | null;
  servingSinceMs: number | null;
  retry: NodeJS.Timeout | null;
}

/** What waits for a worker to listen. */
interface Birth {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** What workers say beside how their start goes. */
export type FromServing = Exclude<FromWorker, { readonly kind: 'hello' | 'listening' | 'failed' }>;

/** Why one that served is no more. */
type Loss = 'crash' | 'silent' | 'behind';

/** Starts in place of another, by what became of that one; `failed`: by what became of themselves. */
export type RestartCause = Loss | 'roll' | 'failed';

export class Fleet {
  readonly #options: FleetOptions;
  readonly #deps: FleetDeps;
  readonly #places: readonly Place[];
  readonly #processes = new Set<WorkerProcess>();
  readonly #births = new Map<WorkerProcess, Birth>();
  readonly restarts = new Map<RestartCause, number>([
    ['crash', 0],
    ['silent', 0],
    ['behind', 0],
    ['roll', 0],
    ['failed', 0],
  ]);
  #rolling: Promise<void> | null = null;
  #mustRollAgain = false;
  #isStopping = false;

  constructor(options: FleetOptions, deps: FleetDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#places = Array.from({ length: options.size }, (_, at) => ({
      number: at + 1,
      worker: null,
      failures: 0,
      restarts: 0,
      lostTo: null,
      servingSinceMs: null,
      retry: null,
    }));
  }

  /** Every process there is, draining ones included. */
  get processes(): ReadonlySet<WorkerProcess> {
    return this.#processes;
  }

  restartsOf(place: number): number {
    return this.#places[place - 1]?.restarts ?? 0;
  }

  /** Starts all workers; resolves when all of them listen, with where. @throws AppError PORT_UNAVAILABLE */
  async start(): Promise<Address> {
    if (this.#isStopping) throw new Error('stopped before it was started');
    const [first] = await Promise.all(this.#places.map((place) => this.#fill(place)));
    const address = first?.address ?? null;
    if (address === null) throw new Error('a worker listens and does not say where');
    return address;
  }

  /** Replaces all workers, one after the other: the new one listens before the old one sends its clients away. */
  roll(): Promise<void> {
    this.#mustRollAgain = this.#rolling !== null;
    this.#rolling ??= this.#rollAll().finally(() => {
      this.#rolling = null;
    });
    return this.#rolling;
  }

  /** Sends all clients away, and resolves when every process has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const { retry } of this.#places) if (retry !== null) clearTimeout(retry);
    await Promise.all([...this.#processes].map((worker) => this.#dismiss(worker)));
  }

  /**
   * Ends workers that have stopped turning, or cannot keep up; call it about once a second. Silence is counted in looks,
   * not in time: a primary that stood still itself has not looked, and finds nobody silent.
   */
  look(): void {
    const { silentLooksMax, backlogBytesMax } = this.#options.limits;
    for (const worker of this.#processes) {
      // One that does not serve yet has a time of its own, and takes the whole history at once.
      if (worker.address === null) continue;
      worker.looksSinceHeard += 1;
      if (worker.backlogBytes > backlogBytesMax) worker.kill('behind');
      else if (worker.looksSinceHeard > silentLooksMax) worker.kill('silent');
    }
  }

  /** Starts a worker for a place; resolves when it listens. */
  async #fill(place: Place): Promise<WorkerProcess> {
    const worker = new WorkerProcess({
      place: place.number,
      inheritedFd: this.#options.inheritedFd,
      spawn: this.#deps.spawn,
      received: (from, message) => {
        this.#received(from, message);
      },
      ended: (ended, how) => {
        this.#ended(place, ended, how);
      },
    });
    this.#processes.add(worker);
    const predecessor = place.worker;
    const isFirst = place.servingSinceMs === null;
    place.worker = worker;
    try {
      await this.#born(worker);
    } catch (error) {
      worker.kill('not serving');
      await worker.ended();
      if (!isFirst && !this.#isStopping) this.#count('failed');
      // Whoever served here goes on, if he still does.
      if (place.worker === worker) place.worker = predecessor;
      if (predecessor?.hasEnded === true) this.#lost(place);
      throw error;
    }
    if (!isFirst) {
      this.#count(place.lostTo ?? 'roll');
      place.restarts += 1;
    }
    place.lostTo = null;
    place.servingSinceMs = performance.now();
    this.#deps.log.info({ worker: place.number, pid: worker.pid }, 'worker serving');
    return worker;
  }

  #born(worker: WorkerProcess): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#births.delete(worker);
        reject(new Error(`worker ${String(worker.place)} does not serve in time`));
      }, SERVING_WITHIN_MS);
      this.#births.set(worker, { resolve, reject, timer });
    });
  }

  #settle(worker: WorkerProcess, error: Error | null): void {
    const birth = this.#births.get(worker);
    if (birth === undefined) return;
    this.#births.delete(worker);
    clearTimeout(birth.timer);
    if (error === null) birth.resolve();
    else birth.reject(error);
  }

  #received(worker: WorkerProcess, message: FromWorker): void {
    if (message.kind === 'hello') {
      if (message.version === VERSION) void this.#prepare(worker);
      else this.#settle(worker, new Error(`its code is of version ${message.version}`));
    } else if (message.kind === 'listening') {
      worker.state = 'serving';
      worker.address = message.address;
      this.#settle(worker, null);
    } else if (message.kind === 'failed') {
      this.#settle(worker, failureOf(message));
    } else {
      this.#deps.received(worker, message);
    }
  }

  async #prepare(worker: WorkerProcess): Promise<void> {
    await this.#deps.prepare(worker);
    worker.send({ kind: 'open' });
  }

  #ended(place: Place, worker: WorkerProcess, ending: Ending): void {
    this.#processes.delete(worker);
    this.#deps.ended(worker);
    const how = wordsOf(ending);
    this.#settle(
      worker,
      new Error(`worker ${String(place.number)} ended before it served (${how})`),
    );
    // One that was sent home, or never served, is missed by nobody.
    if (this.#isStopping || ending.was !== 'serving') return;
    const cause = lossOf(worker);
    place.lostTo = cause;
    const text = `worker ${String(place.number)} ended (${how}): its clients reconnect, another takes its place`;
    const { pid } = worker;
    const { code, signal } = ending;
    this.#deps.log.error({ worker: place.number, pid, code, signal, cause, text }, 'worker ended');
    // Otherwise its successor is on its way.
    if (place.worker === worker) this.#lost(place);
  }

  /** Nobody serves at a place any more. */
  #lost(place: Place): void {
    place.worker = null;
    const livedMs = performance.now() - (place.servingSinceMs ?? performance.now());
    if (livedMs > STABLE_MS) place.failures = 0;
    if (!this.#isStopping) this.#replaceLater(place);
  }

  #count(cause: RestartCause): void {
    this.restarts.set(cause, (this.restarts.get(cause) ?? 0) + 1);
  }

  #replaceLater(place: Place): void {
    const ceilingMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** place.failures);
    place.failures += 1;
    const delayMs = Math.round((ceilingMs / 2) * (1 + this.#deps.random()));
    place.retry = setTimeout(() => {
      place.retry = null;
      if (this.#isStopping) return;
      this.#fill(place).catch((error: unknown) => {
        if (this.#isStopping) return;
        this.#deps.log.error({ err: error, worker: place.number }, 'worker not started');
        this.#replaceLater(place);
      });
    }, delayMs);
  }

  async #rollAll(): Promise<void> {
    let isDone = false;
    for (this.#mustRollAgain = true; this.#mustRollAgain;) {
      this.#mustRollAgain = false;
      isDone = await this.#rollOnce();
    }
    if (isDone) this.#deps.log.info({ workers: this.#places.length }, 'workers replaced');
  }

  /** @returns false when a new one did not come to serve, and the old ones go on, or all are told to stop */
  async #rollOnce(): Promise<boolean> {
    for (const place of this.#places) {
      const old = place.worker;
      // Being replaced already, or told to stop.
      if (old?.state !== 'serving') continue;
      try {
        await this.#fill(place);
      } catch (error) {
        // Told to stop, it has not failed.
        if (this.#isStopping) return false;
        this.#deps.log.error({ err: error, worker: place.number }, 'worker not replaced');
        return false;
      }
      await this.#dismiss(old);
    }
    return !this.#isStopping;
  }

  /** Lets a worker send its clients away and end. */
  async #dismiss(worker: WorkerProcess): Promise<void> {
    if (worker.hasEnded) return;
    if (worker.address === null) {
      // It has no clients, and may be stuck at its start.
      worker.kill('not serving');
      return worker.ended();
    }
    worker.state = 'draining';
    worker.send({ kind: 'drain' });
    const timer = setTimeout(() => {
      this.#deps.log.warn({ worker: worker.place, pid: worker.pid }, 'worker cut');
      worker.kill('not leaving');
    }, this.#options.drainMs + END_MARGIN_MS);
    await worker.ended();
    clearTimeout(timer);
  }
}

function lossOf({ endedFor }: WorkerProcess): Loss {
  return endedFor === 'silent' || endedFor === 'behind' ? endedFor : 'crash';
}
