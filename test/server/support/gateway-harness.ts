/**
 * A gateway on a free port of the loopback, clients of it, and events to publish.
 */
import { once } from 'node:events';
import jwt from 'jsonwebtoken';
import { WebSocket, type ClientOptions } from 'ws';
import { createGateway } from '../../../server/gateway.ts';
import type { Gateway, GatewayOptions } from '../../../server/gateway-options.ts';
import type { DomainEvent } from '../../../src/auction/domain-event.ts';
import type { UserId } from '../../../src/auction/ids.ts';
import type { Log, FeedState } from '../../../src/ports.ts';
import { portalTokenRules } from '../../../src/token-rules.ts';
import { PATIENCE_MS, until } from '../../support/until.ts';
import { MemoryReads } from './memory-reads.ts';

export const SECRET = 'a-secret-of-the-portal-that-is-long-enough';

export const OPTIONS: GatewayOptions = {
  host: '127.0.0.1',
  port: 0,
  reusePort: false,
  inheritedFd: null,
  path: null,
  jwt: portalTokenRules(SECRET),
  heartbeatIntervalMs: 25_000,
  authenticateWithinMs: 10_000,
  handshakeWithinMs: 10_000,
  messageBytesMax: 16_384,
  subscriptionsMax: 200,
  messagesPerSecondMax: 20,
  messageBurstMax: 200,
  connectionsMax: 20_000,
  slowLimits: { unsentBytesMax: 65_536, owedBytesMax: 1_048_576, stalledMsMax: 10_000 },
  history: { eventsMax: 200_000, bytesMax: 67_108_864, ageMaxMs: 600_000 },
  drainMs: 3000,
  bidderNames: 'full',
  legacyTimesZone: null,
  allowedOrigins: null,
  originRequired: false,
  allowedHosts: null,
  fragmentsMax: 256,
  connectionsPerUserMax: 20_000,
  handshakesMax: 20_000,
  addressLimits: {
    connectionsMax: 20_000,
    newPerSecondMax: 20_000,
    failuresMax: 20_000,
    delayMaxMs: 60_000,
  },
  trustedProxies: [],
  upcomingIsPublic: false,
  requireKnownUser: false,
  tls: null,
};

export interface TokenSetup {
  readonly userId?: number;
  readonly expiresAtMs?: number;
  readonly secret?: string;
  readonly claims?: object;
}

export function mint(setup: TokenSetup = {}): string {
  const { userId = 1, expiresAtMs = Date.now() + 3_600_000, secret = SECRET, claims = {} } = setup;
  return jwt.sign({ userId, exp: Math.floor(expiresAtMs / 1000), ...claims }, secret);
}

export interface ClientSetup extends TokenSetup {
  /** Asks for protocol v2 by subprotocol. */
  readonly v2?: boolean;
  /** The request target; by default the token in the query. */
  readonly target?: string;
  readonly protocols?: readonly string[];
  readonly options?: ClientOptions;
}

/** Everything the server says to one client. */
export class TestClient {
  readonly socket: WebSocket;
  readonly texts: string[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => this.texts.push(data.toString('utf8')));
    socket.on('error', () => {
      // The close code tells.
    });
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
  }

  get messages(): Record<string, unknown>[] {
    return this.texts.map((text) => JSON.parse(text) as Record<string, unknown>);
  }

  get types(): unknown[] {
    return this.messages.map((message) => message['type']);
  }

  say(message: object | string): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Waits until the server has said `count` things in all, and returns them. */
  async heard(count: number): Promise<Record<string, unknown>[]> {
    await until(() => this.texts.length >= count, {
      everyMs: 2,
      what: () => `${count} messages; heard ${this.texts.join(' ')}`,
    });
    return this.messages;
  }

  /** Says something and returns the next thing heard. */
  async ask(message: object | string): Promise<Record<string, unknown>> {
    const before = this.texts.length;
    this.say(message);
    const messages = await this.heard(before + 1);
    return messages[before] ?? {};
  }

  /** Everything said before now has been answered once this returns; the pong itself is taken out again. */
  async settle(): Promise<void> {
    const before = this.texts.filter((text) => text.startsWith('{"type":"pong"')).length;
    this.say({ action: 'ping' });
    await until(
      () => this.texts.filter((text) => text.startsWith('{"type":"pong"')).length > before,
      { everyMs: 2, what: 'a pong' },
    );
    const at = this.texts.findLastIndex((text) => text.startsWith('{"type":"pong"'));
    this.texts.splice(at, 1);
  }

  async closeCode(withinMs = PATIENCE_MS): Promise<number> {
    const closed = await until(() => this.closed, { everyMs: 2, withinMs, what: 'a close' });
    return closed.code;
  }

  async leave(): Promise<void> {
    if (this.closed !== null) return;
    this.socket.close();
    await this.closeCode();
  }
}

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly fields: object;
}

