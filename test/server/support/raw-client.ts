/**
 * A bare TCP client, for what no WebSocket library would send or show.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { PATIENCE_MS } from '../../support/until.ts';

export class RawClient {
  readonly socket: Socket;
  /** Looks again whenever something has arrived; null while nobody waits. */
  #look: (() => void) | null = null;
  /** All bytes received so far. */
  bytes: Buffer = Buffer.alloc(0);
  isClosed = false;

  /** @param socket what it speaks over, connected or not yet; default: plain TCP */
  constructor(port: number, socket: Socket = connect({ host: '127.0.0.1', port })) {
    this.socket = socket;
    this.socket.on('data', (chunk: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
      this.#look?.();
    });
    this.socket.on('error', () => {
      // A reset is an end like any other.
    });
    this.socket.on('close', () => {
      this.isClosed = true;
      this.#look?.();
    });
  }

  get text(): string {
    return this.bytes.toString('latin1');
  }

  async closed(): Promise<void> {
    await this.#until(() => this.isClosed, 'an end');
  }

  async receives(part: string): Promise<void> {
    await this.#until(() => this.bytes.includes(part), part);
  }

  /** Upgrades and drops the response head from `bytes`. */
  async upgrade(target: string, headers: readonly string[] = []): Promise<void> {
    this.socket.write(upgradeRequest(target, headers));
    await this.receives('\r\n\r\n');
    if (!this.text.startsWith('HTTP/1.1 101')) throw new Error(this.text);
    this.bytes = this.bytes.subarray(this.bytes.indexOf('\r\n\r\n') + 4);
  }

  /** Event-driven, because ten thousand clients that poll would be the slowest part of their test. */
  async #until(condition: () => boolean, what: string): Promise<void> {
    if (condition()) return;
    await new Promise<void>((done, fail) => {
      const timer = setTimeout(() => {
        fail(new Error(`waited in vain for ${what} after ${this.text}`));
      }, PATIENCE_MS);
      this.#look = () => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#look = null;
        done();
      };
    });
  }
}

export function upgradeRequest(target: string, headers: readonly string[] = []): string {
  const lines = [
    `GET ${target} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...headers,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** One masked client frame (the mask is zero, which leaves the payload as it is). */
export function clientFrame(opcode: number, payload: Buffer | string): Buffer {
  const bytes = Buffer.from(payload);
  if (bytes.length > 125) throw new Error('short frames only');
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | bytes.length, 0, 0, 0, 0]), bytes]);
}
