/**
 * Moves clients through the history, many at once, without stopping what is live: those that come back, and those that
 * do not take what they are sent as fast as it comes.
 *
 * Each turn of the event loop gives a few milliseconds to the clients that are on their way, one piece each, first come
 * first served; between turns sockets are read, events published and batches written. A client whose socket does not
 * take what it was written waits for it to drain, at no cost: nothing is kept for it but its place. It is closed (4002)
 * when nothing drains for long, when more waits for it than it may be owed, or when what it needs has left the history.
 */
import { CatchUp, type Missed } from '../src/topics/catch-up.ts';
import { ConflatedWay } from '../src/topics/conflated-way.ts';
import type { History, HistoryEvent } from '../src/topics/history.ts';
import type { Piece } from '../src/topics/way.ts';
import { withSkipped } from '../src/protocol/event-message.ts';
import type { Connection } from './connection.ts';
import { textFrame, textOf } from './frame.ts';

/** One client's share before it is another's turn. */
const PIECE: Piece = { eventsMax: 256, bytesMax: 32_768 };
/** Milliseconds of one turn, writing included. */
const TURN_MS = 6;
/** Stalled clients are looked for this many times within the time they have. */
const LOOKS = 10;

/** What a client may leave lying. */
export interface SlowLimits {
  /** Unsent bytes past which a client gets nothing more until it has drained. */
  readonly unsentBytesMax: number;
  /** Bytes of events that must be delivered and wait for a client; past it the client is closed. */
  readonly owedBytesMax: number;
  /** How long a client may take nothing at all. */
  readonly stalledMsMax: number;
}

/**
 * Why a slow client was closed.
 *
 * - `owed`: more must-deliver bytes waited than it may be owed.
 * - `stalled`: it took nothing for too long.
 * - `evicted`: what it had not been given yet left the history.
 */
export type SlowReason = 'owed' | 'stalled' | 'evicted';

export interface CatchUpsDeps {
  readonly history: History<Buffer>;
  readonly limits: SlowLimits;
  /** Milliseconds on a clock that never jumps. */
  readonly monotonicMs: () => number;
  /** An event was replayed. */
  readonly replayed: () => void;
  /** So many events were passed over for a slow client. */
  readonly conflated: (events: number) => void;
  /** A client cannot be brought to the end: close it. */
  readonly tooSlow: (connection: Connection, reason: SlowReason) => void;
}

interface Waiting {
  readonly resolve: () => void;
  readonly ended: Promise<void>;
}

/** What a client had unsent when it was looked at last. */
interface Unsent {
  readonly backlogBytes: number;
  readonly queuedBytes: number;
}

/** Waits for its socket. */
interface Parked {
  unsent: Unsent;
  /** When that last fell. */
  sinceMs: number;
}

