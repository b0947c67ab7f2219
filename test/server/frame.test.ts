import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { Receiver } from 'ws';
import { PING_FRAME, textFrame } from '../../server/frame.ts';

/** What `ws` itself, as a client, reads from the bytes. */
async function read(frames: Buffer, event: 'message' | 'ping'): Promise<string> {
  const receiver = new Receiver({ isServer: false });
  const wire = new PassThrough();
  wire.pipe(receiver);
  const received = once(receiver, event);
  wire.end(frames);
  const [data] = (await received) as [Buffer];
  return data.toString('utf8');
}

test.each([0, 1, 125, 126, 127, 65_535, 65_536, 200_000])('%i bytes', async (length) => {
  const text = 'x'.repeat(length);
  expect(await read(textFrame(text), 'message')).toBe(text);
});

test('length counts bytes, not characters', async () => {
  const text = 'Zoë pays 12 € 🎉'.repeat(10);
  expect(await read(textFrame(text), 'message')).toBe(text);
});

test('a server frame is whole, text and unmasked', () => {
  const frame = textFrame('{}');
  expect([...frame]).toEqual([0x81, 2, 0x7b, 0x7d]);
});

test('the ping is an empty ping', async () => {
  expect(await read(PING_FRAME, 'ping')).toBe('');
});
