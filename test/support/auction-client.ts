/**
 * A client in the field: connects with a JWT, subscribes, keeps what it gets.
 */
import { once } from 'node:events';

import jwt from 'jsonwebtoken';
import { WebSocket } from 'ws';

import { TEST_JWT_SECRET } from './gavelcast-process.ts';
import { until } from './until.ts';

export interface Received {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A token as the PHP API mints it. */
export function mintToken(
  userId: number,
  options: { expiresIn?: number; secret?: string } = {},
): string {
  return jwt.sign(
    { userId, email: `user${userId}@example.com` },
    options.secret ?? TEST_JWT_SECRET,
    {
      algorithm: 'HS256',
      expiresIn: options.expiresIn ?? 3600,
    },
  );
}

export class AuctionClient {
  readonly socket: WebSocket;
  /** Parsed messages in the order they came. */
  readonly received: Received[] = [];
  /** The same as raw text, for digit-for-digit checks. */
  readonly texts: string[] = [];
  closeCode: number | null = null;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      const text = data.toString();
      this.texts.push(text);
      // A message of the server under test: what is wrong with it, the assertions say.
      this.received.push(JSON.parse(text) as Received);
    });
    socket.on('close', (code) => {
      this.closeCode = code;
    });
    socket.on('error', () => {
      // The close that follows tells the story.
    });
  }

  static async connect(
    url: string,
    options: { userId: number; token?: string; v2?: boolean; address?: string },
  ): Promise<AuctionClient> {
    const token = options.token ?? mintToken(options.userId);
    const protocols = options.v2 === true ? ['gavelcast.v2'] : [];
    // As a proxy on this machine would tell it.
    const headers = options.address === undefined ? {} : { 'X-Forwarded-For': options.address };
    const client = new AuctionClient(
      new WebSocket(`${url}/?token=${encodeURIComponent(token)}`, protocols, { headers }),
    );
    await once(client.socket, 'open');
    return client;
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  /** Subscribes and resolves once every item is confirmed. */
  async subscribe(...itemIds: number[]): Promise<void> {
    for (const itemId of itemIds) this.send({ action: 'subscribe', itemId });
    await until(
      () => itemIds.every((itemId) => this.of('subscribed').some((m) => m['itemId'] === itemId)),
      { what: () => `subscriptions; got ${JSON.stringify(this.received.slice(0, 5))}` },
    );
  }

  of(type: string): Received[] {
    return this.received.filter((message) => message.type === type);
  }

  /** The first message of this type (that satisfies `test`), waited for. */
  async next(type: string, test: (message: Received) => boolean = () => true): Promise<Received> {
    return until(() => this.of(type).find(test), {
      what: () => `a ${type}; got ${JSON.stringify(this.received.slice(-5))}`,
    });
  }

  async close(): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.socket, 'close');
    this.socket.close();
    await closed;
  }
}