export class CatchUps {
  readonly #deps: CatchUpsDeps;
  /** In the order of their turns. */
  readonly #ready = new Set<Connection>();
  readonly #running = new Map<Connection, Waiting>();
  readonly #parked = new Map<Connection, Parked>();
  /** Found behind in this turn: whether they are slow is seen in the next one. */
  #suspects = new Set<Connection>();
  /** Those that are behind because they are slow. */
  readonly #slow = new Set<Connection>();
  #isScheduled = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(deps: CatchUpsDeps) {
    this.#deps = deps;
  }

  /** Clients on their way to what they missed. */
  get recovering(): number {
    return this.#running.size - this.#slow.size;
  }

  /** Clients that get what they are owed as their sockets drain. */
  get slow(): number {
    return this.#slow.size;
  }

  /** From now on the connection gets events from its way only; `run` sets it going. */
  begin(connection: Connection, missed: Missed): void {
    connection.way = new CatchUp(this.#deps.history, connection, missed);
  }

  /** Goes the way that was begun. Resolves at its end or when the client has left; at once where nothing is owed. */
  run(connection: Connection): void | Promise<void> {
    const { way } = connection;
    if (way === null || connection.isClosing()) return undefined;
    if (way.isAtEnd()) {
      connection.way = null;
      return undefined;
    }
    const ended = this.#start(connection);
    this.#makeReady(connection);
    return ended;
  }

  /**
   * A client has more unsent than it may: from now on it gets what it is owed as its socket drains, conflated. One that
   * is on its way already and still has more and more written to it, its own answers, is closed.
   */
  fellBehind(connection: Connection): void {
    if (connection.way === null && connection.isAdmitted) {
      this.#suspect(connection);
    } else if (connection.backlogBytes > this.#deps.limits.owedBytesMax) {
      this.#deps.tooSlow(connection, 'owed');
    }
  }

  /** An event that must be delivered entered the history while the client is on its way there. */
  owes(connection: Connection, bytes: number): void {
    const { way } = connection;
    if (!(way instanceof ConflatedWay)) return;
    way.owe(bytes);
    if (way.owedBytes > this.#deps.limits.owedBytesMax) this.#deps.tooSlow(connection, 'owed');
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

  /**
   * TLS and HTTP take what they are given at the end of the turn at the earliest: a client that reads as fast as can be has
   * much unsent until then, and is none the slower for it.
   */
  #suspect(connection: Connection): void {
    this.#suspects.add(connection);
    if (this.#suspects.size === 1) setImmediate(this.#judge);
  }

  readonly #judge = (): void => {
    const suspects = this.#suspects;
    this.#suspects = new Set();
    for (const connection of suspects) {
      if (connection.way !== null || !this.#isBackedUp(connection)) continue;
      // What this turn owes it comes before its way; later it would be taken for answers that it does not read.
      connection.replay([]);
      if (!connection.isAdmitted) continue;
      // Everything in the history is written at this moment, or was left out for good.
      void this.#start(connection);
      this.#conflate(connection);
      this.#park(connection);
    }
  };

  #start(connection: Connection): Promise<void> {
    let resolve = (): void => undefined;
    const ended = new Promise<void>((done) => {
      resolve = done;
    });
    this.#running.set(connection, { resolve, ended });
    return ended;
  }

  /** What comes after the place it is at may be conflated. */
  #conflate(connection: Connection): void {
    const { history } = this.#deps;
    const way = new ConflatedWay(history, connection, connection.way?.at);
    connection.way = way;
    this.#slow.add(connection);
    if (way.owedBytes > this.#deps.limits.owedBytesMax) this.#deps.tooSlow(connection, 'owed');
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
    const { way } = connection;
    if (way === null) {
      this.#end(connection);
      return false;
    }
    if (this.#isBackedUp(connection)) {
      this.#park(connection);
      return false;
    }
    const isSlow = way instanceof ConflatedWay;
    const frames: Buffer[] = [];
    const progress = way.read(PIECE, (event, skipped) => {
      frames.push(this.#frameOf(event, skipped));
      if (!isSlow) this.#deps.replayed();
    });
    connection.replay(frames);
    switch (progress) {
      case 'more':
        return true;
      case 'done':
        this.#end(connection);
        if (this.#isBackedUp(connection)) this.fellBehind(connection);
        return false;
      case 'lost':
        this.#deps.tooSlow(connection, 'evicted');
        return false;
    }
  }

  #frameOf({ frame }: HistoryEvent<Buffer>, skipped: number): Buffer {
    if (skipped === 0) return frame;
    this.#deps.conflated(skipped);
    return textFrame(withSkipped(textOf(frame), skipped));
  }

  #isBackedUp(connection: Connection): boolean {
    return connection.backlogBytes > this.#deps.limits.unsentBytesMax;
  }

  #end(connection: Connection): void {
    connection.way = null;
    this.#slow.delete(connection);
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
    const { way } = connection;
    if (way instanceof CatchUp && way.isPastMissed) this.#conflate(connection);
    if (connection.isClosing()) return;
    const parked = { unsent: unsentOf(connection), sinceMs: this.#deps.monotonicMs() };
    this.#parked.set(connection, parked);
    connection.onceDrained(() => {
      if (this.#parked.delete(connection)) this.#makeReady(connection);
    });
    this.#timer ??= setInterval(() => {
      this.#look();
    }, this.#deps.limits.stalledMsMax / LOOKS);
  }

  #look(): void {
    const nowMs = this.#deps.monotonicMs();
    for (const [connection, parked] of this.#parked) {
      const unsent = unsentOf(connection);
      if (hasFallen(parked.unsent, unsent)) parked.sinceMs = nowMs;
      parked.unsent = unsent;
      if (connection.way?.isLost() === true) this.#deps.tooSlow(connection, 'evicted');
      else if (nowMs - parked.sinceMs >= this.#deps.limits.stalledMsMax) {
        this.#deps.tooSlow(connection, 'stalled');
      }
    }
  }
}

function unsentOf({ backlogBytes, queuedBytes }: Connection): Unsent {
  return { backlogBytes, queuedBytes };
}

/** A large write counts as backlog until its last byte is taken; what is queued of it shows that it moves. */
function hasFallen(before: Unsent, now: Unsent): boolean {
  return now.backlogBytes < before.backlogBytes || now.queuedBytes < before.queuedBytes;
}
