/**
 * One client: who it is, what it watches, what it is owed. Decisions are taken elsewhere; this keeps the facts
 * straight and the order of what leaves.
 */
import type { ItemId, UserId } from '../src/auction/ids.ts';
import { CLOSE_CODES, type CloseCode } from '../src/protocol/close-code.ts';
import { Coverage } from '../src/topics/coverage.ts';
import type { Follower, Way } from '../src/topics/way.ts';
import type { SocketOwner } from './client-socket.ts';
import { textFrame } from './frame.ts';
import type { RateBucket } from './rate-bucket.ts';
import type { Swept } from './sweeper.ts';
import type { Transport } from './transport.ts';
import { WatchlistFollower } from './watchlist-follower.ts';
import type { BatchNode, BatchRecipient, Lane, TurnBatch } from './turn-batch.ts';

/**
 * - `unauthenticated`: a v2 client that may still send its token as its first message.
 * - `checking`: the token is good, the user's standing is being read; nothing is delivered yet.
 * - `admitted`: live.
 * - `closing`: a close frame was sent or the socket is gone; nothing is delivered any more.
 */
export type Stage = 'unauthenticated' | 'checking' | 'admitted' | 'closing';

/** Who a verified token says it is. */
export interface Identity {
  readonly userId: UserId;
  readonly expiresAtMs: number;
}

/** What all connections share: one object for all of them. */
export interface ConnectionHost {
  readonly batch: TurnBatch;
  /** Unsent bytes past which a client is slow: what it is owed from then on waits in the history. */
  readonly unsentBytesMax: number;
  received(connection: Connection, text: string): void;
  /** A ping or pong came; false: it is over the client's rate. */
  controlReceived(connection: Connection): boolean;
  /** The connection takes no further part in anything; called once, before its close frame is written. */
  leaving(connection: Connection): void;
  /** Its socket is gone; called once, after `leaving`. `code`: what we closed it with, else what the client said. */
  gone(connection: Connection, code: number): void;
  wrote(frames: number, bytes: number): void;
  /** A client has more unsent than it may. */
  fellBehind(connection: Connection): void;
  /** An event that must be delivered entered the history while the client is on its way there. */
  owes(connection: Connection, bytes: number): void;
}

/** A frame as everybody gets it who is owed it. */
export interface Delivery {
  readonly frame: Buffer;
  readonly lane: Lane;
  /** False where a client that is slow may be given a newer one in its place. */
  readonly mustDeliver: boolean;
}

/** A message of the client, or work of our own that must not overtake its messages. */
export type Waiting = string | (() => void | Promise<void>);

/** What a client asks for by its address. */
export interface Wants {
  /** The last event it has seen; null: nothing to recover. */
  readonly since: string | null;
  /** Items to watch at once. */
  readonly itemIds: readonly ItemId[];
  /** Also what its user's watchlist says. */
  readonly watchlist: boolean;
}

export interface ConnectionSetup {
  readonly socket: Transport;
  readonly isV2: boolean;
  readonly bucket: RateBucket;
  readonly wants?: Wants | null;
  /** What limits count it by (client-address.ts); null: not limited. */
  readonly addressKey?: string | null;
}

export class Connection implements BatchRecipient, Follower, SocketOwner, Swept {
  readonly isV2: boolean;
  readonly bucket: RateBucket;
  /** What it asked for by its address; null once that is met. */
  wants: Wants | null;
  /** Null where it does not follow its user's watchlist. */
  readonly watchlist: WatchlistFollower | null;
  /** What limits count it by; null: not limited. */
  readonly addressKey: string | null;
  /** Items it watches, and what it was sent of them; changed by the hub alone, which keeps both directions equal. */
  readonly coverage = new Coverage();
  /** Its way through the history; null while it is at the end, where it gets events as they come. */
  way: Way<Buffer> | null = null;
  /** What waits because something before it is still being answered; null while there is nothing. */
  waiting: Waiting[] | null = null;
  /** True while a message is being answered that had to ask the database. */
  isBusy = false;
  /** True once `token_expiring` was sent for the present token. */
  isExpiryAnnounced = false;
  deadlineAtMs: number | null = null;
  sweepLane: number | null = null;
  /** Managed by the turn's batch. */
  batch: BatchNode | null = null;
  readonly #host: ConnectionHost;
  readonly #socket: Transport;
  #stage: Stage = 'unauthenticated';
  #identity: Identity | null = null;
  #closeCode: CloseCode | null = null;
  #receivedBytesSeen = 0;
  #silentPeriods = 0;

