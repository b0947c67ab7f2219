/**
 * Compressed transactions of MySQL (`binlog_transaction_compression=ON`, for the server or in any one session): one
 * TRANSACTION_PAYLOAD event holds all the events of a transaction but its GTID event.
 *
 * Layout after the common header (`libs/mysql/binlog/event/codecs` of the server): a list of fields, each a type, a
 * length and a value, all three as length-encoded integers, ended by type 0; then the payload: zstd, or plain. Inside
 * are ordinary events with their headers and without checksums; their `log_pos` means nothing.
 */
import { createZstdDecompress, zstdDecompressSync } from 'node:zlib';
import { AppError } from '../../src/errors.ts';
import { EVENT_HEADER_BYTES, LENGTH_AT } from './binlog-event.ts';

const FIELD_END = 0;
const FIELD_PAYLOAD_SIZE = 1;
const FIELD_COMPRESSION = 2;
const FIELD_UNCOMPRESSED_SIZE = 3;
const COMPRESSION_ZSTD = 0;
const COMPRESSION_NONE = 255;

/** Payloads up to this size are inflated at once; greater ones as a stream, so that no two copies are held. */
const AT_ONCE_BYTES_MAX = 4 * 1024 * 1024;

export interface Payload {
  readonly isCompressed: boolean;
  readonly uncompressedSize: number;
  readonly bytes: Buffer;
}

/**
 * Reads the fields and finds the payload.
 *
 * @param event the whole event, header included, checksum excluded
 * @throws AppError ROW_UNDECODABLE where the fields make no sense
 */
export function readPayload(event: Buffer): Payload {
  const fields = new Map<number, number>();
  let offset = EVENT_HEADER_BYTES;
  const next = (): number => {
    const { value, size } = lengthEncoded(event, offset);
    offset += size;
    return value;
  };
  for (;;) {
    const type = next();
    if (type === FIELD_END) break;
    const length = next();
    const valueAt = offset;
    if (valueAt + length > event.length) throw corrupt('a field runs past its end');
    fields.set(type, lengthEncoded(event, valueAt).value);
    offset = valueAt + length;
  }
  const compression = fields.get(FIELD_COMPRESSION);
  if (compression !== COMPRESSION_ZSTD && compression !== COMPRESSION_NONE) {
    throw corrupt(`unknown compression ${String(compression)}`);
  }
  const bytes = event.subarray(offset);
  const size = fields.get(FIELD_PAYLOAD_SIZE);
  if (size !== bytes.length) {
    throw corrupt(`${bytes.length.toString()} bytes where ${String(size)} are announced`);
  }
  const isCompressed = compression === COMPRESSION_ZSTD;
  const uncompressedSize = isCompressed ? fields.get(FIELD_UNCOMPRESSED_SIZE) : bytes.length;
  if (uncompressedSize === undefined) throw corrupt('no uncompressed size');
  return { isCompressed, uncompressedSize, bytes };
}

/** True when the payload is small enough to be inflated within one turn of the event loop. */
export function isSmall(payload: Payload): boolean {
  return !payload.isCompressed || payload.uncompressedSize <= AT_ONCE_BYTES_MAX;
}

/** Hands on each inner event, in order. @throws AppError ROW_UNDECODABLE on a corrupt payload */
export function unpackAtOnce(payload: Payload, onEvent: (event: Buffer) => void): void {
  const splitter = new EventSplitter(payload.uncompressedSize, onEvent);
  if (!payload.isCompressed) splitter.push(payload.bytes);
  // Node inflates one zstd frame and leaves what follows it.
  let rest = payload.isCompressed ? payload.bytes : payload.bytes.subarray(payload.bytes.length);
  while (rest.length > 0) {
    const frame = inflateFrame(rest, payload.uncompressedSize);
    splitter.push(frame.bytes);
    rest = rest.subarray(frame.consumed);
  }
  splitter.end();
}

/** As `unpackAtOnce`, holding no more than a chunk and one event at a time. */
export async function unpackAsStream(
  payload: Payload,
  onEvent: (event: Buffer) => void,
): Promise<void> {
  const splitter = new EventSplitter(payload.uncompressedSize, onEvent);
  let rest = payload.bytes;
  while (rest.length > 0) {
    rest = rest.subarray(await streamFrame(rest, splitter));
  }
  splitter.end();
}

