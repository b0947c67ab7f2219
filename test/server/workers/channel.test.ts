import { duplexPair } from 'node:stream';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { Channel, encodeMessage } from '../../../server/workers/channel.ts';
import { ChannelLog, writeLine } from '../../../server/workers/channel-log.ts';
import type { LogLine } from '../../../server/workers/worker-message.ts';
import { AppError } from '../../../src/errors.ts';
import { createLog } from '../../../src/log.ts';
import { until } from '../../support/until.ts';

interface Note {
  readonly text: string;
  readonly at: number;
}

test('messages arrive whole and in order, however the stream is cut', async () => {
  const someNotes = fc.array(fc.record({ text: fc.string({ unit: 'grapheme' }), at: fc.nat() }), {
    minLength: 1,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(someNotes, fc.integer({ min: 1, max: 400 }), async (notes, cutBytes) => {
      const [here, there] = duplexPair();
      const heard: Note[] = [];
      new Channel<Note, Note>(there, {
        received: (note) => heard.push(note),
        ended: () => undefined,
      });
      const bytes = Buffer.concat(notes.map(encodeMessage));
      for (let at = 0; at < bytes.length; at += cutBytes) {
        here.write(bytes.subarray(at, at + cutBytes));
      }
      await until(() => heard.length === notes.length, { what: 'all messages' });
      expect(heard).toEqual(notes);
      here.destroy();
    }),
    { numRuns: 50 },
  );
});

test('an end is told once, and nothing can be sent after it', async () => {
  const [here, there] = duplexPair();
  let ends = 0;
  const channel = new Channel<Note, Note>(here, {
    received: () => undefined,
    ended: () => {
      ends += 1;
    },
  });
  there.destroy();
  channel.destroy();
  await until(() => ends > 0, { what: 'the end' });
  channel.send({ text: 'late', at: 1 });
  let isFlushed = false;
  channel.flushed(() => {
    isFlushed = true;
  });
  expect(isFlushed).toBe(true);
  expect(ends).toBe(1);
});

test('a line of a worker is written by the primary with its fields, an error with its code', () => {
  const lines: string[] = [];
  const target = { isTerminal: false, write: (line: string) => lines.push(line) };
  const { log } = createLog({ level: 'info', format: 'json' }, target);
  const worker = new ChannelLog((line) => {
    // As it crosses.
    writeLine(log.child({ worker: 2 }), structuredClone(line) satisfies LogLine);
  });
  const err = new AppError('SOURCE_UNREACHABLE', 'no answer in time');
  worker.child({ part: 'gateway' }).warn({ err }, 'standing unreadable');
  worker.debug({}, 'not at this level');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    {
      level: 'warn',
      worker: 2,
      part: 'gateway',
      msg: 'standing unreadable',
      err: { type: 'AppError', code: 'SOURCE_UNREACHABLE', message: 'no answer in time' },
    },
  ]);
});
