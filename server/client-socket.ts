/**
 * One client's WebSocket, and the one place where frames meet the wire.
 *
 * `ws` does the handshake, parses what comes in and runs the closing handshake. What goes out is whole frames that we
 * build once for all, written straight to the socket Node's HTTP server handed over. That is sound because compression
 * is never negotiated: then `ws` itself hands each of its own frames (pong, close) to the same socket whole and at
 * once, so frames never interleave. test/server/gateway-delivery.test.ts reads the raw bytes to prove it.
 */
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { queuedBytesOf, type DirectWrites, type Handle, type Waiting } from './direct-writes.ts';
import { PING_FRAME } from './frame.ts';
import type { Transport } from './transport.ts';

/** Unsent bytes past which pings are not answered: a client that does not read may not make us hoard pongs. */
const PONG_BACKLOG_BYTES_MAX = 65_536;

/** Whoever is told what happens to a socket. */
export interface SocketOwner {
  textReceived(text: string): void;
  binaryReceived(): void;
  /** A ping or pong came; false: it was one too many, and is not answered. */
  controlReceived(): boolean;
  /** Last word: nothing follows. `code` is 1006 where no close frame came. */
  socketClosed(code: number): void;
}

export class ClientSocket extends WebSocket implements Transport, Waiting {
  #owner: SocketOwner | null = null;
  #wire: Socket | null = null;
  #direct: DirectWrites | null = null;
  /** Kept, as is what the stream holds: to look at the socket and its stream costs a twentieth of what a write costs. */
  #handle: Handle | null = null;
  /** False only while nothing can wait in the stream. */
  #mayHoldBytes = true;
  /** Bytes of a direct write that waits; while there is one, what follows it waits in the stream. */
  #waitingBytes = 0;
  #drained: (() => void) | null = null;

  /**
   * Ties the socket to its owner. Call at once, in the callback of the upgrade.
   *
   * @param direct null: frames go through Node's stream
   */
  attach(owner: SocketOwner, wire: Socket, direct: DirectWrites | null): void {
    if (this.extensions !== '') throw new Error('frames are written uncompressed');
    this.#owner = owner;
    this.#wire = wire;
    this.#direct = direct;
    this.#handle = direct?.handleOf(wire) ?? null;
  }

  /** What `ws` has to tell goes straight to the owner: listeners would cost each client a table of them. */
  override emit(event: string | symbol, ...told: readonly unknown[]): boolean {
    const owner = this.#owner;
    if (owner === null) return false;
    const [first, second] = told;
    switch (event) {
      case 'message':
        if (second === true) owner.binaryReceived();
        else if (Buffer.isBuffer(first)) owner.textReceived(first.toString('utf8'));
        break;
      case 'ping':
        if (owner.controlReceived() && Buffer.isBuffer(first)) this.#answer(first);
        break;
      case 'pong':
        owner.controlReceived();
        break;
      case 'close':
        owner.socketClosed(Number(first));
        break;
      default:
      // Nothing to add to an error, a broken frame or a reset: `ws` closes with the right code, and `close` follows.
    }
    return true;
  }

  /** Bytes handed over and not yet taken by the kernel. */
  get backlogBytes(): number {
    return this.#waitingBytes + (this.#wire?.writableLength ?? 0);
  }

  get queuedBytes(): number {
    return this.#wire === null ? 0 : queuedBytesOf(this.#wire);
  }

  /** Bytes ever received: whoever sends anything is alive. */
  get receivedBytes(): number {
    return this.#wire?.bytesRead ?? 0;
  }

  get isOpen(): boolean {
    return this.readyState === WebSocket.OPEN;
  }

  /** Writes whole frames in one go. */
  writeFrames(frames: Buffer): number {
    const wire = this.#wire;
    if (wire === null) return 0;
    const direct = this.#direct;
    const handle = this.#handle;
    if (direct === null || handle === null || this.#waitingBytes > 0 || this.#streamHoldsBytes()) {
      this.#mayHoldBytes = true;
      wire.write(frames);
      return this.backlogBytes;
    }
    const written = direct.write(handle, frames, this);
    if (written === 'waits') this.#waitingBytes = frames.length;
    // A reset, most likely; `close` follows.
    else if (written === 'failed') wire.destroy();
    return this.#waitingBytes;
  }

  writeDone(): void {
    const drained = this.#drained;
    this.#waitingBytes = 0;
    this.#drained = null;
    drained?.();
  }

  /** Calls back once when the kernel has taken everything. */
  onceDrained(callback: () => void): void {
    // What waits in the stream is written after what waits in libuv.
    if (this.#wire?.writableNeedDrain === true) this.#wire.once('drain', callback);
    else this.#drained = callback;
  }

  /** Writes an empty ping. */
  writePing(): void {
    if (this.isOpen) this.writeFrames(PING_FRAME);
  }

  #streamHoldsBytes(): boolean {
    this.#mayHoldBytes &&= (this.#wire?.writableLength ?? 0) > 0;
    return this.#mayHoldBytes;
  }

  #answer(ping: Buffer): void {
    if (!this.isOpen || this.backlogBytes > PONG_BACKLOG_BYTES_MAX) return;
    // `ws` writes it to the stream, as it does the close frame, after which we write nothing.
    this.#mayHoldBytes = true;
    this.pong(ping);
  }
}
