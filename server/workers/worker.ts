/**
 * A process that holds sockets, as the primary sees it: told to start, to open, to drain.
 */
import type { Duplex } from 'node:stream';
import { AppError } from '../../src/errors.ts';
import type { Clock } from '../../src/ports.ts';
import { VERSION } from '../../src/version.ts';
import { Channel } from './channel.ts';
import { ChannelLog } from './channel-log.ts';
import { Serving } from './serving.ts';
import type { FromWorker, ToWorker } from './worker-message.ts';

/** What the process ends with after a fault of ours. */
const EXIT_INTERNAL = 70;

export interface WorkerDeps {
  readonly now: Clock;
  /** Ends the process. */
  readonly exit: (code: number) => void;
}

/** Serves on the channel until the primary says drain, or is gone. */
export class Worker {
  readonly #deps: WorkerDeps;
  readonly #channel: Channel<FromWorker, ToWorker>;
  readonly #log: ChannelLog;
  #serving: Serving | null = null;

  constructor(stream: Duplex, deps: WorkerDeps) {
    this.#deps = deps;
    this.#channel = new Channel(stream, {
      received: (message) => {
        this.#received(message);
      },
      // Without the primary there are no events and no limits. Clients come back to whoever serves then.
      ended: () => {
        deps.exit(0);
      },
    });
    this.#log = new ChannelLog((line) => {
      this.#send({ kind: 'log', line });
    });
    this.#send({ kind: 'hello', version: VERSION });
  }

  /** Says why this process cannot go on, and ends it. */
  fail(error: unknown): void {
    this.#log.fatal({ err: error }, 'uncaught exception');
    this.#channel.flushed(() => {
      this.#deps.exit(EXIT_INTERNAL);
    });
  }

  #send(message: FromWorker): void {
    this.#channel.send(message);
  }

  #received(message: ToWorker): void {
    if (message.kind === 'start') {
      const { now } = this.#deps;
      const { options, feed } = message;
      const send = this.#send.bind(this);
      this.#serving = new Serving(options, { now, news: feed, send, log: this.#log });
    } else if (message.kind === 'open') {
      void this.#open();
    } else if (message.kind === 'drain') {
      void this.#drain();
    } else {
      this.#serving?.received(message);
    }
  }

  async #open(): Promise<void> {
    try {
      await this.#serving?.listen();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#send({ kind: 'failed', code: error instanceof AppError ? error.code : null, message });
    }
  }

  async #drain(): Promise<void> {
    await this.#serving?.stop();
    this.#channel.flushed(() => {
      this.#deps.exit(0);
    });
  }
}
