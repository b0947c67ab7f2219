/**
 * The cheapest honest WebSocket client: a bare TCP socket that upgrades, subscribes and then only cuts frames, so that a
 * thousand of them in one process cost less than the server that feeds them.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export interface RawWatcherOptions {
  readonly port: number;
  readonly token: string;
  /** Sent as text frames right after the upgrade. */
  readonly messages: readonly string[];
  /** Called once per text frame; the slice is only valid during the call. */
  readonly onText: (payload: Buffer) => void;
}

/** Resolves with the socket once the server has accepted the upgrade. */
export async function connectRawWatcher(options: RawWatcherOptions): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: options.port, noDelay: true });
  const frames = new FrameCutter(options.onText);
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.write(
        `GET /?token=${options.token} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n` +
          `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
          `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
      );
    });
    const onHead = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!head.subarray(0, 12).toString().startsWith('HTTP/1.1 101')) {
        reject(new Error(`upgrade refused: ${head.subarray(0, end).toString()}`));
        return;
      }
      socket.off('data', onHead);
      socket.on('data', (data: Buffer) => {
        frames.push(data);
      });
      frames.push(head.subarray(end + 4));
      for (const message of options.messages) socket.write(maskedTextFrame(message));
      resolve(socket);
    };
    socket.on('data', onHead);
  });
}

/** A client-to-server text frame with a zero mask, which leaves the payload as it is. */
function maskedTextFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  if (payload.length > 125) throw new Error('benchmark messages are short');
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

/** Cuts unmasked server frames out of a byte stream. */
class FrameCutter {
  readonly #onText: (payload: Buffer) => void;
  #rest: Buffer | null = null;

  constructor(onText: (payload: Buffer) => void) {
    this.#onText = onText;
  }

  push(chunk: Buffer): void {
    const data = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at + 2 <= data.length) {
      const opcode = (data[at] ?? 0) & 0x0f;
      let length = (data[at + 1] ?? 0) & 0x7f;
      let start = at + 2;
      if (length === 126) {
        if (start + 2 > data.length) break;
        length = data.readUInt16BE(start);
        start += 2;
      } else if (length === 127) {
        if (start + 8 > data.length) break;
        length = Number(data.readBigUInt64BE(start));
        start += 8;
      }
      if (start + length > data.length) break;
      if (opcode === 1) this.#onText(data.subarray(start, start + length));
      at = start + length;
    }
    this.#rest = at === data.length ? null : data.subarray(at);
  }
}
