/**
 * RFC 6455 against the real listener, byte by byte: our own list of the cases that matter, each with the close code it
 * must end in, or the answer it must get. After each of them an honest client is served.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GatewayHarness, mint } from '../server/support/gateway-harness.ts';
import { decodeFrames } from '../server/support/frame-decoder.ts';
import { RawClient } from '../server/support/raw-client.ts';
import { until } from '../support/until.ts';
import { frame, type FrameParts } from './support/hostile-frame.ts';

const PING_TEXT = '{"type":"ping"}';
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

const utf8 = (...bytes: number[]): Buffer => Buffer.from(bytes);
const closing = (code: number, reason: Buffer | string = ''): Buffer => {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return Buffer.concat([head, Buffer.from(reason)]);
};
const text = (payload: Buffer | string, parts: Partial<FrameParts> = {}): Buffer =>
  frame({ opcode: TEXT, payload, ...parts });
const padded = (bytes: number): string => `${PING_TEXT}${' '.repeat(bytes - PING_TEXT.length)}`;

/** What follows: a close with this code, `pong` (our answer to a client's ping message), or a control pong. */
type Outcome = number | 'answer' | 'pong frame';

const cases: Readonly<Record<string, readonly (readonly [string, Buffer, Outcome])[]>> = {
  lengths: [
    ...[15, 125, 126, 127, 128, 255, 256, 16_384].map(
      (bytes) => [`${bytes} bytes`, text(padded(bytes)), 'answer'] as const,
    ),
    ['16,385 bytes', text(padded(16_385)), 1009],
    ['65,536 bytes', text(padded(65_536)), 1009],
    ['1 GiB announced', text('x', { claim: 2n ** 30n }), 1009],
    ['2^53 announced', text('x', { claim: 2n ** 53n }), 1009],
    ['2^63 - 1 announced', text('x', { claim: 2n ** 63n - 1n }), 1009],
    ['2^64 - 1 announced', text('x', { claim: 2n ** 64n - 1n }), 1009],
    ['empty', text(''), 'answer'],
  ],
  masking: [
    ['unmasked text', text(PING_TEXT, { masked: false }), 1002],
    ['unmasked ping', frame({ opcode: PING, payload: '', masked: false }), 1002],
    ['unmasked close', frame({ opcode: CLOSE, payload: closing(1000), masked: false }), 1002],
    ['masked with a real key', text(PING_TEXT, { key: utf8(0xde, 0xad, 0xbe, 0xef) }), 'answer'],
  ],
  'reserved bits and opcodes': [
    ...[0x40, 0x20, 0x10, 0x70].map(
      (reserved) => [`RSV ${reserved.toString(16)}`, text(PING_TEXT, { reserved }), 1002] as const,
    ),
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(
      (opcode) => [`opcode ${opcode}`, frame({ opcode, payload: '' }), 1002] as const,
    ),
    ['RSV1 on a ping', frame({ opcode: PING, payload: '', reserved: 0x40 }), 1002],
  ],
  fragments: [
    [
      'two',
      Buffer.concat([text('{"type":', { fin: false }), frame({ opcode: 0, payload: '"ping"}' })]),
      'answer',
    ],
    [
      'a ping between two',
      Buffer.concat([
        text('{"type":', { fin: false }),
        frame({ opcode: PING, payload: 'hi' }),
        frame({ opcode: 0, payload: '"ping"}' }),
      ]),
      'answer',
    ],
    [
      'a letter of several bytes cut in two',
      Buffer.concat([
        text(utf8(0xe2, 0x82), { fin: false }),
        frame({ opcode: 0, payload: utf8(0xac) }),
      ]),
      'answer',
    ],
    ['continuation of nothing', frame({ opcode: 0, payload: 'x' }), 1002],
    ['last continuation of nothing', frame({ opcode: 0, payload: '', fin: true }), 1002],
    ['text inside a text', Buffer.concat([text('a', { fin: false }), text('b')]), 1002],
    ['ping in fragments', frame({ opcode: PING, payload: '', fin: false }), 1002],
    ['close in fragments', frame({ opcode: CLOSE, payload: closing(1000), fin: false }), 1002],
    [
      '16,385 bytes in all',
      Buffer.concat([text(padded(16_384), { fin: false }), frame({ opcode: 0, payload: 'x' })]),
      1009,
    ],
    [
      '257 of them',
      Buffer.concat([
        text('', { fin: false }),
        ...Array.from({ length: 256 }, () => frame({ opcode: 0, payload: '', fin: false })),
      ]),
      1008,
    ],
    [
      '20,000 tiny ones',
      Buffer.concat([
        text('', { fin: false }),
        ...Array.from({ length: 20_000 }, () => frame({ opcode: 0, payload: 'x', fin: false })),
      ]),
      1008,
    ],
  ],
  'control frames': [
    ['ping', frame({ opcode: PING, payload: 'hello' }), 'pong frame'],
    ['ping of 125 bytes', frame({ opcode: PING, payload: 'x'.repeat(125) }), 'pong frame'],
    ['ping of 126 bytes', frame({ opcode: PING, payload: 'x'.repeat(126) }), 1002],
    [
      'pong nobody asked for',
      Buffer.concat([frame({ opcode: PONG, payload: 'x' }), text(PING_TEXT)]),
      'answer',
    ],
    ['binary', frame({ opcode: BINARY, payload: 'x' }), 1003],
    ['empty binary', frame({ opcode: BINARY, payload: '' }), 1003],
  ],
  'UTF-8': [
    ...(
      [
        ['stray continuation', utf8(0x80)],
        ['cut short', utf8(0xe2, 0x82)],
        ['overlong slash', utf8(0xc0, 0xaf)],
        ['overlong of 3', utf8(0xe0, 0x80, 0xaf)],
        ['overlong NUL', utf8(0xc0, 0x80)],
        ['surrogate', utf8(0xed, 0xa0, 0x80)],
        ['past U+10FFFF', utf8(0xf4, 0x90, 0x80, 0x80)],
        ['5 bytes', utf8(0xf8, 0x88, 0x80, 0x80, 0x80)],
        ['FE', utf8(0xfe)],
        ['FF', utf8(0xff)],
      ] as const
    ).map(([name, bytes]) => [name, text(bytes), 1007] as const),
    [
      'broken across fragments',
      Buffer.concat([text(utf8(0xe2), { fin: false }), frame({ opcode: 0, payload: 'x' })]),
      1007,
    ],
    ['U+10FFFF', text(utf8(0xf4, 0x8f, 0xbf, 0xbf)), 'answer'],
    ['NUL', text(utf8(0)), 'answer'],
  ],
  'close codes': [
    ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999].map(
      (code) => [`${code}`, frame({ opcode: CLOSE, payload: closing(code) }), code] as const,
    ),
    ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map(
      (code) => [`${code}`, frame({ opcode: CLOSE, payload: closing(code) }), 1002] as const,
    ),
    ['none', frame({ opcode: CLOSE, payload: '' }), 1005],
    ['half a code', frame({ opcode: CLOSE, payload: utf8(3) }), 1002],
    ['a reason', frame({ opcode: CLOSE, payload: closing(1000, 'bye') }), 1000],
    [
      'a reason that is no UTF-8',
      frame({ opcode: CLOSE, payload: closing(1000, utf8(0xff)) }),
      1007,
    ],
    [
      'a reason of 124 bytes',
      frame({ opcode: CLOSE, payload: closing(1000, 'x'.repeat(124)) }),
      1002,
    ],
    [
      'and frames after it',
      Buffer.concat([frame({ opcode: CLOSE, payload: closing(1000) }), text(PING_TEXT)]),
      1000,
    ],
  ],
  JSON: [
    ['10,000 lists deep', text('['.repeat(10_000)), 'answer'],
    ['8,000 lists deep, closed', text(`${'['.repeat(8000)}${']'.repeat(8000)}`), 'answer'],
    ['8,000 deep in a field', text(`{"action":${'['.repeat(8000)}${']'.repeat(8000)}}`), 'answer'],
    [
      '__proto__',
      text('{"__proto__":{"action":"ping","type":"ping"},"action":"subscribe"}'),
      'answer',
    ],
    ['constructor', text('{"action":"constructor"}'), 'answer'],
    ['__proto__ as action', text('{"action":"__proto__"}'), 'answer'],
    ['a huge number', text(`{"action":"subscribe","itemId":1e400}`), 'answer'],
    [
      'a number of 10,000 digits',
      text(`{"action":"subscribe","itemId":${'9'.repeat(10_000)}}`),
      'answer',
    ],
    [
      'an id of 10,000 digits',
      text(`{"action":"subscribe","itemId":"${'9'.repeat(10_000)}"}`),
      'answer',
    ],
    ['negative zero', text('{"action":"subscribe","itemId":-0}'), 'answer'],
    ['a lone surrogate', text('{"action":"\\ud800"}'), 'answer'],
    ['a thousand equal keys', text(`{${'"action":"x",'.repeat(1000)}"action":"ping"}`), 'answer'],
  ],
};

