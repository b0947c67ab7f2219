/**
 * Notices a stream that lives and yet stands still: heartbeats come, the server's binlog grows, and no event of it arrives.
 *
 * So it is after RESET under a reader's eyes: the server goes on sending heartbeats from a file that it has deleted. The
 * silence watch hears those and is content. So every few seconds the server is asked on a side connection where its binlog
 * ends. An end that we should have reached, or one that lies behind us, ends the connection; the next one then asks
 * whether our position is still good.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../src/errors.ts';
import type { StreamState } from './binlog-tail.ts';
import type { Queryable } from '../source/database-pool.ts';
import { compareBinlogPositions } from '../source/source-position.ts';
import type { BinlogPosition } from '../source/source-position.ts';
import { binlogEnd } from '../source/source-status.ts';

/** Between two questions, milliseconds. */
const ASK_EVERY_MS = 2_000;
/** Fewer bytes than this in that time are heartbeats; the smallest transaction together with them is more. */
const HEARTBEAT_BYTES_MAX = 1_024;

/** What was known when the server was last asked. */
export interface Look {
  readonly end: BinlogPosition;
  readonly stream: StreamState;
}

export class StreamGuard {
  readonly #database: Queryable;
  /** Where a stream stood that was given up: where the next one stands there too, it was not its fault. */
  #blamedAt: BinlogPosition | null = null;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /**
   * Runs `work` under a signal that also aborts when the stream stands still.
   *
   * @throws AppError SOURCE_SILENT when it did; whatever `work` throws
   */
  async during<T>(
    options: {
      readonly signal: AbortSignal;
      readonly stream: () => StreamState | null;
    },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const controller = new AbortController();
    const over = new AbortController();
    const signal = AbortSignal.any([options.signal, controller.signal]);
    const found: { fault: AppError | null } = { fault: null };
    const watching = this.#watch(options.stream, over.signal).then((fault) => {
      found.fault = fault;
      if (fault !== null) controller.abort();
    });
    try {
      const result = await work(signal);
      if (found.fault === null || options.signal.aborted) return result;
      throw found.fault;
    } finally {
      over.abort();
      await watching;
    }
  }

  /** Resolves with the fault, or with null when the signal aborts. */
  async #watch(stream: () => StreamState | null, signal: AbortSignal): Promise<AppError | null> {
    let before: Look | null = null;
    for (;;) {
      await delay(ASK_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return null;
      const seen = stream();
      const end = await this.#askEnd(signal);
      const now = stream();
      if (seen === null || end === null || now === null) continue;
      const fault = stillness(before, { end, seenBefore: seen, stream: now }, this.#blamedAt);
      if (fault !== null) {
        this.#blamedAt = now.received;
        return new AppError('SOURCE_SILENT', fault);
      }
      before = { end, stream: now };
    }
  }

  async #askEnd(signal: AbortSignal): Promise<BinlogPosition | null> {
    const aborted = new Promise<null>((resolve) => {
      signal.addEventListener(
        'abort',
        () => {
          resolve(null);
        },
        { once: true },
      );
    });
    // A server that does not answer here is the reconnecting's business, which the stream itself sets off.
    const asked = binlogEnd(this.#database).catch(() => null);
    return Promise.race([asked, aborted]);
  }
}

/**
 * Why a stream stands still; null where it does not.
 *
 * @param before the look before this one; null for the first
 * @param now the end, and the stream before and after the end was asked for
 * @param blamedAt where an earlier stream was given up
 */
export function stillness(
  before: Look | null,
  now: {
    readonly end: BinlogPosition;
    readonly seenBefore: StreamState;
    readonly stream: StreamState;
  },
  blamedAt: BinlogPosition | null,
): string | null {
  const { end, seenBefore, stream } = now;
  const isOld = (at: BinlogPosition): boolean =>
    blamedAt !== null && compareBinlogPositions(at, blamedAt) === 0;
  const reached = seenBefore.received;
  if (reached !== null && compareBinlogPositions(end, reached) < 0 && !isOld(reached)) {
    return 'the server’s binlog ends before our place in it: it was reset';
  }
  if (before === null || stream.isPaused || before.stream.isPaused) return null;
  const { received } = stream;
  if (received === null || isOld(received)) return null;
  const isMoving = stream.bytesRead - before.stream.bytesRead > HEARTBEAT_BYTES_MAX;
  if (isMoving || compareBinlogPositions(received, before.end) >= 0) return null;
  return 'heartbeats come, but nothing of what the server has written since';
}
