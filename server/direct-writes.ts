/**
 * Writes to TCP sockets without Node's stream between: one call into libuv, and nothing is made for it.
 *
 * `socket.write` makes a request object for each write, walks the stream's state and calls back. Yet nearly every write is
 * taken by the kernel at once, and then libuv never looks at the request: one spare serves all sockets. Only a write that
 * has to wait keeps its request.
 *
 * This is the one file that knows these insides of Node; where they are not as expected there is no `DirectWrites`, and
 * sockets are written to in the ordinary way. docs/decisions/0010 says why it is done all the same.
 */
import { Socket } from 'node:net';

/** What libuv is handed with a write, `WriteWrap` inside Node. */
interface WriteRequest {
  /** Keeps the bytes alive while they wait. */
  buffer: Buffer | null;
  waiting: Waiting | null;
  oncomplete: (this: WriteRequest) => void;
}

/** The part of Node's own TCP handle that is used. Its `writeBuffer` returns 0, or something else where the socket is closed. */
export interface Handle {
  /** Bytes of all writes that the kernel has not taken yet, to the byte. */
  readonly writeQueueSize?: unknown;
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
}

/** Who is told when a write that had to wait is done, well or not. */
export interface Waiting {
  writeDone(): void;
}

/** `sent`: the kernel has it; `waits`: `writeDone` follows; `failed`: the socket is of no use any more. */
type Written = 'sent' | 'waits' | 'failed';

interface Insides {
  readonly WriteWrap: new () => WriteRequest;
  /** What the last write came to, in the same tick. */
  readonly streamBaseState: Int32Array;
  readonly kLastWriteWasAsync: number;
}

export class DirectWrites {
  readonly #insides: Insides;
  #spare: WriteRequest;

  private constructor(insides: Insides) {
    this.#insides = insides;
    this.#spare = new insides.WriteWrap();
  }

  /** Null where Node's insides are not as expected. */
  static detect(): DirectWrites | null {
    const insides = findInsides();
    return insides === null ? null : new DirectWrites(insides);
  }

  /** What a socket is written to by, for as long as it lives; null where it is not plain TCP on a handle as expected. */
  handleOf(wire: Socket): Handle | null {
    if (Object.getPrototypeOf(wire) !== Socket.prototype) return null;
    const handle = handleOf(wire);
    return typeof handle?.writeBuffer === 'function' ? handle : null;
  }

  /** Writes all of `bytes`. Nothing may wait in the stream's own queue at this moment, or it would be overtaken. */
  write(handle: Handle, bytes: Buffer, waiting: Waiting): Written {
    const { streamBaseState, kLastWriteWasAsync, WriteWrap } = this.#insides;
    const request = this.#spare;
    if (handle.writeBuffer(request, bytes) !== 0) return 'failed';
    if (streamBaseState[kLastWriteWasAsync] === 0) return 'sent';
    request.buffer = bytes;
    request.waiting = waiting;
    request.oncomplete = onComplete;
    this.#spare = new WriteWrap();
    return 'waits';
  }
}

/** Bytes that libuv has still to write: unlike a write, it falls bit by bit. 0 where Node does not tell. */
export function queuedBytesOf(wire: Socket): number {
  const size = handleOf(wire)?.writeQueueSize;
  return typeof size === 'number' ? size : 0;
}

function onComplete(this: WriteRequest): void {
  const { waiting } = this;
  this.buffer = null;
  this.waiting = null;
  waiting?.writeDone();
}

/** Null once the socket is closed. */
function handleOf(wire: Socket): Handle | null {
  // Node's types do not show it.
  return (wire as unknown as { readonly _handle: Handle | null })._handle;
}

function findInsides(): Insides | null {
  try {
    const { binding } = process as unknown as { readonly binding?: (name: string) => object };
    const found = binding?.('stream_wrap') as Partial<Insides> | undefined;
    const { WriteWrap, streamBaseState, kLastWriteWasAsync } = found ?? {};
    const isAsExpected =
      typeof WriteWrap === 'function' &&
      streamBaseState instanceof Int32Array &&
      typeof kLastWriteWasAsync === 'number' &&
      kLastWriteWasAsync < streamBaseState.length;
    return isAsExpected ? { WriteWrap, streamBaseState, kLastWriteWasAsync } : null;
  } catch {
    // Taken away, or forbidden by the permission model.
    return null;
  }
}
