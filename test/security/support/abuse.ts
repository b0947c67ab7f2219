/**
 * One attack on one server: hostile sockets in one process, the server in a second, an honest client here. Measures how
 * the hostile ones ended, the server's memory before and after, and what the honest client felt.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { connectRawWatcher } from '../../support/raw-watcher.ts';
import { mint } from '../../server/support/gateway-harness.ts';
import type { AttackName, Endings } from './attacker.ts';

const TARGET = fileURLToPath(new URL('abuse-target.ts', import.meta.url));
const ATTACKER = fileURLToPath(new URL('attacker.ts', import.meta.url));
const HOLD_MS = 2000;

export interface AbuseResult {
  readonly endings: Endings;
  readonly heapBefore: number;
  readonly heapAfter: number;
  readonly rssBefore: number;
  readonly rssAfter: number;
  /** 99 of 100 events reached the honest client within this many ms, before and during the attack. */
  readonly p99CalmMs: number;
  readonly p99Ms: number;
  /** The slowest of its connects during the attack. */
  readonly connectMs: number;
}

interface Measured {
  readonly rss: number;
  readonly heapUsed: number;
}

export class Target implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly port: number;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(): Promise<Target> {
    const child = fork(TARGET, { execArgv: ['--expose-gc'] });
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
  async suffer(name: AttackName, count: number): Promise<AbuseResult> {
    const honest = await listen(this.port);
    await delay(1500);
    const calm = honest.take();
    const before = await this.measure();
    const attacker = fork(ATTACKER, [
      'attack',
      name,
      String(this.port),
      String(count),
      String(HOLD_MS),
    ]);
    const ended = once(attacker, 'message');
    const exited = once(attacker, 'exit');
    honest.take();
    let connectMs = 0;
    while (attacker.exitCode === null) {
      const startedAt = performance.now();
      const other = await listen(this.port);
      connectMs = Math.max(connectMs, performance.now() - startedAt);
      other.leave();
      await Promise.race([exited, delay(250)]);
    }
    const during = honest.take();
    const [{ endings }] = (await ended) as [{ readonly endings: Endings }];
    honest.leave();
    await delay(500);
    const after = await this.measure();
    return {
      endings,
      connectMs,
      p99CalmMs: p99(calm),
      p99Ms: p99(during),
      heapBefore: before.heapUsed,
      heapAfter: after.heapUsed,
      rssBefore: before.rss,
      rssAfter: after.rss,
    };
  }
}

async function listen(port: number): Promise<{ take: () => number[]; leave: () => void }> {
  let delays: number[] = [];
  const socket = await connectRawWatcher({
    port,
    token: mint({ userId: 1 }),
    messages: ['{"action":"subscribe","itemId":1}'],
    onText: (payload) => {
      const nowMs = Number(process.hrtime.bigint() / 1_000_000n);
      const sentMs = /"bidAmount":(\d+)/.exec(payload.toString('latin1'))?.[1];
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
