/**
 * CRC-32 as the binlog has it (IEEE, as in zlib), fast for small events.
 *
 * Most events have 30 to 100 bytes, and a transaction has five of them: there Node's own `crc32` spends its time on the way
 * into native code. For these eight tables do it here ("slicing-by-8"), in about a third of the time; great events
 * are Node's.
 */
import { crc32 as crc32OfNode } from 'node:zlib';

/** From here on Node's is as fast. */
const GREAT_BYTES = 256;
const POLYNOMIAL = 0xedb88320;
const [T0, T1, T2, T3, T4, T5, T6, T7] = tables();

/** @returns of the bytes from `from` to `end`, both within them: 32 bits, unsigned */
export function crc32(bytes: Buffer, from: number, end: number): number {
  if (end - from >= GREAT_BYTES) return crc32OfNode(bytes.subarray(from, end));
  let sum = -1;
  let at = from;
  for (; at + 8 <= end; at += 8) {
    sum ^= bytes.readInt32LE(at);
    sum =
      look(T7, sum) ^
      look(T6, sum >>> 8) ^
      look(T5, sum >>> 16) ^
      look(T4, sum >>> 24) ^
      look(T3, bytes[at + 4]) ^
      look(T2, bytes[at + 5]) ^
      look(T1, bytes[at + 6]) ^
      look(T0, bytes[at + 7]);
  }
  for (; at < end; at += 1) sum = look(T0, sum ^ (bytes[at] ?? 0)) ^ (sum >>> 8);
  return ~sum >>> 0;
}

function look(table: Int32Array, index = 0): number {
  return table[index & 0xff] ?? 0;
}

type Eight<T> = readonly [T, T, T, T, T, T, T, T];

/** The first: of each byte by itself; each further one: of that byte with one more zero byte behind it. */
function tables(): Eight<Int32Array> {
  const table = (of: (byte: number) => number): Int32Array =>
    Int32Array.from({ length: 256 }, (_, byte) => of(byte));
  const first = table((byte) => {
    let sum = byte;
    for (let bit = 0; bit < 8; bit += 1)
      sum = (sum & 1) === 1 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1;
    return sum;
  });
  const next = (before: Int32Array): Int32Array =>
    table((byte) => {
      const sum = look(before, byte);
      return look(first, sum) ^ (sum >>> 8);
    });
  const second = next(first);
  const third = next(second);
  const fourth = next(third);
  const fifth = next(fourth);
  const sixth = next(fifth);
  const seventh = next(sixth);
  return [first, second, third, fourth, fifth, sixth, seventh, next(seventh)];
}
