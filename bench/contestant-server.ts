/**
 * One contestant in a process of its own. It is told what to do by messages: to listen, to publish for a while, to say what
 * memory and processor time it has used.
 *
 * It never publishes more than a window ahead of what the clients have received, so no contestant can be fast by filling
 * buffers, and none is slowed down by a client that falls behind.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { getHeapSpaceStatistics } from 'node:v8';

import {
  createContestant,
  type Contestant,
  type ContestantOptions,
  type Kind,
} from './contestants.ts';
import type { Message } from './pinned-process.ts';
import { cpuSecondsOf } from './process-time.ts';

export interface Listen extends Message {
  readonly type: 'listen';
  readonly kind: Kind;
  readonly topics: number;
  readonly options: ContestantOptions;
}

export interface Listening extends Message {
  readonly type: 'listening';
  readonly port: number;
}

/** Publishes events for some seconds, in whole chunks; topics take turns. */
export interface Run extends Message {
  readonly type: 'run';
  readonly seconds: number;
  readonly topics: number;
  /** Connections that get each event. */
  readonly watchers: number;
  /** Events in one turn of the event loop. */
  readonly eventsPerTurn: number;
  /** An event is published once the one before has been written to everybody, so that no two can be joined. Default: false. */
  readonly apart?: boolean;
  /** Events after which the clients say what they have got. */
  readonly chunkEvents: number;
  /** How many of these may be under way; with one chunk of one event nothing can be joined. Default: 2. */
  readonly chunksUnderWay?: number;
}

export interface Ran extends Message {
  readonly type: 'ran';
  readonly events: number;
  readonly deliveries: number;
  /** From the first event to the last client's word that everything has come. */
  readonly seconds: number;
  /** Of that, how long it had nothing to do but wait for clients. */
  readonly waitedSeconds: number;
  readonly cpuSeconds: number;
}

/** From the clients: frames with text received since they were connected. */
export interface Received extends Message {
  readonly type: 'received';
  readonly frames: number;
}

/** Asks for the {@link Usage}; a collection costs processor time, so it is not for the middle of a measurement. */
export interface Weigh extends Message {
  readonly type: 'weigh';
  readonly collectFirst: boolean;
}

export interface Usage extends Message {
  readonly type: 'usage';
  readonly residentBytes: number;
  /** Of these, the young generation of the heap: one for the process, as large as its garbage has lately asked for. */
  readonly youngBytes: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
  /** Of the process, since its start. */
  readonly cpuSeconds: number;
  readonly connections: number;
  readonly connectionsByWorker: readonly number[];
}

type Order = Listen | Run | Received | Weigh;

/** Frames that take longer than this were lost: the benchmark fails then. */
const LOST_AFTER_MS = 60_000;
/** The first leave behind what only their finalizers let go of. */
const COLLECTIONS = 6;

class Bench {
  #contestant: Contestant | null = null;
  #published = 0;
  #received = 0;
  #roomAgain: (() => void) | null = null;

  async handle(order: Order): Promise<void> {
    switch (order.type) {
      case 'listen': {
        this.#contestant = createContestant(order.kind, order.options);
        const port = await this.#contestant.listen(order.topics);
        say({ type: 'listening', port });
        return;
      }
      case 'run':
        say(await this.#run(order));
        return;
      case 'received':
        this.#received = order.frames;
        this.#roomAgain?.();
        return;
      case 'weigh':
        say(await this.#weigh(order));
    }
  }

  async #run(order: Run): Promise<Ran> {
    const { seconds, topics, watchers, eventsPerTurn, chunkEvents, chunksUnderWay = 2 } = order;
    const contestant = this.#contestant;
    if (contestant === null) throw new Error('run before listen');
    const writtenBefore = contestant.written ?? 0;
    const cpuBefore = this.#cpuSeconds();
    const startedAt = performance.now();
    const until = startedAt + seconds * 1000;
    let events = 0;
    let waitedMs = 0;
    while (performance.now() < until) {
      waitedMs += await this.#settled((chunksUnderWay - 1) * chunkEvents * watchers);
      for (let at = 0; at < chunkEvents; at += 1) {
        contestant.publish((events % topics) + 1);
        events += 1;
        if (events % eventsPerTurn === 0) await nextTurn();
        const writing = writtenBefore + events * watchers;
        while (order.apart === true && (contestant.written ?? writing) < writing) await nextTurn();
      }
      this.#published += chunkEvents * watchers;
    }
    waitedMs += await this.#settled(0);
    return {
      type: 'ran',
      events,
      deliveries: events * watchers,
      seconds: (performance.now() - startedAt) / 1000,
      waitedSeconds: waitedMs / 1000,
      cpuSeconds: this.#cpuSeconds() - cpuBefore,
    };
  }

  /** Of this process and its workers. */
  #cpuSeconds(): number {
    const { user, system } = process.cpuUsage();
    let seconds = (user + system) / 1e6;
    for (const { pid } of this.#contestant?.workers ?? []) {
      if (pid !== null) seconds += cpuSecondsOf(pid);
    }
    return seconds;
  }

  /** Waits until no more than so many deliveries are under way. @returns milliseconds */
  async #settled(underWayMax: number): Promise<number> {
    const startedAt = performance.now();
    while (this.#published - this.#received > underWayMax) {
      await new Promise<void>((resolve, reject) => {
        const lost = setTimeout(() => {
          reject(new Error(`${this.#published - this.#received} frames never came`));
        }, LOST_AFTER_MS);
        this.#roomAgain = () => {
          clearTimeout(lost);
          resolve();
        };
      });
    }
    this.#roomAgain = null;
    return performance.now() - startedAt;
  }

  async #weigh({ collectFirst }: Weigh): Promise<Usage> {
    for (let round = 0; collectFirst && round < COLLECTIONS; round += 1) {
      globalThis.gc?.();
      await nextTurn();
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    const { user, system } = process.cpuUsage();
    return {
      type: 'usage',
      residentBytes: rss,
      youngBytes: young?.physical_space_size ?? 0,
      heapBytes: heapUsed,
      externalBytes: external,
      cpuSeconds: (user + system) / 1e6,
      connections: this.#contestant?.size ?? 0,
      connectionsByWorker: (this.#contestant?.workers ?? []).map(({ connections }) => connections),
    };
  }
}

function say(message: Listening | Ran | Usage): void {
  process.send?.(message);
}

const bench = new Bench();
process.on('message', (order: Order) => {
  void bench.handle(order);
});
process.on('disconnect', () => process.exit());
