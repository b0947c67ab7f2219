/**
 * The one place that reaches into mysql2's and zongji's insides: it stands between the packets of the dump and zongji.
 *
 * It is needed for four things that zongji does not offer:
 * - compressed transactions are unpacked before its parser would drop them;
 * - reading is paused and resumed between events by us alone;
 * - events that it would pass over without a word (partial JSON updates, incidents, statement-format LOAD DATA, the
 *   server's end-of-file) are noticed;
 * - a binlog file whose checksum setting differs from the server's present one is read right.
 * Every inside that is used is checked when it is taken, so an upgrade that moves one fails at once and by name.
 */
import { AppError } from '../src/errors.ts';
import {
  asPacket,
  CHECKSUM_BYTES,
  EVENT_HEADER_BYTES,
  hasValidChecksum,
  isSmall,
  readPayload,
  unpackAsStream,
  unpackAtOnce,
} from './transaction-payload.ts';

/** mysql2's packet: the bytes from `start` to `end`, four of them packet header. */
interface VendorPacket {
  buffer: Buffer;
  start: number;
  offset: number;
  end: number;
  sequenceId: number;
  clone(): VendorPacket;
}

interface VendorCommand {
  execute(packet: VendorPacket, connection: VendorConnection): boolean;
}

interface VendorConnection {
  handlePacket(packet?: VendorPacket): void;
  pause(): void;
  resume(): void;
  sequenceId: number;
  readonly _paused: boolean;
  readonly _command: VendorCommand | null | undefined;
  readonly stream: { readonly bytesRead: number; destroy(): void };
}

export interface DumpListener {
  /** A packet of the dump is about to be handled. */
  onPacket(): void;
  /** Text of a statement-format LOAD DATA. */
  onLoadStatement(sql: string, database: string): void;
  /** The stream cannot go on. */
  onFailure(error: AppError): void;
}

export interface DumpOptions {
  /** zongji's or mysql2's connection object. */
  readonly connection: unknown;
  /** True for the command that runs the dump; the answers to earlier commands pass untouched. */
  readonly isDump: (command: unknown) => boolean;
  /** Whether zongji expects checksums at the end of events. */
  readonly useChecksum: boolean;
}

type Holder = 'consumer' | 'payload';

const TYPE_ROTATE = 4;
const TYPE_FORMAT = 15;
const TYPE_EXECUTE_LOAD = 18;
const TYPE_INCIDENT = 26;
const TYPE_HEARTBEAT = 27;
const TYPE_PARTIAL_UPDATE = 39;
const TYPE_PAYLOAD = 40;

const POSITION_AT = 13;

export class DumpPackets {
  readonly #connection: VendorConnection;
  readonly #listener: DumpListener;
  readonly #isDump: (command: unknown) => boolean;
  readonly #useChecksum: boolean;
  readonly #handle: (packet?: VendorPacket) => void;
  readonly #pauseReading: () => void;
  readonly #resumeReading: () => void;
  readonly #holders = new Set<Holder>();
  /** Whether events of the file being read carry a checksum; known from its format event. */
  #fileHasChecksum: boolean;
  #isClosed = false;

  /** @throws Error when the driver's insides are not as expected */
  constructor(options: DumpOptions, listener: DumpListener) {
    const connection = vendorConnection(options.connection);
    this.#connection = connection;
    this.#listener = listener;
    this.#isDump = options.isDump;
    this.#useChecksum = options.useChecksum;
    this.#fileHasChecksum = options.useChecksum;
    this.#handle = connection.handlePacket.bind(connection);
    this.#pauseReading = connection.pause.bind(connection);
    this.#resumeReading = connection.resume.bind(connection);
    connection.handlePacket = (packet) => {
      this.#receive(packet);
    };
    // zongji pauses while it fetches a table's columns. They are at hand here, so it never waits; and a resume in the
    // middle of a compressed transaction would let later packets overtake the rest of it.
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
    if (buffer[offset] === 0xfe && end - offset < 9) {
      throw new AppError('SOURCE_DISCONNECTED', 'the server ended the binlog stream');
    }
    if (buffer[offset] !== 0 || end - offset <= EVENT_HEADER_BYTES) {
      this.#handle(packet);
      return;
    }
    const type = buffer[offset + 1 + 4] ?? 0;
    switch (type) {
      case TYPE_FORMAT:
        this.#readFormat(buffer.subarray(offset + 1, end));
        this.#handle(packet);
        return;
      case TYPE_ROTATE:
      case TYPE_HEARTBEAT:
        // Made by the server on the way, with a checksum or without, whatever the file has.
        this.#pass(packet, hasValidChecksum(buffer.subarray(offset + 1, end)));
        return;
      case TYPE_PAYLOAD:
        this.#unpack(packet);
        return;
      case TYPE_PARTIAL_UPDATE:
        throw new AppError(
          'ROW_UNDECODABLE',
          'the server writes partial updates of JSON columns: set binlog_row_value_options to an empty value',
        );
      case TYPE_INCIDENT:
        throw new AppError(
          'BINLOG_POSITION_LOST',
          'the server reports that its binlog misses events here (an incident event)',
        );
      case TYPE_EXECUTE_LOAD:
        this.#readLoad(this.#body(packet, this.#fileHasChecksum));
        this.#pass(packet, this.#fileHasChecksum);
        return;
      default:
        this.#pass(packet, this.#fileHasChecksum);
    }
  }

