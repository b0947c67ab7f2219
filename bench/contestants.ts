/**
 * The servers that are compared, each behind the same few questions. Ours is the whole gateway as it ships, with a book in
 * memory in place of a database; the others are what their users would write.
 */
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { Server as SocketIoServer } from 'socket.io';
import { WebSocketServer } from 'ws';

import { textFrame } from '../server/frame.ts';
import { createGateway } from '../server/gateway.ts';
import { WorkerPool } from '../server/workers/worker-pool.ts';
import { holdYoungGeneration } from '../server/young-generation.ts';
import type { Gateway } from '../server/gateway-options.ts';
import { encodeEvent } from '../src/protocol/event-message.ts';
import { OPTIONS } from '../test/server/support/gateway-harness.ts';
import { MemoryReads } from '../test/server/support/memory-reads.ts';
import { Bids, ENCODING, nameOf } from './bench-events.ts';
import { SILENT_LOG } from './silent-log.ts';

/**
 * - `net`: bare sockets, no WebSocket at all: one frame built beforehand is written to each. The floor.
 * - `ws`: `socket.send(text)` for each client.
 * - `socket.io`: `io.to(room).emit(name, object)`.
 * - `gavelcast`: `gateway.publish(event)`.
 */
export type Kind = 'net' | 'ws' | 'socket.io' | 'gavelcast';

export interface Contestant {
  /** Starts to listen on a free port of the loopback. @param topics items that can be watched: 1 to this */
  listen(topics: number): Promise<number>;
  /** Sends one event of 200 bytes to everyone who watches a topic; bare sockets and `ws` know one topic only. */
  publish(topic: number): void;
  /** Deliveries written to sockets since the start; absent where all are when `publish` returns. */
  readonly written?: number;
  /** Connections that are open. */
  readonly size: number;
  /** Its processes beside this one. */
  readonly workers?: readonly { readonly pid: number | null; readonly connections: number }[];
}

export interface ContestantOptions {
  /** Ours: processes that hold the sockets. Default: 0, one process does everything. */
  readonly workers?: number;
  /** Ours: clients are pinged as where it runs; false: once in ten minutes. Default: true. */
  readonly heartbeats?: boolean;
}

export function createContestant(kind: Kind, options: ContestantOptions = {}): Contestant {
  switch (kind) {
    case 'net':
      return new BareSockets();
    case 'ws':
      return new BareWs();
    case 'socket.io':
      return new SocketIo();
    case 'gavelcast':
      return new Gavelcast(options);
  }
}

/** The text that ours sends for an event: the others send the same. */
function eventText(): string {
  return encodeEvent(new Bids().next(1), ENCODING).json;
}

class BareSockets implements Contestant {
  readonly #sockets = new Set<Socket>();
  readonly #frame = textFrame(eventText());

  get size(): number {
    return this.#sockets.size;
  }

  listen(): Promise<number> {
    const server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on('error', ignore);
      socket.on('close', () => this.#sockets.delete(socket));
      // The request of a client that takes us for a WebSocket server, or nothing at all.
      socket.resume();
    });
    return listening(server);
  }

  publish(): void {
    for (const socket of this.#sockets) socket.write(this.#frame);
  }
}

class BareWs implements Contestant {
  readonly #http = createHttpServer();
  readonly #server = new WebSocketServer({ server: this.#http, perMessageDeflate: false });
  readonly #text = eventText();

  get size(): number {
    return this.#server.clients.size;
  }

  listen(): Promise<number> {
    this.#server.on('connection', (client) => {
      client.on('error', ignore);
    });
    return listening(this.#http);
  }

  publish(): void {
    for (const client of this.#server.clients) client.send(this.#text);
  }
}

class SocketIo implements Contestant {
  readonly #http = createHttpServer();
  /** Without its heartbeat, which only adds to its cost. */
  readonly #io = new SocketIoServer(this.#http, {
    transports: ['websocket'],
    serveClient: false,
    pingInterval: 3_600_000,
  });
  readonly #event: unknown = JSON.parse(eventText());

  get size(): number {
    return this.#io.engine.clientsCount;
  }

  listen(): Promise<number> {
    this.#io.on('connection', (socket) => {
      socket.on('subscribe', (topics: readonly number[], done: () => void) => {
        void socket.join(topics.map(roomOf));
        done();
      });
    });
    return listening(this.#http);
  }

  publish(topic: number): void {
    this.#io.to(roomOf(topic)).emit('bid_update', this.#event);
  }
}

class Gavelcast implements Contestant {
  readonly #reads = new MemoryReads();
  readonly #bids = new Bids();
  readonly #gateway: Gateway;
  readonly #pool: WorkerPool | null;

  constructor({ workers = 0, heartbeats = true }: ContestantOptions) {
    // As `gavelcast serve` does.
    holdYoungGeneration();
    const options = {
      ...OPTIONS,
      host: ANY_ADDRESS,
      connectionsMax: 1_000_000,
      connectionsPerUserMax: 50,
      handshakesMax: 1_000_000,
      ...(!heartbeats && { heartbeatIntervalMs: 600_000 }),
      addressLimits: {
        ...OPTIONS.addressLimits,
        connectionsMax: 1_000_000,
        newPerSecondMax: 1_000_000,
      },
    };
    const deps = { log: SILENT_LOG, now: Date.now, reads: this.#reads, clockOffsetMs: () => 0 };
    const forWorkers = { ...deps, zoneName: () => 'UTC', random: Math.random };
    this.#pool = workers === 0 ? null : new WorkerPool(options, workers, forWorkers);
    this.#gateway = this.#pool ?? createGateway(options, deps);
  }

  get workers(): ReturnType<WorkerPool['workers']> {
    return this.#pool?.workers() ?? [];
  }

  get size(): number {
    return this.#gateway.stats().connectionsOpen;
  }

  get written(): number {
    return this.#gateway.stats().framesDelivered;
  }

  async listen(topics: number): Promise<number> {
    for (let itemId = 1; itemId <= topics; itemId += 1) this.#reads.list(itemId);
    const { port } = await this.#gateway.listen();
    return port;
  }

  publish(topic: number): void {
    this.#gateway.publish({ events: [this.#bids.next(topic)], nameOf, committedAtMs: Date.now() });
  }
}

/** Clients dial many addresses of the loopback. */
const ANY_ADDRESS = '0.0.0.0';
/** A reconnect storm arrives in one moment; ours asks for the same backlog. */
const ACCEPT_BACKLOG = 4096;

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen({ port: 0, host: ANY_ADDRESS, backlog: ACCEPT_BACKLOG }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

function roomOf(topic: number): string {
  return `item:${topic}`;
}

/** A client that resets is gone, and `close` follows. */
function ignore(): void {
  // Nothing to add.
}
