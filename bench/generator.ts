/**
 * The clients of a contestant, all in one process: bare sockets that read into one shared buffer, count frames by their
 * headers and look at nothing else, so that a client costs less than the server that feeds it.
 */
import type { Socket } from 'node:net';

import type { Received } from './contestant-server.ts';
import type { Kind } from './contestants.ts';
import { connectCounting, openingOf, type Opening } from './counting-client.ts';
import type { Message } from './pinned-process.ts';

/** Makes clients ready to connect, so that connecting costs little. */
export interface Prepare extends Message {
  readonly type: 'prepare';
  readonly kind: Kind;
  readonly port: number;
  /** One for each client; only ours looks at them. */
  readonly tokens: readonly string[];
  /** Topics each client watches: the next ones of `topics`, beginning anew after the last. */
  readonly topicsEach: number;
  readonly topics: number;
  /** Ours: clients wait for the `hello` of protocol v2. */
  readonly v2: boolean;
}

export interface Prepared extends Message {
  readonly type: 'prepared';
}

/** Connects the next clients of those that were prepared. */
export interface Connect extends Message {
  readonly type: 'connect';
  readonly count: number;
}

export interface Connected extends Message {
  readonly type: 'connected';
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** From now on, `received` is said whenever so many further frames have come. */
export interface ReportEvery extends Message {
  readonly type: 'report-every';
  readonly frames: number;
}

/** Asks for the {@link GeneratorUsage}. */
export interface AskUsage extends Message {
  readonly type: 'usage';
}

export interface GeneratorUsage extends Message {
  readonly type: 'used';
  readonly cpuSeconds: number;
  /** Text frames that came since each client was ready. */
  readonly frames: number;
}

type Order = Prepare | Connect | ReportEvery | AskUsage;

/** So many connect at a time. */
const CONNECTING_MAX = 64;
/**
 * Addresses of the loopback that clients dial in turn: a system looks long for a free port once some ten thousand lead to
 * one address, those of the last minute's connections included.
 */
const ADDRESSES = 64;
const READ_BUFFER_BYTES = 256 * 1024;

class Generator {
  readonly #buffer = Buffer.alloc(READ_BUFFER_BYTES);
  #port = 0;
  #openings: Opening[] = [];
  readonly #sockets: Socket[] = [];
  #begun = 0;
  #frames = 0;
  #reportEvery = Infinity;
  #nextReportAt = Infinity;

  async handle(order: Order): Promise<void> {
    switch (order.type) {
      case 'prepare':
        this.#port = order.port;
        this.#openings = openings(order);
        say({ type: 'prepared' });
        return;
      case 'connect':
        say(await this.#connect(order.count));
        return;
      case 'report-every':
        this.#reportEvery = order.frames;
        this.#nextReportAt = this.#frames + order.frames;
        return;
      case 'usage':
        say({ type: 'used', cpuSeconds: cpuSeconds(), frames: this.#frames });
    }
  }

  async #connect(count: number): Promise<Connected> {
    const cpuBefore = cpuSeconds();
    const startedAt = performance.now();
    const end = this.#begun + count;
    const work = async (): Promise<void> => {
      while (this.#begun < end) await this.#connectNext();
    };
    await Promise.all(Array.from({ length: CONNECTING_MAX }, work));
    const seconds = (performance.now() - startedAt) / 1000;
    return { type: 'connected', seconds, cpuSeconds: cpuSeconds() - cpuBefore };
  }

  async #connectNext(): Promise<void> {
    const opening = this.#openings[this.#begun];
    if (opening === undefined) throw new Error('more clients than were prepared');
    const host = `127.0.0.${1 + (this.#begun % ADDRESSES)}`;
    this.#begun += 1;
    const line = { host, port: this.#port, buffer: this.#buffer, heard: this.#heard };
    this.#sockets.push(await connectCounting(opening, line));
  }

  readonly #heard = (texts: number): void => {
    this.#frames += texts;
    while (this.#frames >= this.#nextReportAt) {
      say({ type: 'received', frames: this.#nextReportAt });
      this.#nextReportAt += this.#reportEvery;
    }
  };
}

function openings({ kind, tokens, topicsEach, topics, v2 }: Prepare): Opening[] {
  return tokens.map((token, client) => {
    const first = client * topicsEach;
    const watched = Array.from({ length: topicsEach }, (_, at) => ((first + at) % topics) + 1);
    return openingOf(kind, { token, topics: watched, v2 });
  });
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function say(message: Prepared | Connected | Received | GeneratorUsage): void {
  process.send?.(message);
}

const generator = new Generator();
process.on('message', (order: Order) => {
  void generator.handle(order);
});
process.on('disconnect', () => process.exit());
