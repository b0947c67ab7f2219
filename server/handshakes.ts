/**
 * Sockets that are no client yet: still sending their request, or kept alive after one. Their number is bounded: past
 * the bound the oldest one goes. A client needs milliseconds to get through here, so the oldest are those that stall.
 */
import type { Socket } from 'node:net';

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
  /** Its listener; a socket that became a client is rid of it. */
  readonly closed: () => void;
}

export class Handshakes {
  readonly #options: HandshakesOptions;
  /** In order of arrival. Named by the peer's address and port, which TLS leaves as they are. */
  readonly #pending = new Map<string, Pending>();
  readonly #perAddress = new Map<string, number>();

  constructor(options: HandshakesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** A socket has been accepted. */
  began(socket: Socket): void {
    const { max, perAddressMax, keyOf, evicted } = this.#options;
    const name = nameOf(socket);
    const key = keyOf(socket);
    const open = key === null ? 0 : (this.#perAddress.get(key) ?? 0);
    if (open >= perAddressMax) {
      evicted();
      socket.destroy();
      return;
    }
    if (key !== null) this.#perAddress.set(key, open + 1);
    const closed = (): void => {
      if (this.#pending.get(name)?.socket === socket) this.#end(name);
    };
    this.#pending.set(name, { socket, key, closed });
    socket.on('close', closed);
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
    this.#end(nameOf(socket));
  }

  #end(name: string): void {
    const pending = this.#pending.get(name);
    if (pending === undefined) return;
    this.#pending.delete(name);
    pending.socket.off('close', pending.closed);
    if (pending.key === null) return;
    const open = (this.#perAddress.get(pending.key) ?? 1) - 1;
    if (open === 0) this.#perAddress.delete(pending.key);
    else this.#perAddress.set(pending.key, open);
  }
}

function nameOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
