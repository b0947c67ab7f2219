/**
 * The sockets that listen on the public port.
 *
 * Node takes one connection of a listening socket in each turn of its loop. Of clients who all come at once each would
 * pay for a turn of its own, and find in the processor's caches nothing of the code it goes through. So the port has
 * several sockets, over which the kernel spreads whoever comes, and a turn takes one of each (docs/decisions/0018).
 */
import type { Server as HttpServer } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import { createServer, type Server } from 'node:net';
import { bind, probe, stopListening, type Address, type Binding } from './listener.ts';

/** More of them take in no more clients a second, by measurement. */
const SOCKETS_MAX = 16;

export class Acceptors {
  readonly #http: HttpServer | HttpsServer;
  readonly #sockets: number;
  readonly #others: Server[] = [];
  #opening: Promise<Address> | null = null;

  /**
   * @param http gets all connections; its own socket is the first of those that listen
   * @param handshakesMax a turn may take in a quarter of it: those whose request has not come yet count, and past the limit
   *   the oldest of them is cut
   */
  constructor(http: HttpServer | HttpsServer, handshakesMax = Infinity) {
    this.#http = http;
    this.#sockets = Math.min(SOCKETS_MAX, Math.max(1, Math.floor(handshakesMax / 4)));
  }

  /** @throws AppError PORT_UNAVAILABLE; nothing listens then */
  open(binding: Binding): Promise<Address> {
    this.#opening = this.#open(binding);
    return this.#opening;
  }

  /** Stops listening, and resolves when the last request is answered; WebSockets that are open count as such too. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#opening]);
    await this.#stop();
  }

  async #open(binding: Binding): Promise<Address> {
    const { inheritedFd = null, reusePort = false, port } = binding;
    const mayShare = process.platform === 'linux' && inheritedFd === null;
    if (!mayShare) return bind(this.#http, binding);
    // Once the port is shared, even if only among ourselves, nobody notices that another program holds it. Any port, 0, is
    // never one that somebody shares.
    if (!reusePort && port !== 0) await probe(binding);
    const address = await bind(this.#http, { ...binding, reusePort: true });
    try {
      while (this.#others.length < this.#sockets - 1) await this.#addSocket(address);
    } catch (error) {
      void this.#stop();
      this.#others.length = 0;
      throw error;
    }
    return address;
  }

  async #addSocket(address: Address): Promise<void> {
    // Sockets are accepted as the HTTP server accepts its own.
    const options = { noDelay: true, allowHalfOpen: !(this.#http instanceof HttpsServer) };
    const server = createServer(options, (socket) => {
      this.#http.emit('connection', socket);
    });
    await bind(server, { ...address, reusePort: true });
    this.#others.push(server);
  }

  async #stop(): Promise<void> {
    await Promise.all([this.#http, ...this.#others].map(stopListening));
  }
}
