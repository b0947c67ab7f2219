/**
 * The checksum at the end of each event (`binlog_checksum=CRC32`, the default of both servers): what tells a flipped bit, in
 * the file or on the way, from a fact.
 *
 * Whether there is one, each file's format event says, and its word holds for what the server makes up on the way, too: a
 * heartbeat, the rotation that names the next file, MariaDB's list of GTIDs. The very first of these comes before any format
 * event; it has what was asked for by `@master_binlog_checksum` and `@source_binlog_checksum` (MySQL `rpl_binlog_sender.cc`,
 * MariaDB `sql_repl.cc`), and we ask for CRC32. A file without checksums is then sent without: nothing in it can be verified.
 */
import { AppError } from '../../src/errors.ts';
import { EVENT_HEADER_BYTES } from './binlog-event.ts';
import { crc32 } from './crc32.ts';

const CHECKSUM_BYTES = 4;
/** The algorithm, in a format event the byte before its checksum. */
const ALGORITHM_NONE = 0;
const ALGORITHM_CRC32 = 1;
/** CRC-32 of anything with its own CRC-32 behind it, the lowest byte first: one look at the event instead of two. */
const RESIDUE = 0x2144df1c;

export class EventChecksum {
  #isThere = true;

  /**
   * A format event, whole, from `at` to `end`: what follows is as it says.
   *
   * @throws AppError EVENT_DAMAGED; ROW_UNDECODABLE for checksums of another kind
   */
  follow(bytes: Buffer, at: number, end: number): void {
    const algorithm = bytes[end - CHECKSUM_BYTES - 1];
    // Where there are none, its own is left as it was when the server altered it for the way.
    if (algorithm !== ALGORITHM_NONE) verify(bytes, at, end);
    if (algorithm !== ALGORITHM_NONE && algorithm !== ALGORITHM_CRC32) {
      const text = `the binlog has checksums of a kind that is not known (${String(algorithm)})`;
      throw new AppError('ROW_UNDECODABLE', text);
    }
    this.#isThere = algorithm === ALGORITHM_CRC32;
  }

  /**
   * Any other event, whole, from `at` to `end`.
   *
   * @returns where it ends without its checksum, which is right, or not there
   * @throws AppError EVENT_DAMAGED
   */
  endOf(bytes: Buffer, at: number, end: number): number {
    if (!this.#isThere) return end;
    verify(bytes, at, end);
    return end - CHECKSUM_BYTES;
  }
}

function verify(bytes: Buffer, at: number, end: number): void {
  const isLongEnough = end - at >= EVENT_HEADER_BYTES + CHECKSUM_BYTES;
  if (isLongEnough && crc32(bytes, at, end) === RESIDUE) return;
  throw new AppError('EVENT_DAMAGED', 'an event of the binlog came with a wrong checksum');
}
