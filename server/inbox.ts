/**
 * Client messages, answered one at a time in the order they came, within the client's rate.
 */
import type { Clock, Log } from '../src/ports.ts';
import type { Connection } from './connection.ts';

/** Messages that may wait behind one that asks the database; past it the client's socket is not read from. */
const WAITING_MAX = 8;

/**
 * Messages answered in one turn of the event loop. One poll may bring those of tens of thousands of sockets, and live
 * events would have to wait for the last of them; the rest is answered in turns to come, first come first served.
 */
const MESSAGES_PER_TURN = 64;

export interface InboxDeps {
  readonly log: Log;
  readonly now: Clock;
  /** Answers one message; a promise when it has to ask the database. */
  readonly answer: (connection: Connection, text: string) => void | Promise<void>;
  /** A message over the rate was dropped: tell the client. */
  readonly rateLimited: (connection: Connection) => void;
}

export class Inbox {
  readonly #deps: InboxDeps;
  /** Lets go of those whose turn it is; first come first served. */
  #deferred: (() => void)[] = [];
  #answeredThisTurn = 0;
  #isTurnScheduled = false;

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
      if (connection.waiting.length === WAITING_MAX) connection.pauseReading();
    } else if (this.#answeredThisTurn >= MESSAGES_PER_TURN) {
      connection.waiting ??= [];
      connection.waiting.push(text);
      this.hold(connection, this.#inTurn());
    } else {
      this.#answeredThisTurn += 1;
      this.#scheduleTurn();
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

  /** Resolves in the turn in which there is room again. */
  #inTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#deferred.push(resolve);
    });
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled) return;
    this.#isTurnScheduled = true;
    setImmediate(this.#takeTurn);
  }

  readonly #takeTurn = (): void => {
    this.#isTurnScheduled = false;
    const due = this.#deferred.splice(0, MESSAGES_PER_TURN);
    this.#answeredThisTurn = due.length;
    if (due.length > 0) this.#scheduleTurn();
    for (const go of due) go();
  };

  async #goOn(connection: Connection, work: Promise<void>): Promise<void> {
    try {
      await work;
      while (connection.waiting !== null && !connection.isClosing()) {
        const waiting = connection.waiting;
        connection.waiting = null;
        if (waiting.length >= WAITING_MAX) connection.resumeReading();
        for (const next of waiting) {
          if (connection.isClosing()) break;
          await (typeof next === 'string' ? this.#deps.answer(connection, next) : next());
        }
      }
    } catch (error) {
      this.#deps.log.error({ err: error }, 'client message failed');
      connection.close(1012);
    } finally {
      connection.isBusy = false;
    }
  }
}
