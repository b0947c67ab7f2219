/**
 * Server-sent events as a transport, for networks that block WebSockets: the same frames, unwrapped, in one HTTP response.
 */
import type { ServerResponse } from 'node:http';
import { encodeClose } from '../src/protocol/server-message.ts';
import type { SocketOwner } from './client-socket.ts';
import { queuedBytesOf } from './direct-writes.ts';
import type { Transport } from './transport.ts';

/** How long a client has to take what it is owed after the end, before its socket is cut. */
const CLOSE_WITHIN_MS = 2000;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
/** Every event begins like this (`src/protocol/event-message.ts`). Ephemeral ids are no positions and stay out of `id:`. */
const EVENT_ID = /^\{"type":"\w+","eventId":"([^"~][^"]*)"/;

export class EventStream implements Transport {
  readonly #response: ServerResponse;
  readonly #unwrap: (frames: Buffer) => Buffer;
  #isEnded = false;

  /** @param unwrap frames → events; one function for all streams, which may keep what it made last */
  constructor(response: ServerResponse, unwrap: (frames: Buffer) => Buffer) {
    this.#response = response;
    this.#unwrap = unwrap;
  }

  /** Sends the head of the response; from here on it belongs to `owner`. */
  open(owner: SocketOwner): void {
    const response = this.#response;
    response.on('error', ignore);
    response.once('close', () => {
      this.#isEnded = true;
      owner.socketClosed(1006);
    });
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store, no-transform',
      // nginx would collect the stream before it passes it on.
      'X-Accel-Buffering': 'no',
    });
    response.write(': welcome\n\n');
  }

  get isOpen(): boolean {
    return !this.#isEnded;
  }

  get backlogBytes(): number {
    return this.#response.writableLength;
  }

  get queuedBytes(): number {
    const { socket } = this.#response;
    return socket === null ? 0 : queuedBytesOf(socket);
  }

  /** A stream hears nothing; what the client's side has taken is the sign that it is there. */
  get receivedBytes(): number {
    const { socket } = this.#response;
    return socket === null ? 0 : socket.bytesWritten - socket.writableLength;
  }

  writeFrames(frames: Buffer): number {
    this.#response.write(this.#unwrap(frames));
    return this.backlogBytes;
  }

  /** A comment, which clients skip. */
  writePing(): void {
    if (!this.#isEnded) this.#response.write(': keepalive\n\n');
  }

  onceDrained(callback: () => void): void {
    this.#response.once('drain', callback);
  }

  /** Ends the stream with an `error` event that says why. */
  close(code: number, reason: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const response = this.#response;
    response.end(`event: error\ndata: ${encodeClose(code, reason)}\n\n`);
    const timer = setTimeout(() => {
      response.destroy();
    }, CLOSE_WITHIN_MS);
    response.once('close', () => {
      clearTimeout(timer);
    });
  }

  terminate(): void {
    this.#response.destroy();
  }

  pause(): void {
    // There is nothing to read.
  }

  resume(): void {
    // There is nothing to read.
  }
}

/** Unwraps WebSocket text frames into events; streams that are owed the same bytes share the result. */
export function createUnwrapper(): (frames: Buffer) => Buffer {
  let last: { readonly frames: Buffer; readonly events: Buffer } | null = null;
  return (frames) => {
    if (last?.frames !== frames) last = { frames, events: eventsOf(frames) };
    return last.events;
  };
}

function eventsOf(frames: Buffer): Buffer {
  let events = '';
  let at = 0;
  while (at < frames.length) {
    let length = frames.readUInt8(at + 1);
    at += 2;
    if (length === LENGTH_16) {
      length = frames.readUInt16BE(at);
      at += 2;
    } else if (length === LENGTH_64) {
      length = Number(frames.readBigUInt64BE(at));
      at += 8;
    }
    const text = frames.toString('utf8', at, at + length);
    at += length;
    const eventId = EVENT_ID.exec(text)?.[1];
    events += `${eventId === undefined ? '' : `id: ${eventId}\n`}data: ${text}\n\n`;
  }
  return Buffer.from(events, 'utf8');
}

/** A reset; `close` follows. */
function ignore(): void {
  // Nothing to do.
}
