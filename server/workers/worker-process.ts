/**
 * One worker as the primary holds it: the child process, the channel to it, what it said of itself last.
 */
import { Duplex, PassThrough } from 'node:stream';
import type { Address } from '../listener.ts';
import { Channel } from './channel.ts';
import type { Child, SpawnWorker } from './spawn-worker.ts';
import { CHANNEL_FD, type FromWorker, type ToWorker, type WorkerReport } from './worker-message.ts';

export interface WorkerProcessSetup {
  /** Its place among the workers, from 1. */
  readonly place: number;
  /** A listening socket to pass on; null: it opens its own. */
  readonly inheritedFd: number | null;
  readonly spawn: SpawnWorker;
  readonly received: (worker: WorkerProcess, message: FromWorker) => void;
  /** The process has ended, and everything it said was received. Called once. */
  readonly ended: (worker: WorkerProcess, how: Ending) => void;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why there never was a process; null: there was one. */
  readonly error: Error | null;
  /** What it was doing. */
  readonly was: WorkerState;
}

/**
 * - `starting`: it has the options, and is given the history.
 * - `live`: it gets what is published as it comes.
 * - `serving`: it listens, too.
 * - `draining`: it was told to send its clients away and to end.
 */
export type WorkerState = 'new' | 'starting' | 'live' | 'serving' | 'draining' | 'ended';

export class WorkerProcess {
  readonly place: number;
  state: WorkerState = 'new';
  /** What it said of itself last. */
  report: WorkerReport | null = null;
  /** How often its fleet has looked after it since it said anything. */
  looksSinceHeard = 0;
  /** Where it listens. */
  address: Address | null = null;
  /** Why it is being ended, where that is our doing. */
  endedFor: string | null = null;
  readonly #child: Child;
  readonly #channel: Channel<ToWorker, FromWorker>;
  readonly #ended: Promise<void>;

  constructor({ place, inheritedFd, spawn, received, ended }: WorkerProcessSetup) {
    this.place = place;
    this.#child = spawn(inheritedFd);
    // Before anything else: for a process that could not be started, an error is all there ever is.
    const exited = new Promise<Omit<Ending, 'was'>>((done) => {
      this.#child.once('exit', (code, signal) => {
        done({ code, signal, error: null });
      });
      this.#child.once('error', (error) => {
        done({ code: null, signal: null, error });
      });
    });
    const pipe = this.#child.stdio?.[CHANNEL_FD];
    let silent: () => void = () => undefined;
    const fellSilent = new Promise<void>((done) => {
      silent = done;
    });
    this.#channel = new Channel(pipe instanceof Duplex ? pipe : new PassThrough().destroy(), {
      received: (message) => {
        this.looksSinceHeard = 0;
        received(this, message);
      },
      ended: () => {
        silent();
      },
    });
    this.#ended = Promise.all([exited, fellSilent]).then(([how]) => {
      const was = this.state;
      this.state = 'ended';
      ended(this, { ...how, was });
    });
  }

  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  /** Bytes it has not taken yet. */
  get backlogBytes(): number {
    return this.#channel.backlogBytes;
  }

  get hasEnded(): boolean {
    return this.state === 'ended';
  }

  /** True while it is to be told what is published. */
  get isLive(): boolean {
    return this.state === 'live' || this.state === 'serving' || this.state === 'draining';
  }

  send(message: ToWorker): void {
    this.#channel.send(message);
  }

  /** Sends what `encodeMessage` made: the same bytes go to every worker. */
  write(bytes: Buffer): void {
    this.#channel.write(bytes);
  }

  /** Resolves when it has taken everything sent so far, or has ended. */
  flushed(): Promise<void> {
    return new Promise((done) => {
      this.#channel.flushed(done);
    });
  }

  /** Resolves once it has ended. */
  ended(): Promise<void> {
    return this.#ended;
  }

  /** Ends it at once; what it holds is cut. */
  kill(reason: string): void {
    this.endedFor ??= reason;
    this.#child.kill('SIGKILL');
    this.#channel.destroy();
  }
}

/** How a process ended, in words. */
export function wordsOf({ code, signal, error }: Ending): string {
  return error?.message ?? signal ?? `exit code ${String(code)}`;
}
