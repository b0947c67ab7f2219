/**
 * A v2 client cheap enough for thousands of them: watches one item, comes back after each close with `since`, when it was
 * asked to, and keeps the ids of the bids it is told of.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { mintToken } from './auction-client.ts';

/** After a failed attempt, and where the server has not said when. */
const BACK_AFTER_MS = 300;

interface Message {
  readonly type: string;
  readonly [field: string]: unknown;
}

export class ReturningWatcher {
  readonly itemId: number;
  /** Bids that were placed before this client first subscribed. */
  bidsBefore: number | null = null;
  /** In the order in which they were told. */
  readonly bidIds: number[] = [];
  readonly closeCodes: number[] = [];
  /** What the server asked for in its `reconnect` messages, in milliseconds. */
  readonly askedToWaitMs: number[] = [];
  /** Answers of the server that it could not recover. */
  notRecovered = 0;
  isSubscribed = false;
  readonly #url: string;
  readonly #userId: number;
  #socket: WebSocket | null = null;
  #since: string | null = null;
  #waitMs = BACK_AFTER_MS;
  #isEnded = false;

  constructor(url: string, { userId, itemId }: { userId: number; itemId: number }) {
    this.#url = url;
    this.#userId = userId;
    this.itemId = itemId;
  }

  /** Keeps itself connected until `stop`. */
  start(): void {
    const token = encodeURIComponent(mintToken(this.#userId));
    const socket = new WebSocket(`${this.#url}/?token=${token}`, ['gavelcast.v2']);
    this.#socket = socket;
    socket.on('open', () => {
      const since = this.#since === null ? {} : { since: this.#since };
      socket.send(JSON.stringify({ action: 'subscribe', itemIds: [this.itemId], ...since }));
    });
    socket.on('message', (data: Buffer) => {
      // A message of the server under test: what is wrong with it, the assertions say.
      this.#take(JSON.parse(data.toString()) as Message);
    });
    socket.on('error', () => undefined);
    socket.on('close', (code) => {
      this.isSubscribed = false;
      this.closeCodes.push(code);
      void pause(this.#waitMs).then(() => {
        if (!this.#isEnded) this.start();
      });
      this.#waitMs = BACK_AFTER_MS;
    });
  }

  stop(): void {
    this.#isEnded = true;
    this.#socket?.terminate();
  }

  #take(message: Message): void {
    const { type, eventId } = message;
    if (type === 'subscribed') {
      this.isSubscribed = true;
      if (message['recovered'] === false) this.notRecovered += 1;
      const { state } = message;
      if (typeof state === 'object' && state !== null) {
        this.bidsBefore ??= Number(Reflect.get(state, 'bidCount'));
      }
    }
    if (type === 'bid_update') this.bidIds.push(Number(message['bidId']));
    if (type === 'reconnect') {
      this.#waitMs = Number(message['afterMs']);
      this.askedToWaitMs.push(this.#waitMs);
    }
    if (typeof eventId === 'string' && !eventId.startsWith('~')) this.#since = eventId;
  }
}
