/** The clients of the benchmarks count frames right, wherever the stream is cut. */
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { FrameCounter } from '../../bench/frame-counter.ts';
import { PING_FRAME, textFrame } from '../../server/frame.ts';

test('texts and pings are counted whole, whatever their lengths and wherever the bytes are cut', () => {
  const length = fc.oneof(fc.nat(130), fc.constantFrom(125, 126, 127, 65_535, 65_536));
  const frames = fc.array(fc.option(length), { maxLength: 12 });
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 300 })), (lengths, cuts) => {
      const bytes = Buffer.concat(
        lengths.map((it) => (it === null ? PING_FRAME : textFrame('x'.repeat(it)))),
      );
      const counter = new FrameCounter();
      let at = 0;
      for (const cut of cuts) {
        const end = Math.min(bytes.length, at + cut);
        counter.push(bytes, at, end);
        at = end;
      }
      counter.push(bytes, at, bytes.length);
      const texts = lengths.filter((it) => it !== null).length;
      expect(counter).toMatchObject({ texts, pings: lengths.length - texts });
    }),
  );
});

test('a frame counts once its last byte has come', () => {
  const frame = textFrame('hello');
  const counter = new FrameCounter();
  counter.push(frame, 0, frame.length - 1);
  expect(counter.texts).toBe(0);
  counter.push(frame, frame.length - 1, frame.length);
  expect(counter.texts).toBe(1);
});
