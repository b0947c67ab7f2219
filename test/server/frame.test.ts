import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PING_FRAME, textFrame } from '../../server/frame.ts';
import { decodeFrames } from './support/frame-decoder.ts';

test.each([
  [0, 2],
  [125, 2],
  [126, 4],
  [127, 4],
  [65_535, 4],
  [65_536, 10],
  [200_000, 10],
])('%i bytes of text have a header of %i bytes', (length, headerBytes) => {
  const text = 'x'.repeat(length);
  const frame = textFrame(text);
  expect(frame.length).toBe(headerBytes + length);
  expect(decodeFrames(frame)).toEqual([{ fin: true, opcode: 1, payload: Buffer.from(text) }]);
});

test('law: any text comes back, its length counted in bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => {
      const [frame, ...rest] = decodeFrames(textFrame(text));
      expect(rest).toEqual([]);
      expect(frame?.payload.toString('utf8')).toBe(text);
    }),
  );
});

test('a server frame is whole, text and unmasked', () => {
  expect([...textFrame('{}')]).toEqual([0x81, 2, 0x7b, 0x7d]);
});

test('the ping is an empty ping', () => {
  expect(decodeFrames(PING_FRAME)).toEqual([{ fin: true, opcode: 9, payload: Buffer.alloc(0) }]);
});
