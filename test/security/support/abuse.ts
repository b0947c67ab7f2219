/**
 * One attack on one server: hostile sockets in one process, the server in a second, an honest client here. Measures how
 * the hostile ones ended, the server's memory before and after, and what the honest client felt.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { connectRawWatcher } from '../../support/raw-watcher.ts';
import { mint } from '../../server/support/gateway-harness.ts';
import type { GatewayOptions, GatewayStats } from '../../../server/gateway-options.ts';
import type { AttackName, AttackOrder, Endings } from './attacker.ts';

const TARGET = fileURLToPath(new URL('abuse-target.ts', import.meta.url));
const ATTACKER = fileURLToPath(new URL('attacker.ts', import.meta.url));
const CONNECT_EVERY_MS = 100;
/** The attacker is the least urgent of the three processes, so that the honest one's own wait for a core is not measured. */
const ATTACKER_NICENESS = 15;

export interface AttackSize {
  readonly count: number;
  readonly openedPerSecond: number;
  /** How long the honest client is watched before the attack, and again when all sockets are there. */
  readonly watchedMs: number;
}

/** What the honest client felt in one part of an attack. */
export interface Felt {
  /** 99 of 100 events reached it within this many ms of being published. */
  readonly p99Ms: number;
  /** The slowest of its connects, from the call to the end of the handshake. */
  readonly connectMs: number;
}

export interface AbuseResult {
  readonly endings: Endings;
  readonly heapBefore: number;
  readonly heapAfter: number;
  readonly rssBefore: number;
  readonly rssAfter: number;
  readonly calm: Felt;
  /** While the hostile sockets come. */
  readonly arriving: Felt;
  /** While they are all there (or were refused). */
  readonly held: Felt;
}

interface Measured {
  /** Bytes, after a collection. */
  readonly rss: number;
  readonly heapUsed: number;
  readonly stats: GatewayStats;
}

export class Target implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly port: number;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(options: Partial<GatewayOptions> = {}): Promise<Target> {
    const child = fork(TARGET, [JSON.stringify(options)], { execArgv: ['--expose-gc'] });
    const [{ port }] = (await once(child, 'message')) as [{ readonly port: number }];
    return new Target(child, port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.send('stop');
    await exited;
  }

  async measure(): Promise<Measured> {
    const answered = once(this.#child, 'message');
    this.#child.send('measure');
    const [measured] = (await answered) as [Measured];
    return measured;
  }

  /** Runs one attack of `count` sockets. */
  async suffer(
    name: AttackName,
    { count, openedPerSecond, watchedMs }: AttackSize,
  ): Promise<AbuseResult> {
    const honest = await HonestClient.start(this.port);
    await delay(watchedMs);
    const before = await this.measure();
    const calm = honest.take();
    const order: AttackOrder = { name, port: this.port, count, openedPerSecond, holdMs: watchedMs };
    const attacker = fork(ATTACKER, ['attack', JSON.stringify(order)]);
    const exited = once(attacker, 'exit');
    if (attacker.pid !== undefined) setPriority(attacker.pid, ATTACKER_NICENESS);
    await once(attacker, 'message');
    const arriving = honest.take();
    const [{ endings }] = (await once(attacker, 'message')) as [{ readonly endings: Endings }];
    const held = honest.take();
    await exited;
    await honest.stop();
    await delay(500);
    const after = await this.measure();
    return {
      endings,
      calm,
      arriving,
      held,
      heapBefore: before.heapUsed,
      heapAfter: after.heapUsed,
      rssBefore: before.rss,
      rssAfter: after.rss,
    };
  }
}

/** Listens to an item, and connects anew all the time. */
class HonestClient {
  readonly #listener: Listener;
  readonly #port: number;
  #connectMs: number[] = [];
  #connectingSince: number | null = null;
  #isStopped = false;
  #connecting: Promise<void>;

  private constructor(listener: Listener, port: number) {
    this.#listener = listener;
    this.#port = port;
    this.#connecting = this.#connectAgainAndAgain();
  }

  static async start(port: number): Promise<HonestClient> {
    return new HonestClient(await listen(port), port);
  }

  /** What was felt since the last call. */
  take(): Felt {
    const since = this.#connectingSince;
    const unfinishedMs = since === null ? 0 : performance.now() - since;
    const connectMs = Math.max(unfinishedMs, ...this.#connectMs);
    this.#connectMs = [];
    return { p99Ms: p99(this.#listener.take()), connectMs };
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#connecting;
    this.#listener.leave();
  }

  async #connectAgainAndAgain(): Promise<void> {
    while (!this.#isStopped) {
      const startedAt = performance.now();
      this.#connectingSince = startedAt;
      const other = await listen(this.#port);
      this.#connectMs.push(performance.now() - startedAt);
      this.#connectingSince = null;
      other.leave();
      await delay(CONNECT_EVERY_MS);
    }
  }
}

interface Listener {
  take(): number[];
  leave(): void;
}

async function listen(port: number): Promise<Listener> {
  let delays: number[] = [];
  const socket = await connectRawWatcher({
    port,
    token: mint({ userId: 1 }),
    messages: ['{"action":"subscribe","itemId":1}'],
    onText: (payload) => {
      const nowMs = Number(process.hrtime.bigint()) / 1e6;
      const sentMs = /"bidAmount":([\d.]+)/.exec(payload.toString('latin1'))?.[1];
      if (sentMs !== undefined) delays.push(nowMs - Number(sentMs));
    },
  });
  socket.on('error', () => undefined);
  return {
    take: () => {
      const taken = delays;
      delays = [];
      return taken;
    },
    leave: () => {
      socket.destroy();
    },
  };
}

function p99(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? Number.NaN;
}