/** Streams the first frame into the splitter; returns the bytes it took. */
async function streamFrame(bytes: Buffer, splitter: EventSplitter): Promise<number> {
  const inflater = createZstdDecompress({ chunkSize: 256 * 1024 });
  inflater.end(bytes);
  const chunks: AsyncIterator<unknown> = inflater[Symbol.asyncIterator]();
  try {
    for (;;) {
      const chunk = await nextChunk(chunks);
      if (chunk === null) break;
      splitter.push(chunk);
    }
    return consumedBy(inflater);
  } finally {
    inflater.destroy();
  }
}

/** Splits a stream of bytes into events by the length in each header. */
class EventSplitter {
  #rest: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #partsBytes = 0;
  #needed = EVENT_HEADER_BYTES;
  #left: number;
  readonly #onEvent: (event: Buffer) => void;

  constructor(bytes: number, onEvent: (event: Buffer) => void) {
    this.#left = bytes;
    this.#onEvent = onEvent;
  }

  push(chunk: Buffer): void {
    this.#left -= chunk.length;
    if (this.#left < 0) throw corrupt('it inflates to more than announced');
    // Parts of a great event are joined once, when the last has come.
    this.#parts.push(chunk);
    this.#partsBytes += chunk.length;
    if (this.#partsBytes < this.#needed) return;
    this.#rest = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts);
    this.#split();
    this.#parts = this.#rest.length === 0 ? [] : [this.#rest];
    this.#partsBytes = this.#rest.length;
  }

  end(): void {
    if (this.#left !== 0) throw corrupt('it inflates to less than announced');
    if (this.#partsBytes !== 0) throw corrupt('its last event is cut off');
  }

  #split(): void {
    for (;;) {
      const rest = this.#rest;
      this.#needed = EVENT_HEADER_BYTES;
      if (rest.length < EVENT_HEADER_BYTES) return;
      const length = rest.readUInt32LE(LENGTH_AT);
      if (length < EVENT_HEADER_BYTES || length > rest.length + this.#left) {
        throw corrupt(`an inner event of ${length.toString()} bytes`);
      }
      this.#needed = length;
      if (rest.length < length) return;
      this.#rest = rest.subarray(length);
      this.#onEvent(rest.subarray(0, length));
    }
  }
}

/** Inflates the first frame. Node gives the engine on request (`info`), which its types do not say. */
function inflateFrame(
  bytes: Buffer,
  sizeMax: number,
): { readonly bytes: Buffer; readonly consumed: number } {
  let result: unknown;
  try {
    result = zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, sizeMax), info: true });
  } catch (error) {
    throw corrupt('it does not inflate', error);
  }
  if (typeof result === 'object' && result !== null && 'buffer' in result && 'engine' in result) {
    const { buffer, engine } = result;
    if (Buffer.isBuffer(buffer)) return { bytes: buffer, consumed: consumedBy(engine) };
  }
  throw new Error('this version of Node.js does not tell how much zstd has read');
}

/** Input bytes that a zlib engine took; always some, or a loop over frames would not end. */
function consumedBy(engine: unknown): number {
  const consumed: unknown =
    typeof engine === 'object' && engine !== null ? Reflect.get(engine, 'bytesWritten') : 0;
  if (typeof consumed === 'number' && consumed > 0) return consumed;
  throw corrupt('it does not inflate');
}

async function nextChunk(chunks: AsyncIterator<unknown>): Promise<Buffer | null> {
  let result: IteratorResult<unknown, unknown>;
  try {
    result = await chunks.next();
  } catch (error) {
    throw corrupt('it does not inflate', error);
  }
  if (result.done === true) return null;
  if (!Buffer.isBuffer(result.value)) throw corrupt('it does not inflate to bytes');
  return result.value;
}

/** A length-encoded integer (`net_field_length`). */
function lengthEncoded(
  buffer: Buffer,
  offset: number,
): { readonly value: number; readonly size: number } {
  const first = buffer[offset];
  if (first === undefined) throw corrupt('its fields are cut off');
  if (first < 251) return { value: first, size: 1 };
  const bytes = { 252: 2, 253: 3, 254: 8 }[first];
  if (bytes === undefined || offset + 1 + bytes > buffer.length) throw corrupt('a bad number');
  if (bytes < 8) return { value: buffer.readUIntLE(offset + 1, bytes), size: 1 + bytes };
  const value = Number(buffer.readBigUInt64LE(offset + 1));
  if (!Number.isSafeInteger(value)) throw corrupt('a bad number');
  return { value, size: 9 };
}

function corrupt(what: string, cause?: unknown): AppError {
  return new AppError(
    'ROW_UNDECODABLE',
    `a compressed transaction (binlog_transaction_compression) cannot be read: ${what}`,
    { cause },
  );
}