let harness: GatewayHarness;
beforeAll(async () => {
  harness = await GatewayHarness.start();
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

describe.each(Object.entries(cases))('%s', (_group, list) => {
  test.each(list)('%s', async (_name, bytes, expected) => {
    const client = new RawClient(harness.port);
    await client.upgrade(`/?token=${mint({ userId: 7 })}`);
    client.socket.write(bytes);
    const last = (): readonly [number, Buffer] | undefined => {
      const frames = decodeFrames(client.bytes);
      const found = frames.find(({ opcode }) =>
        typeof expected === 'number'
          ? opcode === CLOSE
          : opcode === (expected === 'answer' ? TEXT : PONG),
      );
      return found === undefined ? undefined : [found.opcode, found.payload];
    };
    const [opcode, payload] = await until(() => last(), {
      what: () => `${String(expected)}; got ${client.bytes.toString('hex').slice(0, 200)}`,
    });
    if (opcode === CLOSE) {
      expect(payload.length === 0 ? 1005 : payload.readUInt16BE(0)).toBe(expected);
      await client.closed();
    } else {
      expect(client.isClosed).toBe(false);
      client.socket.destroy();
    }
    const honest = await harness.client();
    await honest.leave();
  });
});

test('an object’s prototype is as it was after all of that', () => {
  const plain: Record<string, unknown> = {};
  expect(plain['action']).toBeUndefined();
  expect(Object.keys(Object.prototype)).toEqual([]);
});
