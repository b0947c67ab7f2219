/**
 * A small server that keeps the promises of docs/protocol.md which concern a returning client: history, `since`, state
 * on subscribe, server-sent events. In memory, one kind of event, on a free port of the loopback.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { bidUpdate } from './client-harness.ts';

interface Recorded {
  readonly eventId: string;
  readonly itemId: number;
  readonly text: string;
}

interface Peer {
  readonly items: Set<number>;
  send(text: string): void;
  end(code: number): void;
}

export interface RecoveringServerSetup {
  /** Events kept for recovery. Default: all. */
  readonly historyMax?: number;
  /** Answers plain requests, such as for a page; false: not its business. */
  readonly page?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export class RecoveringServer implements AsyncDisposable {
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #peers = new Set<Peer>();
  readonly #wires = new Set<Duplex>();
  readonly #bidCounts = new Map<number, number>();
  readonly #historyMax: number;
  #history: Recorded[] = [];
  #made = 0;
  /** False: upgrades are answered 403, as by a proxy that knows no WebSockets. */
  takesSockets = true;
  port = 0;
  /** Messages clients have sent, and the tokens they came with. */
  readonly received: Record<string, unknown>[] = [];
  readonly tokens: string[] = [];
  expiresInMs = 3_600_000;

  constructor({ historyMax = Infinity, page = () => false }: RecoveringServerSetup = {}) {
    this.#historyMax = historyMax;
    this.#http = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://localhost');
      if (url.pathname === '/events') this.#stream(url, request, response);
      else if (!page(request, response)) response.writeHead(404).end();
    });
    this.#http.on('connection', (wire) => {
      this.#wires.add(wire);
      wire.once('close', () => this.#wires.delete(wire));
    });
    this.#http.on('upgrade', (request, wire, head) => {
      if (!this.takesSockets) {
        wire.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
        return;
      }
      this.#sockets.handleUpgrade(request, wire, head, (socket) => {
        this.#greet(socket, request);
      });
    });
  }

  async listen(port = 0): Promise<this> {
    this.#http.listen(port, '127.0.0.1');
    await once(this.#http, 'listening');
    const address = this.#http.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    this.port = address.port;
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get connections(): number {
    return this.#peers.size;
  }

  /** A bid is committed: recorded and sent to the watchers. */
  bid(itemId: number): string {
    const bidCount = (this.#bidCounts.get(itemId) ?? 0) + 1;
    this.#bidCounts.set(itemId, bidCount);
    this.#made += 1;
    const eventId = `0-1-${this.#made}`;
    const text = JSON.stringify(bidUpdate(eventId, itemId, 10 + bidCount, bidCount));
    this.#history.push({ eventId, itemId, text });
    if (this.#history.length > this.#historyMax) this.#history.shift();
    for (const peer of this.#peers) if (peer.items.has(itemId)) peer.send(text);
    return eventId;
  }

  /** Says something to everybody. */
  say(message: object): void {
    for (const peer of this.#peers) peer.send(JSON.stringify(message));
  }

  /** Closes every connection with a code. */
  closeAll(code: number): void {
    for (const peer of [...this.#peers]) peer.end(code);
  }

  /** Tears every connection, as a network does. */
  cutAll(): void {
    for (const wire of this.#wires) wire.destroy();
  }

  /** Forgets the history, as a server without a warm start does. */
  forget(): void {
    this.#history = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll();
    this.#http.close();
    await once(this.#http, 'close');
  }

  #greet(socket: WebSocket, request: IncomingMessage): void {
    const protocols = request.headers['sec-websocket-protocol'] ?? '';
    this.tokens.push(/bearer\.([^,\s]+)/.exec(protocols)?.[1] ?? '');
    const peer: Peer = {
      items: new Set(),
      send: (text) => {
        socket.send(text);
      },
      end: (code) => {
        socket.close(code);
      },
    };
    this.#peers.add(peer);
    socket.on('close', () => this.#peers.delete(peer));
    socket.on('error', () => undefined);
    peer.send(this.#hello());
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as Record<string, unknown>;
      this.received.push(message);
      this.#answer(peer, message);
    });
  }

  #answer(peer: Peer, message: Record<string, unknown>): void {
    const itemIds = Array.isArray(message['itemIds']) ? message['itemIds'].map(Number) : [];
    const since = message['since'];
    switch (message['action']) {
      case 'ping':
        peer.send(JSON.stringify({ type: 'pong', serverTime: new Date().toISOString() }));
        return;
      case 'authenticate':
        this.tokens.push(String(message['token']));
        peer.send(JSON.stringify({ type: 'authenticated', expiresAt: this.#expiresAt() }));
        return;
      case 'unsubscribe':
        for (const itemId of itemIds) peer.items.delete(itemId);
        return;
      case 'subscribe':
        this.#subscribe(peer, itemIds, typeof since === 'string' ? since : null);
        return;
      default:
        throw new Error(`unknown action ${String(message['action'])}`);
    }
  }

  #subscribe(peer: Peer, itemIds: readonly number[], since: string | null): void {
    const at = this.#history.findIndex(({ eventId }) => eventId === since);
    for (const itemId of itemIds) {
      peer.items.add(itemId);
      const bidCount = this.#bidCounts.get(itemId) ?? 0;
      peer.send(
        JSON.stringify({
          type: 'subscribed',
          itemId,
          state: {
            status: 'active',
            currentPrice: 10 + bidCount,
            bidCount,
            highestBidderId: bidCount > 0 ? 8 : null,
            endTime: new Date(Date.now() + 60_000).toISOString(),
            reserveMet: null,
          },
          serverTime: new Date().toISOString(),
          lastEventId: this.#history.at(-1)?.eventId ?? null,
          ...(since !== null && { recovered: at >= 0 }),
        }),
      );
    }
    if (at < 0) return;
    for (const { itemId, text } of this.#history.slice(at + 1)) {
      if (itemIds.includes(itemId)) peer.send(text);
    }
  }

  #stream(url: URL, request: IncomingMessage, response: ServerResponse): void {
    this.tokens.push((request.headers.authorization ?? '').replace('Bearer ', ''));
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    const peer: Peer = {
      items: new Set(),
      send: (text) => {
        const { eventId } = JSON.parse(text) as { eventId?: string };
        response.write(`${eventId === undefined ? '' : `id: ${eventId}\n`}data: ${text}\n\n`);
      },
      end: (code) => {
        response.end(`data: ${JSON.stringify({ type: 'close', code })}\n\n`);
      },
    };
    this.#peers.add(peer);
    response.on('close', () => this.#peers.delete(peer));
    response.write(': welcome\n\n');
    peer.send(this.#hello());
    const since = request.headers['last-event-id'];
    const itemIds = (url.searchParams.get('items') ?? '').split(',').filter((it) => it !== '');
    this.#subscribe(peer, itemIds.map(Number), typeof since === 'string' ? since : null);
  }

  #hello(): string {
    return JSON.stringify({
      type: 'hello',
      userId: 1,
      serverTime: new Date().toISOString(),
      heartbeatSeconds: 25,
      expiresAt: this.#expiresAt(),
      limits: { subscriptions: 200, messageBytes: 16_384, messagesPerSecond: 20 },
      lastEventId: this.#history.at(-1)?.eventId ?? null,
    });
  }

  #expiresAt(): string {
    return new Date(Date.now() + this.expiresInMs).toISOString();
  }
}