  constructor(host: ConnectionHost, setup: ConnectionSetup) {
    const { socket, isV2, bucket, wants = null, addressKey = null } = setup;
    this.#host = host;
    this.#socket = socket;
    this.isV2 = isV2;
    this.bucket = bucket;
    this.wants = wants;
    this.watchlist = wants?.watchlist === true ? new WatchlistFollower() : null;
    this.addressKey = addressKey;
  }

  get stage(): Stage {
    return this.#stage;
  }

  /** A method, not a property: the answer may differ after every await. */
  isClosing(): boolean {
    return this.#stage === 'closing';
  }

  get isAdmitted(): boolean {
    return this.#stage === 'admitted';
  }

  get identity(): Identity | null {
    return this.#identity;
  }

  get userId(): UserId | null {
    return this.#identity?.userId ?? null;
  }

  /** Takes on (or renews) who the client is. The hub must know the user before this is called twice. */
  identify(identity: Identity): void {
    this.#identity = identity;
    this.isExpiryAnnounced = false;
  }

  /** Moves on to `checking` or `admitted`; a closing connection stays closing. */
  enter(stage: 'checking' | 'admitted'): void {
    if (this.#stage !== 'closing') this.#stage = stage;
  }

  /** Owes the client an event that has just entered the history; one that is still on its way there comes to it itself. */
  deliver({ frame, lane, mustDeliver }: Delivery): void {
    if (this.way === null) this.tell(frame, lane);
    else if (mustDeliver) this.#host.owes(this, frame.length);
  }

  /** Owes the client a frame that others may be owed too. */
  tell(frame: Buffer, lane: Lane = 'prompt'): void {
    if (this.#stage === 'admitted') this.#host.batch.append(this, frame, lane);
  }

  /** Owes the client a message of its own, in order with everything delivered before. */
  send(text: string): void {
    if (this.#stage !== 'closing') this.#host.batch.appendPrivate(this, textFrame(text));
  }

  /** Writes frames of its way through the history, after everything owed so far and without waiting for the turn's end. */
  replay(frames: readonly Buffer[]): void {
    if (this.#stage === 'admitted') this.#host.batch.writeNow(this, frames);
  }

  /** Writes what the turn owes; the place where a slow client is found. Heartbeats find those that the kernel hides. */
  write(bytes: Buffer, frames: number): boolean {
    if (!this.#socket.isOpen) return true;
    const backlogBytes = this.#socket.writeFrames(bytes);
    this.#host.wrote(frames, bytes.length);
    if (backlogBytes > this.#host.unsentBytesMax && this.#stage !== 'closing') {
      this.#host.fellBehind(this);
    }
    return backlogBytes === 0;
  }

  /** Bytes it was written that the kernel has not taken yet. */
  get backlogBytes(): number {
    return this.#socket.backlogBytes;
  }

  /** What of these the system is being handed: falls with each part that it takes. */
  get queuedBytes(): number {
    return this.#socket.queuedBytes;
  }

  /** Calls back once when everything written was taken; call it while there is a backlog at the socket. */
  onceDrained(callback: () => void): void {
    this.#socket.onceDrained(callback);
  }

  /** Sends what is owed, then the close frame; `ws` cuts the socket if the client does not answer it. Idempotent. */
  close(code: CloseCode): void {
    if (this.#stage === 'closing') return;
    this.#closeCode = code;
    this.#leave();
    this.#host.batch.flushOne(this);
    this.#socket.close(code, CLOSE_CODES[code].reason);
    // A paused socket would never show us the client's answer.
    this.#socket.resume();
  }

  /** Cuts the socket without a word. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** Stops reading from the client until {@link resumeReading}; a bounded rest of what was read may still arrive. */
  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  /** Pings, unless the client has been silent for two periods: then false. To be called once a period. */
  beat(): boolean {
    const received = this.#socket.receivedBytes;
    this.#silentPeriods = received === this.#receivedBytesSeen ? this.#silentPeriods + 1 : 0;
    this.#receivedBytesSeen = received;
    if (this.#silentPeriods >= 2) return false;
    this.#socket.writePing();
    return true;
  }

  textReceived(text: string): void {
    if (this.#stage !== 'closing') this.#host.received(this, text);
  }

  controlReceived(): boolean {
    return this.#stage !== 'closing' && this.#host.controlReceived(this);
  }

  binaryReceived(): void {
    this.close(1003);
  }

  socketClosed(code: number): void {
    this.#leave();
    this.#host.gone(this, this.#closeCode ?? code);
  }

  #leave(): void {
    if (this.#stage === 'closing') return;
    this.#stage = 'closing';
    this.deadlineAtMs = null;
    this.waiting = null;
    this.way = null;
    this.#host.leaving(this);
  }
}
