/**
 * How far the stream has come, for those who wait until it has passed a position of the binlog.
 *
 * Where transactions come, each says how far. Where none come (the binlog's end may lie behind events that are none), the
 * server is heard to be past the position while nothing waits to be translated; that is looked at on a timer, which runs
 * only while somebody waits.
 */
import { compareBinlogPositions } from '../source/source-position.ts';
import type { BinlogPosition } from '../source/source-position.ts';

const LOOK_EVERY_MS = 20;
const NOWHERE = (): null => null;

interface Waiter {
  readonly until: BinlogPosition;
  readonly then: (isPassed: boolean) => void;
}

export class StreamProgress {
  readonly #onReached: (at: BinlogPosition) => void;
  readonly #waiters = new Set<Waiter>();
  #idleAt: () => BinlogPosition | null = NOWHERE;
  #timer: NodeJS.Timeout | null = null;
  #isBehind = false;

  /** `onReached` is told first, in the same tick as those who wait. */
  constructor(onReached: (at: BinlogPosition) => void) {
    this.#onReached = onReached;
  }

  /** Somebody waits: `reached` should be told of each transaction. */
  get isAwaited(): boolean {
    return this.#waiters.size > 0;
  }

  /**
   * Calls `then` once, when everything up to `until` was published (true) or when the stream ends before (false), in a
   * tick in which nothing is published between the two.
   *
   * @returns how to wait no longer
   */
  whenPassed(until: BinlogPosition, then: (isPassed: boolean) => void): () => void {
    const waiter: Waiter = { until, then };
    this.#waiters.add(waiter);
    this.#timer ??= setInterval(() => {
      this.#look();
    }, LOOK_EVERY_MS);
    return () => {
      this.#waiters.delete(waiter);
      this.#settle();
    };
  }

  /** The stream goes on after an interruption and has not brought yet what was committed meanwhile. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Behind until it has passed `missed`; null: nothing was missed. `then` is told when it has, not when it ends before. */
  catchUp(missed: BinlogPosition | null, then: () => void): void {
    this.#isBehind = missed !== null;
    if (missed === null) return;
    this.whenPassed(missed, (isPassed) => {
      if (!isPassed) return;
      this.#isBehind = false;
      then();
    });
  }

  /** Everything up to here was published. */
  reached(at: BinlogPosition): void {
    this.#onReached(at);
    for (const waiter of [...this.#waiters]) {
      if (compareBinlogPositions(waiter.until, at) > 0) continue;
      this.#waiters.delete(waiter);
      waiter.then(true);
    }
    this.#settle();
  }

  /** Nothing is left to be published of what came up to `at()`. Until `busy`. */
  idle(at: () => BinlogPosition | null): void {
    this.#idleAt = at;
  }

  busy(): void {
    this.#idleAt = NOWHERE;
  }

  /** The stream has ended: nobody can wait for it any more. */
  ended(): void {
    this.busy();
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    this.#settle();
    for (const waiter of waiters) waiter.then(false);
  }

  #look(): void {
    const at = this.#idleAt();
    if (at !== null) this.reached(at);
  }

  #settle(): void {
    if (this.#waiters.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}
