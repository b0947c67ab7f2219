/**
 * Moves clients through the history, many at once, without stopping what is live.
 *
 * Each turn of the event loop gives a few milliseconds to the clients that are on their way, one piece each, first come
 * first served; between turns sockets are read, events published and batches written. A client whose socket does not
 * take what it was written waits for it to drain, at no cost, and is closed (4002) when nothing drains for long or when
 * the events it still needs have left the history.
 */
import { CatchUp, type Missed, type Piece } from '../src/topics/catch-up.ts';
import type { History } from '../src/topics/history.ts';
import type { Connection } from './connection.ts';

/** One client's share before it is another's turn. */
const PIECE: Piece = { eventsMax: 256, bytesMax: 32_768 };
/** Milliseconds of one turn, writing included. */
const TURN_MS = 6;
/** Unsent bytes past which a client gets nothing more until it has drained. */
const BACKLOG_BYTES_MAX = 65_536;
/** How long a client may take nothing at all. */
const STALLED_MS_MAX = 10_000;
const LOOK_EVERY_MS = 1_000;

export interface CatchUpsDeps {
  readonly history: History<Buffer>;
  /** Milliseconds on a clock that never jumps. */
  readonly monotonicMs: () => number;
  /** An event was replayed. */
  readonly replayed: () => void;
  /** A client cannot be brought to the end: close it. */
  readonly tooSlow: (connection: Connection) => void;
}

interface Waiting {
  readonly resolve: () => void;
  readonly ended: Promise<void>;
}

interface Parked {
  backlogBytes: number;
  sinceMs: number;
}

export class CatchUps {
  readonly #deps: CatchUpsDeps;
  /** In the order of their turns. */
  readonly #ready = new Set<Connection>();
  readonly #running = new Map<Connection, Waiting>();
  readonly #parked = new Map<Connection, Parked>();
  #isScheduled = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(deps: CatchUpsDeps) {
    this.#deps = deps;
  }

  /** Clients on their way. */
  get size(): number {
    return this.#running.size;
  }

  /** From now on the connection gets events from its way only; `run` sets it going. */
  begin(connection: Connection, missed: Missed): void {
    connection.catchUp = new CatchUp(this.#deps.history, connection, missed);
  }

  /** Goes the way that was begun. Resolves at its end or when the client has left; at once where nothing is owed. */
  run(connection: Connection): void | Promise<void> {
    const { catchUp } = connection;
    if (catchUp === null || connection.isClosing()) return undefined;
    if (catchUp.isAtEnd()) {
      connection.catchUp = null;
      return undefined;
    }
    let resolve = (): void => undefined;
    const ended = new Promise<void>((done) => {
      resolve = done;
    });
    this.#running.set(connection, { resolve, ended });
    this.#makeReady(connection);
    return ended;
  }

  /** Resolves when the connection is on no way any more. */
  ended(connection: Connection): Promise<void> {
    return this.#running.get(connection)?.ended ?? Promise.resolve();
  }

  /** Forgets a connection that leaves. */
  remove(connection: Connection): void {
    this.#end(connection);
  }

  stop(): void {
    for (const connection of [...this.#running.keys()]) this.#end(connection);
  }

  #makeReady(connection: Connection): void {
    this.#ready.add(connection);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#takeTurn);
  }

  readonly #takeTurn = (): void => {
    this.#isScheduled = false;
    const endsAtMs = this.#deps.monotonicMs() + TURN_MS;
    const again: Connection[] = [];
    for (const connection of this.#ready) {
      this.#ready.delete(connection);
      if (this.#advance(connection)) again.push(connection);
      if (this.#deps.monotonicMs() >= endsAtMs) break;
    }
    for (const connection of again) this.#ready.add(connection);
    if (this.#ready.size === 0) return;
    this.#isScheduled = true;
    setImmediate(this.#takeTurn);
  };

  /** Gives one piece; true when the client can be given another next turn. */
  #advance(connection: Connection): boolean {
    const { catchUp } = connection;
    if (catchUp === null) {
      this.#end(connection);
      return false;
    }
    if (connection.backlogBytes > BACKLOG_BYTES_MAX) {
      this.#park(connection);
      return false;
    }
    const frames: Buffer[] = [];
    const progress = catchUp.read(PIECE, (event) => {
      frames.push(event.frame);
      this.#deps.replayed();
    });
    connection.replay(frames);
    switch (progress) {
      case 'more':
        return true;
      case 'done':
        this.#end(connection);
        return false;
      case 'lost':
        this.#deps.tooSlow(connection);
        return false;
    }
  }

  #end(connection: Connection): void {
    connection.catchUp = null;
    this.#ready.delete(connection);
    this.#parked.delete(connection);
    const running = this.#running.get(connection);
    this.#running.delete(connection);
    running?.resolve();
    if (this.#parked.size === 0 && this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
  }

  #park(connection: Connection): void {
    const { backlogBytes } = connection;
    this.#parked.set(connection, { backlogBytes, sinceMs: this.#deps.monotonicMs() });
    connection.onceDrained(() => {
      if (this.#parked.delete(connection)) this.#makeReady(connection);
    });
    this.#timer ??= setInterval(() => {
      this.#look();
    }, LOOK_EVERY_MS);
  }

  #look(): void {
    const nowMs = this.#deps.monotonicMs();
    for (const [connection, parked] of this.#parked) {
      const { backlogBytes } = connection;
      if (backlogBytes < parked.backlogBytes) parked.sinceMs = nowMs;
      parked.backlogBytes = backlogBytes;
      if (nowMs - parked.sinceMs >= STALLED_MS_MAX) this.#deps.tooSlow(connection);
    }
  }
}
