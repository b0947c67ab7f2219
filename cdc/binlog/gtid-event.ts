/**
 * The name of a transaction from the GTID events of both servers.
 */
import type { ByteReader } from './byte-reader.ts';
import { Undecodable } from './byte-reader.ts';

const UUID_BYTES = 16;

/** MariaDB's `FL_STANDALONE`: no rows of a transaction follow, but one statement. */
const FLAG_STANDALONE = 0x01;

/** Highest field of a tagged GTID event that a reader must know of: MySQL 9 writes 12 and less. */
const TAGGED_FIELD_MAX = 12n;
const TAG_LENGTH_MAX = 32;

export class GtidReader {
  /** Consecutive transactions are most often of one source: its text is made once. */
  readonly #uuid = Buffer.alloc(UUID_BYTES);
  #source = `${uuidText(this.#uuid)}:`;

  /** MySQL: `uuid:number`. @throws AppError ROW_UNDECODABLE */
  mysql(body: ByteReader): string {
    body.skip(1);
    const source = this.#sourceOf(body.bytes(UUID_BYTES));
    return `${source}${body.u64()}`;
  }

  /** MariaDB: `domain-server-sequence`. @throws AppError ROW_UNDECODABLE */
  mariadb(body: ByteReader, serverId: number): { readonly gtid: string; readonly opens: boolean } {
    const sequence = body.u64();
    const domain = body.u32();
    const opens = (body.u8() & FLAG_STANDALONE) === 0;
    return { gtid: `${domain}-${serverId}-${sequence}`, opens };
  }

  /**
   * MySQL since 8.3, where a tag was given: `uuid:tag:number`. The body is one message of `mysql::serialization`: version,
   * size, the last field that must be known, then fields, each after its number.
   *
   * @throws AppError ROW_UNDECODABLE
   */
  tagged(body: ByteReader): string {
    if (varint(body) !== 1n) throw new Undecodable('has a tagged GTID of another version');
    varint(body);
    if (varint(body) > TAGGED_FIELD_MAX)
      throw new Undecodable('has a tagged GTID with unknown fields');
    if (isField(body, 0)) varint(body);
    if (!isField(body, 1)) throw new Undecodable('has a tagged GTID without its source');
    const uuid = Buffer.alloc(UUID_BYTES);
    for (let at = 0; at < UUID_BYTES; at += 1) uuid[at] = Number(varint(body) & 0xffn);
    if (!isField(body, 2)) throw new Undecodable('has a tagged GTID without its number');
    const number = signed(varint(body));
    const tagLength = isField(body, 3) ? Number(varint(body)) : 0;
    if (tagLength > TAG_LENGTH_MAX) throw new Undecodable('has a tagged GTID with a bad tag');
    const tag = body.text(tagLength);
    return `${this.#sourceOf(uuid)}${tag === '' ? '' : `${tag}:`}${number}`;
  }

  #sourceOf(uuid: Buffer): string {
    if (!this.#uuid.equals(uuid)) {
      uuid.copy(this.#uuid);
      this.#source = `${uuidText(uuid)}:`;
    }
    return this.#source;
  }
}

function uuidText(uuid: Buffer): string {
  const hex = uuid.toString('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return `${parts.join('-')}-${hex.slice(20)}`;
}

/** Takes the number of a field if it is the next. Numbers up to 63 are one byte: twice the number. */
function isField(body: ByteReader, field: number): boolean {
  if (body.peek() !== field << 1) return false;
  body.skip(1);
  return true;
}

/** The ones at the low end of the first byte count the bytes that follow. */
function varint(body: ByteReader): bigint {
  const first = body.u8();
  let extra = 0;
  while (extra < 8 && ((first >> extra) & 1) === 1) extra += 1;
  let rest = 0n;
  for (let at = 0; at < extra; at += 1) rest |= BigInt(body.u8()) << BigInt(8 * at);
  if (extra === 8) return rest;
  return (BigInt(first) >> BigInt(extra + 1)) | (rest << BigInt(7 - extra));
}

/** Signed numbers have their sign in the lowest bit. */
function signed(number: bigint): bigint {
  return (number & 1n) === 1n ? -(number >> 1n) - 1n : number >> 1n;
}
