/**
 * Client messages, answered one at a time in the order they came, within the client's rate.
 */
import type { Clock, Log } from '../src/ports.ts';
import type { Connection, Waiting } from './connection.ts';

/** Messages that may wait behind one that asks the database; past it the client's socket is not read from. */
const WAITING_MAX = 8;

/**
 * Milliseconds spent on answers in one turn of the event loop. One poll may bring the messages of tens of thousands of
 * sockets, and live events would have to wait for the last of them; past the budget a message is only put down, and
 * answered in a turn to come, first come first served.
 */
const TURN_MS = 4;

export interface InboxDeps {
  readonly log: Log;
  readonly now: Clock;
  /** Milliseconds on a clock that never jumps. */
  readonly monotonicMs: () => number;
  /** Answers one message; a promise when it has to ask the database. */
  readonly answer: (connection: Connection, text: string) => void | Promise<void>;
  /** A message over the rate was dropped: tell the client. */
  readonly rateLimited: (connection: Connection) => void;
}

export class Inbox {
  readonly #deps: InboxDeps;
  /** Whose messages wait for a turn with time left; first come first served. */
  readonly #deferred = new Set<Connection>();
  /** When the budget of this turn is used up; null while nothing was answered in it. */
  #turnEndsAtMs: number | null = null;

  constructor(deps: InboxDeps) {
    this.#deps = deps;
  }

  /** Takes a message as it comes from the socket. */
  receive(connection: Connection, text: string): void {
    const verdict = connection.bucket.take(this.#deps.now());
    if (verdict === 'abusive') {
      connection.close(4005);
    } else if (verdict === 'limited') {
      this.#deps.rateLimited(connection);
    } else if (connection.isBusy) {
      connection.waiting ??= [];
      connection.waiting.push(text);
      if (connection.waiting.length >= WAITING_MAX) connection.pauseReading();
    } else if (!this.#hasTime()) {
      connection.waiting ??= [];
      connection.waiting.push(text);
      connection.isBusy = true;
      this.#deferred.add(connection);
    } else {
      const answered = this.#deps.answer(connection, text);
      if (answered !== undefined) this.hold(connection, answered);
    }
  }

  /** Does work of our own in its turn among the client's messages. */
  enqueue(connection: Connection, work: () => void | Promise<void>): void {
    if (connection.isBusy) {
      connection.waiting ??= [];
      connection.waiting.push(work);
      return;
    }
    const done = work();
    if (done !== undefined) this.hold(connection, done);
  }

  /** Lets the client's messages wait for `work`, then answers them. */
  hold(connection: Connection, work: Promise<void>): void {
    connection.isBusy = true;
    void this.#goOn(connection, work);
  }

  /** Whether another message can be answered in this turn; a turn begins with the first one asked about. */
  #hasTime(): boolean {
    const nowMs = this.#deps.monotonicMs();
    if (this.#turnEndsAtMs === null) {
      this.#turnEndsAtMs = nowMs + TURN_MS;
      setImmediate(this.#takeTurn);
    }
    return nowMs < this.#turnEndsAtMs;
  }

  readonly #takeTurn = (): void => {
    this.#turnEndsAtMs = null;
    for (const connection of this.#deferred) {
      if (!this.#hasTime()) return;
      this.#deferred.delete(connection);
      void this.#goOn(connection, null);
    }
  };

  /** Answers what waits, up to the budget of the turn: one client's burst alone may be far more than fits into it. */
  async #goOn(connection: Connection, work: Promise<void> | null): Promise<void> {
    try {
      if (work !== null) await work;
      while (connection.waiting !== null && !connection.isClosing()) {
        if (!this.#hasTime()) {
          this.#deferred.add(connection);
          return;
        }
        const next = takeNext(connection, connection.waiting);
        const done = typeof next === 'string' ? this.#deps.answer(connection, next) : next?.();
        if (done !== undefined) await done;
      }
    } catch (error) {
      this.#deps.log.error({ err: error }, 'client message failed');
      connection.close(1012);
    }
    connection.isBusy = false;
  }
}

/** Takes the first of what waits, and reads from the client again once few enough do. */
function takeNext(connection: Connection, waiting: Waiting[]): Waiting | undefined {
  if (waiting.length === WAITING_MAX) connection.resumeReading();
  const next = waiting.shift();
  if (waiting.length === 0) connection.waiting = null;
  return next;
}
