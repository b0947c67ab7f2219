/** A client on a fake environment, and the words of a server. */
import { GavelcastClient } from '../../../client/client.ts';
import type { ConnectOptions } from '../../../client/connection-status.ts';
import type { AuctionState, Id } from '../../../client/wire.ts';
import { FakeEnvironment, settle } from './fake-environment.ts';

export interface Setup extends Partial<ConnectOptions> {
  /** How long tokens live, ms. Default: a day. */
  readonly tokenMs?: number;
}

export const STATE: AuctionState = {
  status: 'active',
  currentPrice: 10,
  bidCount: 10,
  highestBidderId: 7,
  endTime: '2026-02-01T10:30:00.000Z',
  reserveMet: null,
};

export class ClientHarness {
  readonly environment = new FakeEnvironment();
  readonly client: GavelcastClient;
  readonly #tokenMs: number;
  tokensAsked = 0;

  constructor({ tokenMs = 86_400_000, ...options }: Setup = {}) {
    this.#tokenMs = tokenMs;
    this.client = new GavelcastClient(
      {
        url: 'wss://live.example.com',
        getToken: () => {
          this.tokensAsked += 1;
          return `token-${this.tokensAsked}`;
        },
        ...options,
      },
      this.environment,
    );
  }

  get socket(): FakeEnvironment['socket'] {
    return this.environment.socket;
  }

  /** ISO text of a moment relative to now. */
  timeIn(ms: number): string {
    return new Date(this.environment.nowMs + ms).toISOString();
  }

  /** The server greets the socket opened last. */
  async hello(extra: object = {}): Promise<void> {
    await settle();
    this.socket.say({
      type: 'hello',
      userId: 1,
      serverTime: this.timeIn(0),
      heartbeatSeconds: 25,
      expiresAt: this.timeIn(this.#tokenMs),
      limits: { subscriptions: 200, messageBytes: 16_384, messagesPerSecond: 20 },
      ...extra,
    });
    await settle();
  }

  subscribed(itemId: Id, extra: object = {}): void {
    this.socket.say({
      type: 'subscribed',
      itemId,
      state: STATE,
      serverTime: this.timeIn(0),
      ...extra,
    });
  }

  bid(eventId: string, itemId: Id, bidAmount: number, bidCount = bidAmount): void {
    this.socket.say(bidUpdate(eventId, itemId, bidAmount, bidCount));
  }

  /** Lets the link fall, waits out the backoff and greets the next one. */
  async comeBack(code = 1006): Promise<void> {
    const links = this.environment.sockets.length;
    this.socket.fall(code);
    await this.environment.pass(this.environment.nextTimerInMs ?? 0);
    if (this.environment.sockets.length !== links + 1) throw new Error('it did not come back');
    await this.hello();
  }
}

export function bidUpdate(
  eventId: string,
  itemId: Id,
  bidAmount: number,
  bidCount: number,
): object {
  return {
    type: 'bid_update',
    eventId,
    itemId,
    bidAmount,
    bidderId: 8,
    bidderName: 'Bob',
    timestamp: null,
    reserveMet: null,
    bidId: bidCount,
    bidCount,
  };
}
