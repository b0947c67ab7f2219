/**
 * A browser under the test's thumb: time passes when told, sockets open and fall when told, nothing is hidden.
 */
import type { Environment, SocketListeners, TimerId } from '../../../client/environment.ts';

/** A socket the SDK opened, seen from the server's end. */
export class FakeSocket {
  readonly url: URL;
  readonly protocols: readonly string[];
  readonly sent: Record<string, unknown>[] = [];
  isClosed = false;
  readonly #listeners: SocketListeners;

  constructor(url: string, protocols: readonly string[], listeners: SocketListeners) {
    this.url = new URL(url);
    this.protocols = protocols;
    this.#listeners = listeners;
  }

  /** The server says something. */
  say(message: object): void {
    if (!this.isClosed) this.#listeners.message(JSON.stringify(message));
  }

  /** The server closes, or the network does (1006). */
  fall(code = 1006): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#listeners.closed(code);
  }

  take(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  /** Messages of one action, in the order they were sent. */
  actions(action: string): Record<string, unknown>[] {
    return this.sent.filter((message) => message['action'] === action);
  }
}

interface FakeTimer {
  readonly id: TimerId;
  readonly atMs: number;
  readonly callback: () => void;
}

/** Lets everything that waits for a promise run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

export class FakeEnvironment implements Environment {
  readonly baseUrl = undefined;
  readonly sockets: FakeSocket[] = [];
  readonly #timers = new Set<FakeTimer>();
  readonly #listeners = new Set<() => void>();
  nowMs = Date.UTC(2026, 1, 1, 10);
  chance = 0.5;
  online = true;
  hidden = false;
  /** Whether the server's end answers pings by itself. */
  answersPings = false;
  /** What `fetch` answers; by default the network fails. */
  answer: typeof fetch = () => Promise.reject(new TypeError('no network'));
  readonly fetch: typeof fetch = (...request) => this.answer(...request);

  openSocket(url: string, protocols: string[], listeners: SocketListeners): FakeEnvironmentSocket {
    const socket = new FakeSocket(url, protocols, listeners);
    this.sockets.push(socket);
    return {
      send: (text) => {
        if (socket.isClosed) return;
        socket.take(text);
        if (this.answersPings && text.includes('"ping"')) {
          const serverTime = new Date(this.nowMs).toISOString();
          queueMicrotask(() => {
            socket.say({ type: 'pong', serverTime });
          });
        }
      },
      close: () => {
        socket.isClosed = true;
      },
    };
  }

  now(): number {
    return this.nowMs;
  }

  random(): number {
    return this.chance;
  }

  setTimeout(callback: () => void, ms: number): TimerId {
    // A real id, of a timer that never fires: only its identity is used.
    const id = setTimeout(() => undefined, 0);
    clearTimeout(id);
    this.#timers.add({ id, atMs: this.nowMs + ms, callback });
    return id;
  }

  clearTimeout(timer: TimerId): void {
    for (const it of this.#timers) if (it.id === timer) this.#timers.delete(it);
  }

  isOnline(): boolean {
    return this.online;
  }

  isHidden(): boolean {
    return this.hidden;
  }

  onChange(callback: () => void): () => void {
    this.#listeners.add(callback);
    return () => {
      this.#listeners.delete(callback);
    };
  }

  /** Timers and listeners the SDK has left. */
  get leftovers(): {
    readonly timers: number;
    readonly listeners: number;
    readonly sockets: number;
  } {
    return {
      timers: this.#timers.size,
      listeners: this.#listeners.size,
      sockets: this.sockets.filter((socket) => !socket.isClosed).length,
    };
  }

  /** Changes what the page says of network and visibility. */
  change(to: { readonly online?: boolean; readonly hidden?: boolean }): void {
    this.online = to.online ?? this.online;
    this.hidden = to.hidden ?? this.hidden;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Lets time pass, timer by timer. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    await settle();
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.delete(next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.callback();
      await settle();
    }
    this.nowMs = untilMs;
  }

  /** Ms until the timer that fires first; null without timers. */
  get nextTimerInMs(): number | null {
    const times = [...this.#timers].map((timer) => timer.atMs);
    return times.length === 0 ? null : Math.min(...times) - this.nowMs;
  }

  /** The socket opened last. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('no socket was opened');
    return socket;
  }
}

type FakeEnvironmentSocket = ReturnType<Environment['openSocket']>;
