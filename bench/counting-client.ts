/**
 * One client of a contestant: a bare socket that says what its kind of server wants to hear, and counts what comes.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

import type { Kind } from './contestants.ts';
import { FrameCounter } from './frame-counter.ts';

/** What a client says until it is ready. */
export interface Opening {
  /** Null: nothing is said, and the socket is ready once it is connected. */
  readonly request: string | null;
  /** `replies[n]` is sent after the n-th text frame, the first one right after the upgrade. */
  readonly replies: readonly (string | null)[];
  /** Text frames after which it is ready. */
  readonly readyAfter: number;
}

export interface OpeningOptions {
  readonly token: string;
  readonly topics: readonly number[];
  /** Ours: protocol v2, whose `hello` is waited for. */
  readonly v2: boolean;
}

/** The opening that each kind of server wants. */
export function openingOf(kind: Kind, { token, topics, v2 }: OpeningOptions): Opening {
  switch (kind) {
    case 'net':
      return { request: null, replies: [], readyAfter: 0 };
    case 'ws':
      return { request: upgradeTo('/'), replies: [], readyAfter: 0 };
    case 'socket.io': {
      // Its server opens, is asked to connect us to its namespace, and acknowledges event 0.
      const subscribe = topics.length === 0 ? null : `420["subscribe",${JSON.stringify(topics)}]`;
      return {
        request: upgradeTo('/socket.io/?EIO=4&transport=websocket'),
        replies: [null, '40', subscribe],
        readyAfter: subscribe === null ? 2 : 3,
      };
    }
    case 'gavelcast': {
      const subscribe = `{"action":"subscribe","itemIds":${JSON.stringify(topics)}}`;
      const hellos = v2 ? 1 : 0;
      return {
        request: upgradeTo(`/?${v2 ? 'v=2&' : ''}token=${token}`),
        replies: topics.length === 0 ? [] : [subscribe],
        readyAfter: hellos + topics.length,
      };
    }
  }
}

/** Where a client dials, and whom it tells what it hears. */
export interface Line {
  readonly host: string;
  readonly port: number;
  /** What is read goes here; one for all clients, since each looks at it at once. */
  readonly buffer: Buffer;
  /** Text frames came, after the client was ready. */
  readonly heard: (texts: number) => void;
}

const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
const HEAD_END = Buffer.from('\r\n\r\n');

/** Connects; resolves with the socket once the client is ready. */
export function connectCounting(opening: Opening, line: Line): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const client = new CountingClient(opening, line, { resolve, reject });
    client.start();
  });
}

class CountingClient {
  readonly #opening: Opening;
  readonly #heard: Line['heard'];
  readonly #socket: Socket;
  readonly #counter = new FrameCounter();
  #settle: { resolve: (socket: Socket) => void; reject: (error: Error) => void } | null;
  #isUpgraded: boolean;

  constructor(
    opening: Opening,
    { host, port, buffer, heard }: Line,
    settle: { resolve: (socket: Socket) => void; reject: (error: Error) => void },
  ) {
    this.#opening = opening;
    this.#heard = heard;
    this.#settle = settle;
    this.#isUpgraded = opening.request === null;
    const callback = (length: number, bytes: Uint8Array): boolean => {
      this.#read(bytes, length);
      return true;
    };
    this.#socket = connect({ host, port, noDelay: true, onread: { buffer, callback } });
  }

  start(): void {
    this.#socket.once('connect', () => {
      if (this.#opening.request === null) this.#ready();
      else this.#socket.write(this.#opening.request);
    });
    this.#socket.on('error', (error) => this.#settle?.reject(error));
    this.#socket.once('close', () => this.#settle?.reject(new Error('closed before it was ready')));
  }

  #read(bytes: Uint8Array, length: number): void {
    let at = 0;
    if (!this.#isUpgraded) {
      // A head of some hundred bytes comes whole over the loopback.
      const head = Buffer.from(bytes.buffer, bytes.byteOffset, length);
      const end = head.indexOf(HEAD_END);
      if (end === -1 || !head.toString('latin1', 0, 12).endsWith(' 101')) {
        this.#settle?.reject(new Error(`no upgrade: ${head.toString('latin1', 0, 100)}`));
        return;
      }
      at = end + HEAD_END.length;
      this.#isUpgraded = true;
      this.#reply(0);
      if (this.#opening.readyAfter === 0) this.#ready();
    }
    const { texts, pings } = this.#counter;
    this.#counter.push(bytes, at, length);
    if (this.#counter.pings > pings) this.#socket.write(PONG);
    if (this.#counter.texts === texts) return;
    if (this.#settle === null) {
      this.#heard(this.#counter.texts - texts);
      return;
    }
    for (let text = texts + 1; text <= this.#counter.texts; text += 1) this.#reply(text);
    if (this.#counter.texts >= this.#opening.readyAfter) this.#ready();
  }

  #reply(afterTexts: number): void {
    const text = this.#opening.replies[afterTexts] ?? null;
    if (text !== null) this.#socket.write(maskedTextFrame(text));
  }

  #ready(): void {
    this.#settle?.resolve(this.#socket);
    this.#settle = null;
  }
}

function upgradeTo(target: string): string {
  return (
    `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`
  );
}

/** A text frame of a client, below 64 KiB, with a mask of zeros, which leaves the payload as it is. */
function maskedTextFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const length = payload.length;
  const header =
    length < 126 ? [0x81, 0x80 | length] : [0x81, 0x80 | 126, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([...header, 0, 0, 0, 0]), payload]);
}
