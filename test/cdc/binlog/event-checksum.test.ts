import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventChecksum } from '../../../cdc/binlog/event-checksum.ts';
import { eventBytes } from '../support/binlog-bytes.ts';

const FORMAT = 15;
const ROWS = 30;
const HEARTBEAT = 27;
const NONE = 0;
const CRC32 = 1;

const body = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));

function withChecksum(event: Buffer): Buffer {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32(event));
  return Buffer.concat([event, checksum]);
}

/** A format event that says which checksums follow. */
function format(algorithm: number): Buffer {
  return withChecksum(eventBytes(FORMAT, Buffer.from([4, 0, 0, algorithm])));
}

function flipped(event: Buffer, bit: number): Buffer {
  const damaged = Buffer.from(event);
  const at = bit >> 3;
  damaged[at] = (damaged[at] ?? 0) ^ (1 << (bit & 7));
  return damaged;
}

function reading(algorithm: number): EventChecksum {
  return followed(new EventChecksum(), format(algorithm));
}

function followed(checksum: EventChecksum, event: Buffer): EventChecksum {
  checksum.follow(event, 0, event.length);
  return checksum;
}

/** How long an event is without its checksum, read as a part of more bytes. */
function lengthWithout(checksum: EventChecksum, event: Buffer): number {
  const packet = Buffer.concat([Buffer.from([0]), event, event]);
  return checksum.endOf(packet, 1, 1 + event.length) - 1;
}

describe('the checksum of an event', () => {
  test('is not part of the event, whatever that holds', () => {
    fc.assert(
      fc.property(body, (bytes) => {
        const event = eventBytes(ROWS, bytes);
        expect(lengthWithout(reading(CRC32), withChecksum(event))).toBe(event.length);
      }),
    );
  });

  test('shows every single flipped bit, its own included', () => {
    fc.assert(
      fc.property(body, fc.nat(), (bytes, at) => {
        const event = withChecksum(eventBytes(ROWS, bytes));
        const damaged = flipped(event, at % (event.length * 8));
        expect(() => lengthWithout(reading(CRC32), damaged)).toThrow(
          expect.objectContaining({ code: 'EVENT_DAMAGED' }),
        );
      }),
    );
  });

  test('is there before the first format event, because it is asked for', () => {
    const event = eventBytes(HEARTBEAT, Buffer.from('binlog.000001'));
    expect(lengthWithout(new EventChecksum(), withChecksum(event))).toBe(event.length);
    expect(() => lengthWithout(new EventChecksum(), event)).toThrow(
      expect.objectContaining({ code: 'EVENT_DAMAGED' }),
    );
  });

  test('is not there in a file without, until a format event says otherwise', () => {
    const event = eventBytes(ROWS, Buffer.from('rows'));
    const checksum = reading(NONE);
    expect(lengthWithout(checksum, event)).toBe(event.length);
    followed(checksum, format(CRC32));
    expect(lengthWithout(checksum, withChecksum(event))).toBe(event.length);
  });

  test('of a format event is looked at too, unless there are to be none', () => {
    for (let bit = 0; bit < format(CRC32).length * 8; bit += 1) {
      const damaged = flipped(format(CRC32), bit);
      if (damaged.at(-5) === NONE) continue;
      expect(() => {
        followed(new EventChecksum(), damaged);
      }).toThrow(expect.objectContaining({ code: 'EVENT_DAMAGED' }));
    }
    const altered = flipped(format(NONE), 0);
    expect(() => {
      followed(new EventChecksum(), altered);
    }).not.toThrow();
  });

  test('of a kind that is not known stops us, and so does an event too short to have one', () => {
    expect(() => reading(2)).toThrow(expect.objectContaining({ code: 'ROW_UNDECODABLE' }));
    for (const length of [0, 4, 19, 22]) {
      const event = withChecksum(Buffer.alloc(Math.max(0, length - 4))).subarray(0, length);
      expect(() => lengthWithout(reading(CRC32), event)).toThrow(
        expect.objectContaining({ code: 'EVENT_DAMAGED' }),
      );
    }
  });
});
