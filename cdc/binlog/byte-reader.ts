/**
 * Reads numbers and text from the bytes of one event, in order, and never past their end. Events come over a wire from a
 * file on another machine: whatever they say of their own lengths is looked at before it is believed.
 */
import { AppError } from '../../src/errors.ts';

const NOTHING = Buffer.alloc(0);
/** Higher halves of 64 bits from which a number is not exact. */
const SAFE_HIGH = 0x20_0000;

export class ByteReader {
  #bytes: Buffer = NOTHING;
  #at = 0;
  #end = 0;

  /** Turns to other bytes: those of `bytes` from `at` to `end`, both within it. One reader serves a whole stream. */
  turnTo(bytes: Buffer, at: number, end: number): this {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
    return this;
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** @throws AppError ROW_UNDECODABLE, as all that follow, where so many bytes are not left */
  skip(bytes: number): void {
    this.#take(bytes);
  }

  u8(): number {
    const at = this.#take(1);
    return this.#bytes[at] ?? 0;
  }

  u16(): number {
    const at = this.#take(2);
    const bytes = this.#bytes;
    return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  }

  u24(): number {
    const at = this.#take(3);
    const bytes = this.#bytes;
    return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  u48(): number {
    return this.#bytes.readUIntLE(this.#take(6), 6);
  }

  /** A number while it is exact as one. */
  u64(): number | bigint {
    const at = this.#take(8);
    const high = this.#bytes.readUInt32LE(at + 4);
    return high < SAFE_HIGH
      ? high * 0x1_0000_0000 + this.#bytes.readUInt32LE(at)
      : this.#bytes.readBigUInt64LE(at);
  }

  /** An unsigned number of 1 to 4 bytes, the lowest first. */
  unsigned(size: number): number {
    switch (size) {
      case 1:
        return this.u8();
      case 2:
        return this.u16();
      case 3:
        return this.u24();
      case 4:
        return this.u32();
      default:
        throw new Undecodable(`has a number of ${size.toString()} bytes`);
    }
  }

  /** An unsigned number of 1 to 6 bytes, the highest first. */
  unsignedBe(size: number): number {
    let at = this.#take(size);
    const end = this.#at;
    let number = 0;
    for (; at < end; at += 1) number = number * 256 + (this.#bytes[at] ?? 0);
    return number;
  }

  /** A length-encoded integer (`net_field_length`), as far as a number is exact. */
  lengthEncoded(): number {
    const first = this.u8();
    if (first < 251) return first;
    if (first === 252) return this.u16();
    if (first === 253) return this.u24();
    const number = first === 254 ? Number(this.u64()) : Number.NaN;
    if (Number.isSafeInteger(number)) return number;
    throw new Undecodable('has a bad number');
  }

  /** The next bytes, not copied: they are good as long as the event. */
  bytes(size: number): Buffer {
    const at = this.#take(size);
    return this.#bytes.subarray(at, at + size);
  }

  /** UTF-8 text of so many bytes. */
  text(size: number): string {
    const at = this.#take(size);
    return this.#bytes.toString('utf8', at, at + size);
  }

  /** All that is left, not copied. */
  rest(): Buffer {
    return this.bytes(this.left);
  }

  /** The byte so many places further on, which stays to be read; undefined past the end. */
  peek(ahead = 0): number | undefined {
    const at = this.#at + ahead;
    return at < this.#end ? this.#bytes[at] : undefined;
  }

  /** Where it stands: for `byteAt` and `returnTo`, until it turns to other bytes. */
  get place(): number {
    return this.#at;
  }

  /** A byte at or behind a place that was read already. */
  byteAt(place: number): number {
    return this.#bytes[place] ?? 0;
  }

  /** Goes back to a place where it stood. */
  returnTo(place: number): void {
    this.#at = place;
  }

  /** True when these very bytes come next. */
  isNext(bytes: Buffer): boolean {
    if (this.left < bytes.length) return false;
    const at = this.#at;
    for (let index = 0; index < bytes.length; index += 1) {
      if (this.#bytes[at + index] !== bytes[index]) return false;
    }
    return true;
  }

  #take(size: number): number {
    const at = this.#at;
    const next = at + size;
    if (!(next <= this.#end)) throw new Undecodable('is cut off');
    this.#at = next;
    return at;
  }
}

/** Bytes that cannot be what they claim to be: ROW_UNDECODABLE. */
export class Undecodable extends AppError {
  /** The end of a sentence whose subject is the event, or the column where it is known. */
  readonly what: string;

  constructor(what: string, options?: ErrorOptions) {
    super('ROW_UNDECODABLE', `an event of the binlog ${what}`, options);
    this.what = what;
  }
}
