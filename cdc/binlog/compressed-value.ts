/**
 * MariaDB's two ways to compress parts of the binlog, both zlib: whole events (`log_bin_compress`) and values of columns
 * declared COMPRESSED. Both say how long the original is, and are held to it.
 */
import { inflateRawSync, inflateSync } from 'node:zlib';
import { Undecodable } from './byte-reader.ts';

const EVENT_FLAG = 0x80;
const EVENT_ALGORITHM_BITS = 0x70;
const LENGTH_BITS = 0x07;

const METHOD_STORED = 0;
const METHOD_ZLIB = 8;
/** The value has no zlib header. */
const RAW_BIT = 0x08;

/** The compressed part of an event. @throws AppError ROW_UNDECODABLE */
export function inflateEnvelope(envelope: Buffer): Buffer {
  const header = envelope[0] ?? 0;
  if ((header & EVENT_FLAG) === 0 || (header & EVENT_ALGORITHM_BITS) !== 0) {
    throw new Undecodable('is compressed in an unknown way');
  }
  return inflated(envelope, header & LENGTH_BITS, inflateSync);
}

/** The value of a COMPRESSED column. @throws AppError ROW_UNDECODABLE */
export function inflateValue(value: Buffer): Buffer {
  const header = value[0];
  if (header === undefined) return value;
  const method = header >> 4;
  if (method === METHOD_STORED) return value.subarray(1);
  if (method !== METHOD_ZLIB) throw new Undecodable('is compressed in an unknown way');
  const inflate = (header & RAW_BIT) === 0 ? inflateSync : inflateRawSync;
  return inflated(value, header & LENGTH_BITS, inflate);
}

function inflated(
  bytes: Buffer,
  lengthBytes: number,
  inflate: (bytes: Buffer, options: { readonly maxOutputLength: number }) => Buffer,
): Buffer {
  if (lengthBytes < 1 || lengthBytes > 4 || bytes.length <= lengthBytes) {
    throw new Undecodable('is cut off in its compressed part');
  }
  const length = bytes.readUIntBE(1, lengthBytes);
  let result: Buffer;
  try {
    result = inflate(bytes.subarray(1 + lengthBytes), { maxOutputLength: Math.max(1, length) });
  } catch (error) {
    throw new Undecodable('does not inflate', { cause: error });
  }
  if (result.length !== length) {
    throw new Undecodable('inflates to another length than it says');
  }
  return result;
}
