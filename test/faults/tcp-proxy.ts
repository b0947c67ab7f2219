/**
 * A network between Gavelcast and its database that can be made to misbehave.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * - `pass`: bytes go through.
 * - `swallow`: bytes are read and thrown away, both ways, and no connection ends: a firewall that forgot us. What was
 *   swallowed stays lost, so the connections of that time never recover.
 * - `stall`: nothing is read any more; senders fill their buffers and wait.
 * - `refuse`: new connections are closed at once.
 */
export type ProxyMode = 'pass' | 'swallow' | 'stall' | 'refuse';

interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
  isSwallowed: boolean;
}

export class TcpProxy {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #target: () => number;
  #mode: ProxyMode = 'pass';
  #delayMs = 0;
  #alter: ((data: Buffer) => void) | null = null;
  #accepted = 0;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = () => target;
    server.on('connection', (client) => {
      this.#accept(client);
    });
  }

  /** @param target port on 127.0.0.1 */
  static async listen(target: number): Promise<TcpProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, target);
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  /** Connections open now. */
  get open(): number {
    return this.#links.size;
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  mode(mode: ProxyMode): void {
    this.#mode = mode;
    for (const link of this.#links) {
      if (mode === 'swallow') link.isSwallowed = true;
      for (const socket of [link.client, link.upstream]) {
        if (mode === 'stall') socket.pause();
        else socket.resume();
      }
    }
  }

  /** Every piece of data arrives this much later. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** What goes to clients passes through here first, piece by piece, and may be changed in place; null: it does not. */
  alter(change: ((data: Buffer) => void) | null): void {
    this.#alter = change;
  }

  /** Ends every connection with a reset. */
  cut(): void {
    this.cutSome(() => true);
  }

  /** Ends with a reset those connections that `isChosen` is true for. @returns how many */
  cutSome(isChosen: () => boolean): number {
    const chosen = [...this.#links].filter(isChosen);
    for (const { client, upstream } of chosen) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
    return chosen.length;
  }

  /** New connections go to another port on 127.0.0.1, or to the one that is chosen for each. */
  aim(target: number | (() => number)): void {
    this.#target = typeof target === 'number' ? () => target : target;
  }

  async close(): Promise<void> {
    this.cut();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    if (this.#mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(this.#target(), '127.0.0.1');
    const link: Link = { client, upstream, isSwallowed: this.#mode === 'swallow' };
    this.#links.add(link);
    this.#forward(link, client, upstream);
    this.#forward(link, upstream, client);
    if (this.#mode === 'stall') for (const socket of [client, upstream]) socket.pause();
  }

  #forward(link: Link, from: Socket, to: Socket): void {
    from.on('data', (data: Buffer) => {
      if (link.isSwallowed) return;
      if (to === link.client) this.#alter?.(data);
      if (this.#delayMs > 0) setTimeout(() => to.write(data), this.#delayMs);
      else if (!to.write(data)) from.pause();
    });
    to.on('drain', () => {
      if (this.#mode !== 'stall') from.resume();
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#links.delete(link);
      // A connection that is swallowed tells neither side that the other has gone.
      if (!link.isSwallowed) to.destroy();
    });
  }
}
