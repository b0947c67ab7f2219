/**
 * Worker processes that are none: they say what a worker says to its primary, and end when a test wants them to.
 */
import { EventEmitter } from 'node:events';
import { duplexPair } from 'node:stream';

import { Channel } from '../../../server/workers/channel.ts';
import type { Child, SpawnWorker } from '../../../server/workers/spawn-worker.ts';
import {
  CHANNEL_FD,
  type FromWorker,
  type ToWorker,
} from '../../../server/workers/worker-message.ts';
import { VERSION } from '../../../src/version.ts';

/**
 * - `serves`: comes to serve, and ends when it is told to.
 * - `hangs`: says nothing until the test has it serve.
 * - `crashes`: ends at once.
 * - `is old`: runs other code than its primary.
 * - `no descriptors`: Node cannot start it, and has no pipes for it.
 */
type Conduct = 'serves' | 'hangs' | 'crashes' | 'is old' | 'no descriptors';

const EXIT_OF_CRASH = 7;

/** Emits `told` whenever its primary has said something to it. */
export class FakeWorker extends EventEmitter implements Child {
  readonly pid: number | undefined;
  readonly stdio: readonly unknown[] | undefined;
  /** What its primary said to it. */
  readonly told: ToWorker[] = [];
  readonly #channel: Channel<FromWorker, ToWorker>;
  /** Stays when it is sent home, as one whose clients take their time. */
  lingers = false;
  /** The signal, or the code. */
  endedBy: string | null = null;

  constructor(pid: number, conduct: Conduct) {
    super();
    const [here, there] = duplexPair();
    this.#channel = new Channel(here, {
      received: (message: ToWorker) => {
        this.#received(message);
      },
      ended: () => undefined,
    });
    if (conduct === 'no descriptors') {
      process.nextTick(() => this.emit('error', new Error('spawn node EMFILE')));
      return;
    }
    this.pid = pid;
    this.stdio = Object.assign([], { [CHANNEL_FD]: there });
    if (conduct === 'serves') this.serve();
    if (conduct === 'is old') this.say({ kind: 'hello', version: '0.0.1' });
    if (conduct === 'crashes') {
      process.nextTick(() => {
        this.end(EXIT_OF_CRASH);
      });
    }
  }

  /** Comes to serve. */
  serve(): void {
    this.say({ kind: 'hello', version: VERSION });
  }

  say(message: FromWorker): void {
    this.#channel.send(message);
  }

  /** Everything of a kind that it was told. */
  toldOf<Kind extends ToWorker['kind']>(kind: Kind): Extract<ToWorker, { kind: Kind }>[] {
    return this.told.filter(
      (message): message is Extract<ToWorker, { kind: Kind }> => message.kind === kind,
    );
  }

  end(code: number | null, signal: NodeJS.Signals | null = null): void {
    if (this.endedBy !== null) return;
    this.endedBy = signal ?? String(code);
    this.#channel.destroy();
    this.emit('exit', code, signal);
  }

  kill(signal: NodeJS.Signals): boolean {
    this.end(null, signal);
    return true;
  }

  #received(message: ToWorker): void {
    this.told.push(message);
    this.emit('told');
    if (message.kind === 'drain' && !this.lingers) this.end(0);
    if (message.kind !== 'open') return;
    this.say({ kind: 'listening', address: { host: '127.0.0.1', port: 1 } });
  }
}

/** Starts them, and has all of them. */
export class FakeWorkers {
  readonly all: FakeWorker[] = [];
  /** Of those that are started from now on. */
  conduct: Conduct = 'serves';

  readonly spawn: SpawnWorker = () => {
    const worker = new FakeWorker(this.all.length + 1, this.conduct);
    this.all.push(worker);
    return worker;
  };

  /** The one that was started `at`, from 0. */
  at(at: number): FakeWorker {
    const worker = this.all.at(at);
    if (worker === undefined) throw new Error(`no worker ${String(at)} was started`);
    return worker;
  }
}