  /** Hands an event to zongji with or without the checksum that it expects. */
  #pass(packet: VendorPacket, hasChecksum: boolean): void {
    if (hasChecksum === this.#useChecksum) {
      this.#handle(packet);
      return;
    }
    const event = this.#body(packet, hasChecksum);
    const bytes = asPacket(event, { position: null, hasChecksum: this.#useChecksum });
    this.#handle(replaced(packet, bytes));
  }

  /** The event in a packet, header included, checksum excluded. */
  #body(packet: VendorPacket, hasChecksum: boolean): Buffer {
    const end = packet.end - (hasChecksum ? CHECKSUM_BYTES : 0);
    return packet.buffer.subarray(packet.offset + 1, end);
  }

  /** The format event of a file says whether its events have checksums; it has one itself in any case. */
  #readFormat(event: Buffer): void {
    this.#fileHasChecksum = event[event.length - CHECKSUM_BYTES - 1] === 1;
  }

  #readLoad(event: Buffer): void {
    let at = EVENT_HEADER_BYTES;
    const databaseLength = event.readUInt8(at + 8);
    const statusLength = event.readUInt16LE(at + 11);
    at += 13 + 13 + statusLength;
    const database = event.toString('utf8', at, at + databaseLength);
    this.#listener.onLoadStatement(event.toString('utf8', at + databaseLength + 1), database);
  }

  #unpack(packet: VendorPacket): void {
    const whole = packet.buffer.subarray(packet.offset + 1, packet.end);
    if (this.#fileHasChecksum && !hasValidChecksum(whole)) {
      throw new AppError('ROW_UNDECODABLE', 'a compressed transaction has a wrong checksum');
    }
    const event = this.#body(packet, this.#fileHasChecksum);
    const payload = readPayload(event);
    const model = packet.clone();
    const position = event.readUInt32LE(POSITION_AT);
    const onEvent = (inner: Buffer): void => {
      if (this.#isClosed) return;
      // Through the command itself: a pause asked for inside the transaction takes effect behind it.
      const bytes = asPacket(inner, { position, hasChecksum: this.#useChecksum });
      this.#connection._command?.execute(replaced(model, bytes), this.#connection);
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

/**
 * Closes a connection's socket at once. mysql2's own `destroy` only says that we have finished sending: a frozen server
 * never answers that, and a paused socket would not notice if it did.
 */
export function destroySocket(connection: unknown): void {
  vendorConnection(connection).stream.destroy();
}

function replaced(model: VendorPacket, bytes: Buffer): VendorPacket {
  const packet = model.clone();
  packet.buffer = bytes;
  packet.start = 0;
  packet.offset = 4;
  packet.end = bytes.length;
  return packet;
}

/** The driver's connection with the insides we use. The one cast over mysql2: it types none of them. */
function vendorConnection(connection: unknown): VendorConnection {
  const inside = connection as Partial<VendorConnection> | null;
  const isKnown =
    typeof inside?.handlePacket === 'function' &&
    typeof inside.pause === 'function' &&
    typeof inside.resume === 'function' &&
    typeof inside.sequenceId === 'number' &&
    typeof inside._paused === 'boolean' &&
    '_command' in inside &&
    typeof inside.stream?.bytesRead === 'number' &&
    typeof inside.stream.destroy === 'function';
  if (!isKnown)
    throw new Error('this version of mysql2 is not supported: its connection has changed');
  return inside as VendorConnection;
}
