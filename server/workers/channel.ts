/**
 * Messages between the process that tails and one that holds sockets, over the pipe between them: in order, each a length
 * and a structured clone. What is sent in one go is written in one go.
 */
import type { Duplex } from 'node:stream';
import { deserialize, serialize } from 'node:v8';

const LENGTH_BYTES = 4;
/** No message of ours comes near it; past it the two do not speak the same language. */
const MESSAGE_BYTES_MAX = 256 * 1024 * 1024;

export interface ChannelHandlers<In> {
  /** Called in order, synchronously one after the other. */
  readonly received: (message: In) => void;
  /** The other side is gone. Called once. */
  readonly ended: () => void;
}

/** A message as it crosses. The same bytes may be written to several channels. */
export function encodeMessage(message: object): Buffer {
  const body = serialize(message);
  const head = Buffer.allocUnsafe(LENGTH_BYTES);
  head.writeUInt32LE(body.length);
  return Buffer.concat([head, body]);
}

export class Channel<Out extends object, In> {
  readonly #stream: Duplex;
  readonly #handlers: ChannelHandlers<In>;
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #isCorked = false;
  #hasEnded = false;

  constructor(stream: Duplex, handlers: ChannelHandlers<In>) {
    this.#stream = stream;
    this.#handlers = handlers;
    stream.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    stream.on('error', this.#end);
    stream.on('end', this.#end);
    stream.on('close', this.#end);
  }

  /** Bytes that the other side has not taken yet. */
  get backlogBytes(): number {
    return this.#stream.writableLength;
  }

  send(message: Out): void {
    this.write(encodeMessage(message));
  }

  /** Sends what `encodeMessage` made. Nothing is written once the channel has ended. */
  write(bytes: Buffer): void {
    if (this.#hasEnded || !this.#stream.writable) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#stream.cork();
      process.nextTick(this.#uncork);
    }
    this.#stream.write(bytes);
  }

  /** Calls back when everything sent so far was taken by the kernel, or the channel has ended. */
  flushed(callback: () => void): void {
    if (this.#hasEnded || !this.#stream.writable) callback();
    else this.#stream.write('', callback);
  }

  /** Ends both directions at once. */
  destroy(): void {
    this.#stream.destroy();
  }

  readonly #uncork = (): void => {
    this.#isCorked = false;
    this.#stream.uncork();
  };

  readonly #end = (): void => {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stream.destroy();
    this.#handlers.ended();
  };

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    while (this.#bufferedBytes >= LENGTH_BYTES) {
      const bodyBytes = this.#joined(LENGTH_BYTES).readUInt32LE();
      if (bodyBytes > MESSAGE_BYTES_MAX) throw new Error('not a message of ours');
      const wholeBytes = LENGTH_BYTES + bodyBytes;
      if (this.#bufferedBytes < wholeBytes) return;
      const whole = this.#joined(wholeBytes);
      this.#chunks = whole.length > wholeBytes ? [whole.subarray(wholeBytes)] : [];
      this.#bufferedBytes -= wholeBytes;
      // The other side is our own code in the same version (the first message says so): its types are ours.
      this.#handlers.received(deserialize(whole.subarray(LENGTH_BYTES, wholeBytes)) as In);
    }
  }

  /** What has come so far, as one piece where its beginning does not hold so many bytes. */
  #joined(bytes: number): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= bytes) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}