export class GatewayHarness implements AsyncDisposable {
  readonly reads: MemoryReads;
  readonly gateway: Gateway;
  readonly logged: LogLine[];
  /** Added to the gateway's clock. */
  skewMs = 0;
  /** Epoch ms at which the gateway's clock stands still; null while it goes. */
  #stoppedAtMs: number | null = null;
  port = 0;

  /** Not listening yet. */
  constructor(options: Partial<GatewayOptions> = {}, feed?: FeedState) {
    this.reads = new MemoryReads();
    if (feed !== undefined) this.reads.feed = feed;
    this.logged = [];
    this.gateway = createGateway(
      { ...OPTIONS, ...options },
      {
        log: keepLog(this.logged),
        now: () => this.nowMs,
        reads: this.reads,
        clockOffsetMs: () => 0,
      },
    );
  }

  /** @param feed where the feed stands at first; default: streaming */
  static async start(
    options: Partial<GatewayOptions> = {},
    feed?: FeedState,
  ): Promise<GatewayHarness> {
    const harness = new GatewayHarness(options, feed);
    harness.port = (await harness.gateway.listen()).port;
    return harness;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway.stop();
  }

  /** What the gateway's clock says. */
  get nowMs(): number {
    return (this.#stoppedAtMs ?? Date.now()) + this.skewMs;
  }

  /** From here on the gateway's clock goes on by `skewMs` alone, however long the machine takes. */
  stopClock(): void {
    this.#stoppedAtMs = Date.now();
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** A connected client; a v2 one has got its `hello`, which is taken out of what it heard. */
  async client(setup: ClientSetup = {}): Promise<TestClient> {
    const client = this.dial(setup);
    await once(client.socket, 'open');
    if (setup.v2 === true) {
      await client.heard(1);
      expectHello(client.messages[0]);
      client.texts.shift();
    } else {
      // Live: the answer comes after the standing is known.
      await client.settle();
    }
    return client;
  }

  /** A client that is connecting. */
  dial(setup: ClientSetup = {}): TestClient {
    const target = setup.target ?? `/?token=${mint(setup)}`;
    const protocols = setup.protocols ?? (setup.v2 === true ? ['gavelcast.v2'] : []);
    const url = `ws://127.0.0.1:${this.port}${target}`;
    return new TestClient(new WebSocket(url, [...protocols], setup.options));
  }

  publish(...events: DomainEvent[]): void {
    this.gateway.publish({ events, nameOf, committedAtMs: Date.now() });
  }

  /** Waits until the server holds no connection. */
  async empty(): Promise<void> {
    await until(() => this.gateway.stats().connectionsOpen === 0, {
      everyMs: 2,
      what: 'all connections to be gone',
    });
  }
}

function expectHello(message: Record<string, unknown> | undefined): void {
  if (message?.['type'] !== 'hello') throw new Error(`no hello but ${JSON.stringify(message)}`);
}

/** User 7 is `User 7`. */
function nameOf(userId: UserId): string {
  return `User ${userId}`;
}

/** A log that keeps its lines, of children too, in `lines`. */
export function keepLog(lines: LogLine[]): Log {
  const at =
    (level: string) =>
    (fields: object, event: string): void => {
      lines.push({ level, event, fields });
    };
  const log: Log = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    child: () => log,
  };
  return log;
}
