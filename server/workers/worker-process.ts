/**
 * One worker as the primary holds it: the child process, the channel to it, what it said of itself last.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Address } from '../listener.ts';
import { Channel } from './channel.ts';
import { CHANNEL_FD, type FromWorker, type ToWorker, type WorkerReport } from './worker-message.ts';

/** A checkout runs the source, a package what was compiled of it. */
const ENTRY = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? 'main.ts' : 'main.js', import.meta.url),
);

/** Flags of Node go on, but for those of its debugger: its port is taken. */
const FLAGS = process.execArgv.filter((flag) => !flag.startsWith('--inspect'));

/** What a worker inherits of the environment: nothing that could hold a password. */
const ENVIRONMENT = /^(PATH|HOME|TZ|LANG|LC_\w+|NODE_\w+|SSL_CERT_\w+|(https?|no)_proxy)$/i;

export interface WorkerProcessSetup {
  /** Its place among the workers, from 1. */
  readonly place: number;
  /** A listening socket to pass on; null: it opens its own. */
  readonly inheritedFd: number | null;
  readonly received: (worker: WorkerProcess, message: FromWorker) => void;
  /** The process has ended, and everything it said was received. Called once. */
  readonly ended: (worker: WorkerProcess, how: Ending) => void;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
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
  readonly #child: ChildProcess;
  readonly #channel: Channel<ToWorker, FromWorker>;
  readonly #ended: Promise<void>;

  constructor({ place, inheritedFd, received, ended }: WorkerProcessSetup) {
    this.place = place;
    this.#child = spawn(process.execPath, [...FLAGS, ENTRY], {
      // Beside the channel, only what a crash of Node itself would say.
      stdio: ['ignore', 'inherit', 'inherit', 'pipe', inheritedFd ?? 'ignore'],
      env: Object.fromEntries(
        Object.entries(process.env).filter(([name]) => ENVIRONMENT.test(name)),
      ),
    });
    const pipe = this.#child.stdio[CHANNEL_FD];
    if (!(pipe instanceof Duplex)) throw new Error('no channel to the worker');
    let silent: () => void = () => undefined;
    const fellSilent = new Promise<void>((done) => {
      silent = done;
    });
    this.#channel = new Channel(pipe, {
      received: (message) => {
        this.looksSinceHeard = 0;
        received(this, message);
      },
      ended: () => {
        silent();
      },
    });
    const exited = new Promise<Ending>((done) => {
      this.#child.once('exit', (code, signal) => {
        done({ code, signal });
      });
      this.#child.once('error', () => {
        done({ code: null, signal: null });
      });
    });
    this.#ended = Promise.all([exited, fellSilent]).then(([how]) => {
      this.state = 'ended';
      ended(this, how);
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
