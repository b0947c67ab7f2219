/**
 * A client as the protocol wants it: comes back after every close, with `since` where it has one, drops its state on
 * 4004, and writes down all that it is told.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { mintToken } from '../support/auction-client.ts';
import { until } from '../support/until.ts';

/** What a subscriber was told about one item, in the order in which it was told. */
export type Told =
  | {
      readonly kind: 'bid';
      readonly bidId: number;
      /** The digits as they came. */
      readonly amount: string;
      readonly bidCount: number;
      readonly eventId: string;
    }
  | { readonly kind: 'ended'; readonly eventId: string }
  | {
      readonly kind: 'state';
      /** `first`: on subscribing; `reset`: after 4004; `missed`: the server could not replay; `replayed`: all follows. */
      readonly reason: 'first' | 'reset' | 'missed' | 'replayed';
      readonly bidCount: number;
      readonly isActive: boolean;
    };

const SOURCE_CHANGED = 4004;
const BACK_AFTER_MS = 150;

interface Message {
  readonly type: string;
  readonly [field: string]: unknown;
}

export class Subscriber {
  readonly #url: string;
  readonly #userId: number;
  readonly #itemIds: readonly number[];
  readonly #told = new Map<number, Told[]>();
  readonly #awaited = new Set<number>();
  readonly closes: number[] = [];
  /** `degraded` and `restored`, as they came. */
  readonly notices: string[] = [];
  /** Event types that no scenario expects unless it says so. */
  readonly others = new Map<string, number>();
  #socket: WebSocket | null = null;
  #since: string | null = null;
  #reason: 'first' | 'reset' | 'missed' = 'first';
  #isEnded = false;

  constructor(
    url: string,
    options: { readonly userId: number; readonly itemIds: readonly number[] },
  ) {
    this.#url = url;
    this.#userId = options.userId;
    this.#itemIds = options.itemIds;
    for (const itemId of options.itemIds) this.#told.set(itemId, []);
  }

  /** Connects and resolves when every item is subscribed. */
  async start(): Promise<void> {
    this.#connect();
    await until(() => this.#isSubscribed, {
      what: () => `subscriptions; ${this.#awaited.size} are open, closes: ${this.closes.join(' ')}`,
    });
  }

  get isConnected(): boolean {
    return this.#isSubscribed;
  }

  told(itemId: number): readonly Told[] {
    return this.#told.get(itemId) ?? [];
  }

  get resets(): number {
    return this.closes.filter((code) => code === SOURCE_CHANGED).length;
  }

  async stop(): Promise<void> {
    this.#isEnded = true;
    const socket = this.#socket;
    if (socket === null) return;
    socket.terminate();
    await until(() => socket.readyState === WebSocket.CLOSED, { what: 'the socket to close' });
  }

  get #isSubscribed(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN && this.#awaited.size === 0;
  }

  #connect(): void {
    const token = encodeURIComponent(mintToken(this.#userId));
    const socket = new WebSocket(`${this.#url}/?token=${token}`, ['gavelcast.v2']);
    this.#socket = socket;
    for (const itemId of this.#itemIds) this.#awaited.add(itemId);
    socket.on('open', () => {
      const since = this.#since === null ? {} : { since: this.#since };
      socket.send(JSON.stringify({ action: 'subscribe', itemIds: this.#itemIds, ...since }));
    });
    socket.on('message', (data: Buffer) => {
      this.#take(data.toString());
    });
    socket.on('error', () => undefined);
    socket.on('close', (code) => {
      this.#onClose(code);
    });
  }

  #onClose(code: number): void {
    if (this.#isEnded) return;
    this.closes.push(code);
    if (code === SOURCE_CHANGED) {
      this.#since = null;
      this.#reason = 'reset';
    } else if (this.#reason !== 'reset') {
      this.#reason = 'missed';
    }
    void pause(BACK_AFTER_MS).then(() => {
      if (!this.#isEnded) this.#connect();
    });
  }

  #take(text: string): void {
    const message = JSON.parse(text) as Message;
    const itemId = Number(message['itemId']);
    const eventId = typeof message['eventId'] === 'string' ? message['eventId'] : null;
    switch (message.type) {
      case 'subscribed':
        this.#onSubscribed(itemId, message);
        return;
      case 'bid_update': {
        const bidId = Number(message['bidId']);
        const bidCount = Number(message['bidCount']);
        const amount = /"bidAmount":([\d.]+)/.exec(text)?.[1] ?? '';
        this.#note(itemId, { kind: 'bid', bidId, amount, bidCount, eventId: eventId ?? '' });
        break;
      }
      case 'auction_ended':
        this.#note(itemId, { kind: 'ended', eventId: eventId ?? '' });
        break;
      case 'degraded':
      case 'restored':
        this.notices.push(message.type);
        break;
      default:
        this.others.set(message.type, (this.others.get(message.type) ?? 0) + 1);
    }
    if (eventId !== null && !eventId.startsWith('~')) this.#since = eventId;
  }

  #onSubscribed(itemId: number, message: Message): void {
    const state: unknown = message['state'];
    if (typeof state !== 'object' || state === null) return;
    const reason = message['recovered'] === true ? 'replayed' : this.#reason;
    this.#note(itemId, {
      kind: 'state',
      reason,
      bidCount: Number(Reflect.get(state, 'bidCount')),
      isActive: Reflect.get(state, 'status') === 'active',
    });
    this.#awaited.delete(itemId);
    // Where the answer came, the reset is behind us.
    if (this.#awaited.size === 0) this.#reason = 'missed';
  }

  #note(itemId: number, told: Told): void {
    this.#told.get(itemId)?.push(told);
  }
}
