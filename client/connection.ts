/**
 * Keeps one link to the server for as long as the state machine says: token, opening, heartbeat, backoff, network and
 * visibility, the choice between WebSocket and server-sent events. What the messages mean is its owner's business.
 */
import { Alarm } from './alarm.ts';
import type { ConnectionStatus, ConnectOptions, Reason } from './connection-status.ts';
import type { Environment, Socket } from './environment.ts';
import { openLink } from './link.ts';
import { afterClose, backoffMs, nextState, type Signal } from './reconnect.ts';
import { ServerClock } from './server-clock.ts';
import { TokenRequest } from './token-request.ts';
import { parseServerMessage, type ControlMessage, type ServerMessage } from './wire.ts';

/** What the owner is asked and told. */
export interface ConnectionOwner {
  /** Position for `since`, and the items for a transport that cannot subscribe. */
  resume(): { readonly since: string | null; readonly itemIds: readonly (number | string)[] };
  opened(hello: Hello): void;
  received(message: ServerMessage): void;
  /** Continuity is lost: forget positions and states. */
  dropState(): void;
  changed(status: ConnectionStatus): void;
}

export type Hello = Extract<ControlMessage, { type: 'hello' }>;

const TOKEN_TIMEOUT_MS = 30_000;
const OPEN_TIMEOUT_MS = 10_000;
const PONG_TIMEOUT_MS = 10_000;
const HIDDEN_PAUSE_MS = 300_000;
/** A link that held this long starts the backoff afresh. */
const STABLE_MS = 5_000;
const RENEW_AHEAD_MS = 60_000;
const RENEW_PAUSE_MS = 1_000;
const RENEW_RETRY_MS = 10_000;
/** WebSockets in a row that do not open before events are streamed instead. */
const SOCKET_FAILURES_MAX = 2;
/** The same where one has opened before: then it is more likely that the server is away than that a network blocks. */
const SOCKET_FAILURES_PROVEN_MAX = 6;
const REOPEN_WAIT_MS = 200;

export class Connection {
  readonly clock: ServerClock;
  readonly #options: ConnectOptions;
  readonly #environment: Environment;
  readonly #owner: ConnectionOwner;
  readonly #retry: Alarm;
  readonly #watchdog: Alarm;
  readonly #refresh: Alarm;
  readonly #hidden: Alarm;
  readonly #tokenRequest: TokenRequest;
  #status: ConnectionStatus;
  #stopListening: () => void = () => undefined;
  #socket: Socket | null = null;
  #token: string | null = null;
  #expiresAtMs = Infinity;
  #openedAtMs = Infinity;
  #failures = 0;
  /** WebSockets in a row that never opened. */
  #socketFailures = 0;
  #socketFailuresMax = SOCKET_FAILURES_MAX;
  #waitMs = 0;
  #reconnectAfterMs = 0;
  #heartbeatMs = 0;
  #isSilent = false;
  #isPaused = false;

  constructor(options: ConnectOptions, environment: Environment, owner: ConnectionOwner) {
    this.#options = options;
    this.#environment = environment;
    this.#owner = owner;
    this.clock = new ServerClock(() => environment.now());
    this.#retry = new Alarm(environment);
    this.#watchdog = new Alarm(environment);
    this.#refresh = new Alarm(environment);
    this.#hidden = new Alarm(environment);
    this.#tokenRequest = new TokenRequest(() => options.getToken());
    this.#status = {
      type: 'connection',
      state: 'connecting',
      reason: 'started',
      code: null,
      transport: 'websocket',
    };
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  /** True once the server has said hello on the present link. */
  get isOpen(): boolean {
    return this.#status.state === 'live' || this.#status.state === 'degraded';
  }

