/**
 * Sockets that are no client yet: still sending their request, or kept alive after one. Their number is bounded: past
 * the bound the oldest one goes. A client needs milliseconds to get through here, so the oldest are those that stall.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

export interface HandshakesOptions {
  /** Sockets at once. */
  readonly max: number;
  /** Of one address at once. */
  readonly perAddressMax: number;
  /** What limits count by; null: not limited. */
  readonly keyOf: (socket: Socket) => string | null;
  /** A socket was cut because there were too many. */
  readonly evicted: () => void;
}

interface Pending {
  readonly socket: Socket;
  readonly key: string | null;
}

/** What a socket is known by. TLS wraps it in another, but leaves the peer's address and port as they are. */
type Name = Socket | string;

export class Handshakes {
  readonly #options: HandshakesOptions;
  /** In order of arrival. */
  readonly #pending = new Map<Name, Pending>();
  readonly #perAddress = new Map<string, number>();

  /** One for all, without a closure each. */
  readonly #closed = listenerOf((socket) => {
    for (const name of [socket, peerOf(socket)]) {
      if (this.#pending.get(name)?.socket === socket) this.#end(name);
    }
  });

  constructor(options: HandshakesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** A socket has been accepted. @param isWrapped it will be a client as the inside of another (TLS) */
  began(socket: Socket, isWrapped: boolean): void {
    const { max, perAddressMax, keyOf, evicted } = this.#options;
    const name = isWrapped ? peerOf(socket) : socket;
    const key = keyOf(socket);
    const open = key === null ? 0 : (this.#perAddress.get(key) ?? 0);
    if (open >= perAddressMax) {
      evicted();
      socket.destroy();
      return;
    }
    if (key !== null) this.#perAddress.set(key, open + 1);
    this.#pending.set(name, { socket, key });
    socket.on('close', this.#closed);
    if (this.#pending.size <= max) return;
    for (const [oldest, pending] of this.#pending) {
      this.#end(oldest);
      evicted();
      pending.socket.destroy();
      break;
    }
  }

  /** The socket belongs to a client now; it no longer counts. */
  ended(socket: Socket): void {
    // A second listener costs a client a list of them, for as long as it stays.
    this.#end(socket instanceof TLSSocket ? peerOf(socket) : socket)?.off('close', this.#closed);
  }

  /** @returns the socket that was pending; undefined where none was */
  #end(name: Name): Socket | undefined {
    const pending = this.#pending.get(name);
    if (pending === undefined) return undefined;
    const { socket, key } = pending;
    this.#pending.delete(name);
    if (key === null) return socket;
    const open = (this.#perAddress.get(key) ?? 1) - 1;
    if (open === 0) this.#perAddress.delete(key);
    else this.#perAddress.set(key, open);
    return socket;
  }
}

function listenerOf(closed: (socket: Socket) => void): (this: Socket) => void {
  return function () {
    closed(this);
  };
}

function peerOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
