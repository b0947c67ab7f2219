/**
 * The page's WebSocket: connects, subscribes, comes back by itself and says where it stands. All socket code of the
 * page is in this file.
 *
 * After a cut it waits a random time below a limit that doubles (full jitter, 0.5 s to 20 s), names the last event it
 * saw (`since`) and drops events it was already given. Close codes 4500 to 4999 mean: do not come back.
 */
import { parseFrame, type Frame, type ServerMessage } from './wire.ts';

export type LiveState = 'connecting' | 'live' | 'reconnecting' | 'degraded' | 'refused';

export interface LiveOptions {
  /** `ws://host:port/`, without a query. */
  readonly url: string;
  readonly token: string;
  readonly onState: (state: LiveState) => void;
  readonly onMessage: (message: ServerMessage) => void;
}

const DELAY_MIN_MS = 500;
const DELAY_MAX_MS = 20_000;
const PING_EVERY_MS = 10_000;
/** Silent for two and a half pings: the network is gone though no close has come. */
const SILENCE_MAX_MS = 25_000;
const SEEN_EVENTS_MAX = 4096;

export class LiveConnection {
  readonly #options: LiveOptions;
  readonly #itemIds = new Set<number>();
  readonly #seen = new Set<string>();
  #socket: WebSocket | null = null;
  #since: string | null = null;
  #attempt = 0;
  #afterMs: number | null = null;
  #heardAt = 0;
  #pingedAt = 0;
  /** Server clock minus ours, from the quickest answer of the last while: the one with the least room for error. */
  #clock = { offsetMs: 0, roundTripMs: Infinity };

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  /** Opens the first connection; later ones follow by themselves. */
  start(): void {
    this.#connect();
    setInterval(() => {
      this.#keepAlive();
    }, PING_EVERY_MS);
  }

  /** Watches these items, now and after every reconnect. */
  subscribe(itemIds: readonly number[]): void {
    const fresh = itemIds.filter((itemId) => !this.#itemIds.has(itemId));
    for (const itemId of fresh) this.#itemIds.add(itemId);
    if (fresh.length > 0) this.#send({ action: 'subscribe', itemIds: fresh });
  }

  unsubscribe(itemId: number): void {
    if (this.#itemIds.delete(itemId)) this.#send({ action: 'unsubscribe', itemId });
  }

  /** Epoch ms by the server's clock. */
  serverNow(): number {
    return Date.now() + this.#clock.offsetMs;
  }

  #connect(): void {
    this.#options.onState(this.#attempt === 0 ? 'connecting' : 'reconnecting');
    const url = new URL(this.#options.url);
    url.searchParams.set('token', this.#options.token);
    if (this.#since !== null) url.searchParams.set('since', this.#since);
    const socket = new WebSocket(url, ['gavelcast.v2']);
    this.#socket = socket;
    this.#clock.roundTripMs = Infinity;
    this.#heardAt = Date.now();
    this.#pingedAt = Date.now();
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      this.#heardAt = Date.now();
      const frame = typeof data === 'string' ? parseFrame(data) : null;
      if (frame !== null) this.#receive(frame);
    };
    socket.onclose = ({ code }) => {
      if (this.#socket === socket) this.#closed(code);
    };
  }

  #receive({ message, eventId }: Frame): void {
    if (eventId !== null && !this.#isNew(eventId)) return;
    if (message.type === 'hello') this.#opened(message.serverTimeMs);
    if (message.type === 'pong' && message.serverTimeMs !== null) {
      this.#learnClock(message.serverTimeMs);
    }
    if (message.type === 'degraded') this.#options.onState('degraded');
    if (message.type === 'restored') this.#options.onState('live');
    if (message.type === 'reconnect') this.#afterMs = message.afterMs;
    this.#options.onMessage(message);
  }

  #opened(serverTimeMs: number): void {
    this.#attempt = 0;
    this.#learnClock(serverTimeMs);
    this.#options.onState('live');
    if (this.#itemIds.size > 0) {
      const since = this.#since === null ? {} : { since: this.#since };
      this.#send({ action: 'subscribe', itemIds: [...this.#itemIds], ...since });
    }
    this.#ping();
  }

  #closed(code: number): void {
    this.#socket = null;
    if (code >= 4500 && code < 5000) {
      this.#options.onState('refused');
      return;
    }
    this.#attempt += 1;
    this.#options.onState('reconnecting');
    const limit = Math.min(DELAY_MAX_MS, DELAY_MIN_MS * 2 ** Math.min(this.#attempt, 10));
    const delay = this.#afterMs ?? Math.random() * limit;
    this.#afterMs = null;
    setTimeout(() => {
      this.#connect();
    }, delay);
  }

  #keepAlive(): void {
    const socket = this.#socket;
    if (socket === null) return;
    if (Date.now() - this.#heardAt <= SILENCE_MAX_MS) {
      this.#ping();
      return;
    }
    socket.onmessage = null;
    socket.close();
    this.#closed(1006); // a dead network never answers the close, so its event is not waited for
  }

  #ping(): void {
    this.#pingedAt = Date.now();
    this.#send({ action: 'ping' });
  }

  #learnClock(serverTimeMs: number): void {
    const now = Date.now();
    const roundTripMs = now - this.#pingedAt;
    if (roundTripMs > this.#clock.roundTripMs) return;
    this.#clock = { offsetMs: serverTimeMs - (now - roundTripMs / 2), roundTripMs };
  }

  /** Remembers the event; ephemeral ones (`~`) are no place in the stream and move no position. */
  #isNew(eventId: string): boolean {
    if (this.#seen.has(eventId)) return false;
    this.#seen.add(eventId);
    if (!eventId.startsWith('~')) this.#since = eventId;
    for (const oldest of this.#seen) {
      if (this.#seen.size <= SEEN_EVENTS_MAX) break;
      this.#seen.delete(oldest);
    }
    return true;
  }

  #send(message: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
