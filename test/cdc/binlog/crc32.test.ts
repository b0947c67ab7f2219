import { crc32 as crc32OfNode } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32 } from '../../../cdc/binlog/crc32.ts';

test('is the one of zlib, for every length and any bytes', () => {
  const bytes = Buffer.from(Array.from({ length: 600 }, (_, at) => (at * 151 + 7) & 0xff));
  for (let length = 0; length <= bytes.length; length += 1) {
    const from = (bytes.length - length) >> 1;
    const some = bytes.subarray(from, from + length);
    expect(crc32(bytes, from, from + length)).toBe(crc32OfNode(some));
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (any) => {
      expect(crc32(Buffer.from(any), 0, any.length)).toBe(crc32OfNode(any));
    }),
  );
  expect(crc32(Buffer.from('123456789'), 0, 9)).toBe(0xcbf43926);
});
