/**
 * Takes the packets of the dump from mysql2's connection before zongji would see them, and makes events of them
 * (docs/decisions/0009-our-own-decoder.md). What comes before the dump, and the server's error that may end it, pass on to
 * the driver.
 */
import { AppError } from '../../src/errors.ts';
import {
  EVENT_HEADER_BYTES,
  EVENT_TYPES,
  EventReader,
  POSITION_AT,
  TYPE_AT,
} from './binlog-event.ts';
import type { BinlogEvent } from './binlog-event.ts';
import { vendorConnection } from '../source/vendor-connection.ts';
import type { VendorConnection, VendorPacket } from '../source/vendor-connection.ts';
import { Undecodable } from './byte-reader.ts';
import { EventChecksum } from './event-checksum.ts';
import { isSmall, readPayload, unpackAsStream, unpackAtOnce } from './transaction-payload.ts';

export interface DumpListener {
  /** A packet of the dump is about to be handled. */
  onPacket(): void;
  /** An event that concerns us. It is good until this returns. */
  onEvent(event: BinlogEvent): void;
  /** The stream cannot go on. */
  onFailure(error: AppError): void;
}

export interface DumpOptions {
  /** mysql2's connection object, as zongji holds it. */
  readonly connection: unknown;
  /** True for the command that runs the dump; the answers to earlier commands pass untouched. */
  readonly isDump: (command: unknown) => boolean;
}

type Holder = 'consumer' | 'payload';

/** What each packet of the dump begins with: an event, the server's end-of-file, or its error. */
const MARKER_EVENT = 0x00;
const MARKER_END = 0xfe;
const MARKER_ERROR = 0xff;

export class DumpPackets {
  readonly #connection: VendorConnection;
  readonly #listener: DumpListener;
  readonly #isDump: (command: unknown) => boolean;
  readonly #events = new EventReader();
  readonly #handle: (packet?: VendorPacket) => void;
  readonly #pauseReading: () => void;
  readonly #resumeReading: () => void;
  readonly #checksum = new EventChecksum();
  readonly #holders = new Set<Holder>();
  #isClosed = false;

  /** @throws Error when the driver's insides are not as expected */
  constructor(options: DumpOptions, listener: DumpListener) {
    const connection = vendorConnection(options.connection);
    this.#connection = connection;
    this.#listener = listener;
    this.#isDump = options.isDump;
    this.#handle = connection.handlePacket.bind(connection);
    this.#pauseReading = connection.pause.bind(connection);
    this.#resumeReading = connection.resume.bind(connection);
    connection.handlePacket = (packet) => {
      this.#receive(packet);
    };
    // Reading is paused by us alone: a resume in the middle of a compressed transaction would let later packets overtake
    // the rest of it.
    connection.pause = () => undefined;
    connection.resume = () => undefined;
  }

  /** Bytes that came over the socket, packets in the making included. */
  get bytesRead(): number {
    return this.#connection.stream.bytesRead;
  }

  /** True while it is we who do not read. */
  get isPaused(): boolean {
    return this.#holders.size > 0;
  }

  pause(): void {
    this.#hold('consumer');
  }

  resume(): void {
    this.#release('consumer');
  }

  /** Nothing is handed on any more. */
  close(): void {
    this.#isClosed = true;
  }

  #hold(holder: Holder): void {
    const wasPaused = this.isPaused;
    this.#holders.add(holder);
    if (!wasPaused) this.#pauseReading();
  }

  #release(holder: Holder): void {
    if (!this.#holders.delete(holder) || this.isPaused || this.#isClosed) return;
    this.#resumeReading();
  }

  #receive(packet: VendorPacket | undefined): void {
    const connection = this.#connection;
    if (packet === undefined || connection._paused || !this.#isDump(connection._command)) {
      this.#handle(packet);
      return;
    }
    if (this.#isClosed) return;
    // A packet of more than 16 MB that waited out a pause has lost its count of parts; a dump needs no order check.
    connection.sequenceId = packet.sequenceId;
    this.#listener.onPacket();
    try {
      this.#dispatch(packet);
    } catch (error) {
      this.#fail(error);
    }
  }

  #dispatch(packet: VendorPacket): void {
    const { buffer, offset, end } = packet;
    const marker = buffer[offset];
    if (marker === MARKER_END && end - offset < 9) {
      throw new AppError('SOURCE_DISCONNECTED', 'the server ended the binlog stream');
    }
    if (marker === MARKER_ERROR) {
      this.#handle(packet);
      return;
    }
    // The one byte that no checksum covers.
    if (marker !== MARKER_EVENT) {
      throw new AppError('EVENT_DAMAGED', 'a packet of the binlog stream begins with a wrong byte');
    }
    const at = offset + 1;
    const type = buffer[at + TYPE_AT];
    if (type === EVENT_TYPES.format) {
      this.#checksum.follow(buffer, at, end);
      return;
    }
    const eventEnd = this.#checksum.endOf(buffer, at, end);
    if (type === EVENT_TYPES.payload) this.#unpack(buffer.subarray(at, eventEnd));
    else this.#read(buffer, at, eventEnd);
  }

  #read(bytes: Buffer, at: number, end: number, endOffset: number | null = null): void {
    const event = this.#events.read({ bytes, at, end, endOffset });
    if (event !== null) this.#listener.onEvent(event);
  }

  /** @param event without its checksum */
  #unpack(event: Buffer): void {
    if (event.length < EVENT_HEADER_BYTES) throw new Undecodable('is cut off');
    const payload = readPayload(event);
    const endOffset = event.readUInt32LE(POSITION_AT);
    // A pause asked for inside the transaction takes effect behind it.
    const onEvent = (inner: Buffer): void => {
      if (!this.#isClosed) this.#read(inner, 0, inner.length, endOffset);
    };
    if (isSmall(payload)) {
      unpackAtOnce(payload, onEvent);
      return;
    }
    this.#hold('payload');
    unpackAsStream(payload, onEvent).then(
      () => {
        this.#release('payload');
      },
      (error: unknown) => {
        this.#fail(error);
      },
    );
  }

  #fail(error: unknown): void {
    this.#isClosed = true;
    this.#listener.onFailure(
      error instanceof AppError
        ? error
        : new AppError('ROW_UNDECODABLE', 'an event of the binlog cannot be read', {
            cause: error,
          }),
    );
  }
}
