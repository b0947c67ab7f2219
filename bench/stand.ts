/**
 * One contestant and its clients, each in a process of its own on a core of its own.
 */
import { createSecretKey } from 'node:crypto';
import jwt from 'jsonwebtoken';

import { SECRET } from '../test/server/support/gateway-harness.ts';
import { until } from '../test/support/until.ts';
import type { Listen, Listening, Ran, Run, Usage, Weigh } from './contestant-server.ts';
import type { ContestantOptions, Kind } from './contestants.ts';
import type {
  AskUsage,
  Connect,
  Connected,
  GeneratorUsage,
  Prepare,
  Prepared,
  ReportEvery,
} from './generator.ts';
import { PinnedProcess } from './pinned-process.ts';
import { thousands } from './report.ts';

export interface StandOptions extends ContestantOptions {
  readonly kind: Kind;
  /** Clients that may be connected. */
  readonly clients: number;
  /** Topics each of them watches, and how many there are in all. Default: none of one. */
  readonly topicsEach?: number;
  readonly topics?: number;
  /** Ours: clients speak protocol v2. */
  readonly v2?: boolean;
}

export interface Rate extends Ran {
  /** Shares of one core while it ran. */
  readonly serverCpuShare: number;
  readonly generatorCpuShare: number;
  readonly deliveriesPerSecond: number;
  readonly deliveriesPerCpuSecond: number;
}

export class Stand implements AsyncDisposable {
  readonly #server: PinnedProcess;
  readonly #generator = new PinnedProcess('generator.ts', 'generator');
  readonly #options: StandOptions;
  #connected = 0;

  private constructor(options: StandOptions) {
    this.#options = options;
    const role = (options.workers ?? 0) > 0 ? 'servers' : 'server';
    this.#server = new PinnedProcess('contestant-server.ts', role);
  }

  /** Starts both; no client is connected yet. */
  static async start(options: StandOptions): Promise<Stand> {
    const stand = new Stand(options);
    try {
      await stand.#prepare();
      return stand;
    } catch (error) {
      await stand[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Resolves once the clients are ready and the server knows of them all. */
  async connect(count: number): Promise<Connected> {
    process.stderr.write(`${this.#options.kind}: connecting ${thousands(count)} clients\n`);
    const order: Connect = { type: 'connect', count };
    const connected = await this.#generator.ask<Connected>(order, 'connected');
    this.#connected += count;
    // A bare socket is connected before its server has looked at it.
    await until(async () => (await this.weigh(false)).connections === this.#connected, {
      what: () => `${this.#options.kind} to know of ${this.#connected} clients`,
    });
    return connected;
  }

  /** Publishes for some seconds and waits until every frame has come. */
  async run(order: Omit<Run, 'type'>): Promise<Rate> {
    const { chunkEvents, watchers, seconds } = order;
    process.stderr.write(`${this.#options.kind}: publishing for ${seconds} s\n`);
    const reports: ReportEvery = { type: 'report-every', frames: chunkEvents * watchers };
    this.#generator.send(reports);
    const run: Run = { type: 'run', ...order };
    const before = await this.#usage();
    const ran = await this.#server.ask<Ran>(run, 'ran');
    const after = await this.#usage();
    const frames = after.frames - before.frames;
    if (frames !== ran.deliveries) {
      throw new Error(`${this.#options.kind}: ${frames} frames came of ${ran.deliveries}`);
    }
    return {
      ...ran,
      serverCpuShare: ran.cpuSeconds / ran.seconds,
      generatorCpuShare: (after.cpuSeconds - before.cpuSeconds) / ran.seconds,
      deliveriesPerSecond: ran.deliveries / ran.seconds,
      deliveriesPerCpuSecond: ran.deliveries / ran.cpuSeconds,
    };
  }

  /** What the server's process has used; its memory after full collections, where asked. */
  async weigh(collectFirst: boolean): Promise<Usage> {
    const order: Weigh = { type: 'weigh', collectFirst };
    return this.#server.ask<Usage>(order, 'usage');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([
      this.#server[Symbol.asyncDispose](),
      this.#generator[Symbol.asyncDispose](),
    ]);
  }

  #usage(): Promise<GeneratorUsage> {
    const order: AskUsage = { type: 'usage' };
    return this.#generator.ask<GeneratorUsage>(order, 'used');
  }

  async #prepare(): Promise<void> {
    const { kind, clients, topicsEach = 0, topics = 1, v2 = false } = this.#options;
    const { workers = 0, heartbeats = true } = this.#options;
    this.#generator.relay('received', this.#server);
    const listen: Listen = { type: 'listen', kind, topics, options: { workers, heartbeats } };
    const { port } = await this.#server.ask<Listening>(listen, 'listening');
    const tokens = Array.from({ length: clients }, (_, at) =>
      kind === 'gavelcast' ? tokenOf(at + 1) : '',
    );
    const prepare: Prepare = { type: 'prepare', kind, port, tokens, topicsEach, topics, v2 };
    await this.#generator.ask<Prepared>(prepare, 'prepared');
  }
}

/** jsonwebtoken takes 50 times as long with a text. */
const KEY = createSecretKey(Buffer.from(SECRET));

function tokenOf(userId: number): string {
  return jwt.sign({ userId, email: `user${userId}@example.com` }, KEY, { expiresIn: '1h' });
}