  /** To be called once, when the owner is ready to be called. */
  start(): void {
    this.#stopListening = this.#environment.onChange(() => {
      this.#lookAround();
    });
    this.#lookAround();
    if (this.#status.state === 'connecting') this.#dial();
  }

  /** Ends it for good; nothing is left behind. */
  close(): void {
    this.#signal('close', 'closed');
  }

  send(message: object): void {
    this.#socket?.send(JSON.stringify(message));
  }

  /** Opens the link anew shortly, because the items asked for have changed and the transport cannot say so. */
  reopen(): void {
    this.#waitMs = REOPEN_WAIT_MS;
    this.#signal('lost', 'items');
  }

  #signal(signal: Signal, reason: Reason, code: number | null = null): void {
    const before = this.#status.state;
    const state = nextState(before, signal);
    if (state === before) return;
    this.#status = { ...this.#status, state, reason, code };
    if (state === 'connecting') this.#dial();
    else if (!this.isOpen) this.#hangUp();
    if (state === 'reconnecting') {
      this.#retry.set(this.#waitMs, () => {
        this.#signal('due', 'retry');
      });
    }
    if (state === 'stopped') {
      this.#stopListening();
      this.#hidden.clear();
    }
    this.#owner.changed(this.#status);
  }

  #hangUp(): void {
    this.#socket?.close();
    this.#socket = null;
    this.#tokenRequest.cancel();
    for (const alarm of [this.#retry, this.#watchdog, this.#refresh]) alarm.clear();
  }

  #dial(): void {
    this.#hangUp();
    this.#openedAtMs = Infinity;
    if (this.clock.now() > this.#expiresAtMs) this.#token = null;
    if (this.#token !== null) {
      this.#open(this.#token);
      return;
    }
    this.#watchdog.set(TOKEN_TIMEOUT_MS, () => {
      this.#lost('token_failed');
    });
    this.#askToken(
      (token) => {
        this.#open(token);
      },
      () => {
        this.#lost('token_failed');
      },
    );
  }

  #askToken(take: (token: string) => void, fail: () => void): void {
    this.#tokenRequest.ask((token) => {
      this.#token = token;
      if (token === null) this.#signal('refused', 'signed_out');
      else take(token);
    }, fail);
  }

  #open(token: string): void {
    const isStream = this.#isBlocked();
    this.#status = { ...this.#status, transport: isStream ? 'sse' : 'websocket' };
    this.#watchdog.set(OPEN_TIMEOUT_MS, () => {
      this.#lost('timeout');
    });
    const listeners = {
      message: (text: string) => {
        this.#received(text);
      },
      closed: (code: number) => {
        this.#lost('server_closed', code);
      },
      keepalive: () => {
        this.#isSilent = false;
      },
    };
    try {
      const resume = this.#owner.resume();
      this.#socket = openLink(this.#environment, this.#options, {
        ...resume,
        token,
        isStream,
        listeners,
      });
    } catch {
      // A malformed token or URL: the browser throws before it connects.
      this.#lost('timeout');
    }
  }

  #lost(reason: Reason, code = 1006): void {
    const after = afterClose(code);
    const { state, transport } = this.#status;
    let isSwitch = false;
    if (after.newToken) this.#token = null;
    if (after.dropState) this.#owner.dropState();
    if (transport === 'sse') this.#socketFailures = this.#socketFailuresMax - 1;
    else if (this.#openedAtMs < Infinity || code !== 1006) {
      this.#socketFailures = 0;
      this.#socketFailuresMax = SOCKET_FAILURES_PROVEN_MAX;
    } else if (reason !== 'token_failed' && state === 'connecting') {
      this.#socketFailures += 1;
      // Streams have not failed yet: they are not made to wait for the failures of WebSockets.
      isSwitch = this.#isBlocked();
    }
    if (this.#environment.now() - this.#openedAtMs >= STABLE_MS) this.#failures = 0;
    const jitterMs = backoffMs(isSwitch ? 0 : this.#failures, this.#environment.random());
    this.#waitMs = Math.max(after.waitMs, this.#reconnectAfterMs) + jitterMs;
    this.#reconnectAfterMs = 0;
    if (!isSwitch) this.#failures += 1;
    this.#signal(after.stop ? 'refused' : 'lost', reason, reason === 'server_closed' ? code : null);
  }

  /** WebSockets do not seem to come through: events are to be streamed. */
  #isBlocked(): boolean {
    return this.#socketFailures >= this.#socketFailuresMax && this.#options.eventsUrl !== false;
  }

  #received(text: string): void {
    this.#isSilent = false;
    const message = parseServerMessage(text);
    if (message === null) return;
    if ('serverTime' in message) {
      if (message.type === 'hello') this.clock.reset();
      this.clock.sample(message.serverTime);
    }
    if (message.type === 'hello') this.#opened(message);
    else if ('expiresAt' in message) this.#expiresAt(message.expiresAt);
    else if (message.type === 'reconnect') this.#reconnectAfterMs = message.afterMs;
    else if (message.type === 'degraded') this.#signal('behind', 'feed');
    else if (message.type === 'restored') this.#signal('caughtUp', 'feed');
    else this.#owner.received(message);
  }

  #opened(hello: Hello): void {
    this.#openedAtMs = this.#environment.now();
    this.#heartbeatMs = hello.heartbeatSeconds * 1000;
    this.#watch();
    this.#expiresAt(hello.expiresAt);
    this.#signal('opened', 'opened');
    this.#owner.opened(hello);
  }

  /** Looks once a heartbeat whether anything was heard; after a silent one asks, and gives up without an answer. */
  #watch(): void {
    this.#isSilent = true;
    this.#watchdog.set(this.#heartbeatMs, () => {
      if (this.#isSilent) this.#probe();
      else this.#watch();
    });
  }

  #probe(): void {
    this.#isSilent = true;
    this.send({ action: 'ping' });
    this.#watchdog.set(PONG_TIMEOUT_MS, () => {
      if (this.#isSilent) this.#lost('silent');
      else this.#watch();
    });
  }

  /**
   * Plans the renewal a minute ahead, or half the time that is left. Not at once when the server says `token_expiring`:
   * with tokens that live for less than its notice that would never end.
   */
  #expiresAt(time: string): void {
    this.#expiresAtMs = Date.parse(time);
    const leftMs = this.#expiresAtMs - this.clock.now();
    // A stream cannot take a new token: it is cut with 4001 and opened again with one.
    if (this.#status.transport === 'sse') return;
    const aheadMs = Math.min(RENEW_AHEAD_MS, leftMs / 2);
    this.#refresh.set(Math.max(RENEW_PAUSE_MS, leftMs - aheadMs) || Infinity, () => {
      this.#renew();
    });
  }

  #renew(): void {
    this.#askToken(
      (token) => {
        this.send({ action: 'authenticate', token });
      },
      () => {
        this.#refresh.set(RENEW_RETRY_MS, () => {
          this.#renew();
        });
      },
    );
  }

  #lookAround(): void {
    const isHidden = this.#environment.isHidden();
    const { hiddenPauseMs = HIDDEN_PAUSE_MS } = this.#options;
    if (!isHidden) {
      this.#hidden.clear();
      this.#isPaused = false;
    } else if (!this.#hidden.isSet && hiddenPauseMs < Infinity) {
      this.#hidden.set(hiddenPauseMs, () => {
        this.#isPaused = true;
        this.#lookAround();
      });
    }
    if (!this.#environment.isOnline()) {
      // The next network may be one that blocks.
      this.#socketFailuresMax = SOCKET_FAILURES_MAX;
      this.#signal('sleep', 'network');
    } else if (this.#isPaused) this.#signal('sleep', 'hidden');
    else if (!isHidden || this.#status.state === 'offline') {
      this.#signal('wake', 'returned');
      // Whoever was away may hold a link that died unnoticed.
      if (this.isOpen && this.#status.transport === 'websocket') this.#probe();
    }
  }
}
