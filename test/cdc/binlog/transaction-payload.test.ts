import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  readPayload,
  unpackAsStream,
  unpackAtOnce,
} from '../../../cdc/binlog/transaction-payload.ts';

function innerEvent(bodyBytes: number, fill = 7): Buffer {
  const event = Buffer.alloc(19 + bodyBytes, fill);
  event.writeUInt32LE(event.length, 9);
  return event;
}

/** A TRANSACTION_PAYLOAD event as MySQL writes it. */
function payloadEvent(
  inner: Buffer,
  changes: { size?: number; type?: number; bytes?: Buffer } = {},
): Buffer {
  const bytes = changes.bytes ?? zstdCompressSync(inner);
  const numbered = (value: number): Buffer => {
    if (value < 251) return Buffer.from([value]);
    const number = Buffer.alloc(9);
    number[0] = 254;
    number.writeBigUInt64LE(BigInt(value), 1);
    return number;
  };
  const field = (type: number, value: number): Buffer => {
    const text = numbered(value);
    return Buffer.concat([Buffer.from([type, text.length]), text]);
  };
  return Buffer.concat([
    Buffer.alloc(19),
    field(2, changes.type ?? 0),
    field(3, changes.size ?? inner.length),
    field(9, 1),
    field(1, bytes.length),
    Buffer.from([0]),
    bytes,
  ]);
}

async function both(event: Buffer): Promise<Buffer[]> {
  const payload = readPayload(event);
  const once: Buffer[] = [];
  const streamed: Buffer[] = [];
  unpackAtOnce(payload, (inner) => once.push(Buffer.from(inner)));
  if (payload.isCompressed) {
    await unpackAsStream(payload, (inner) => streamed.push(Buffer.from(inner)));
    expect(areEqual(streamed, once)).toBe(true);
  }
  return once;
}

/** Byte by byte; a matcher takes seconds for megabytes. */
function areEqual(some: readonly Buffer[], others: readonly Buffer[]): boolean {
  return some.length === others.length && some.every((each, at) => others[at]?.equals(each));
}

describe('a compressed transaction', () => {
  test('gives its events back, whatever their sizes, at once and as a stream', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 1, maxLength: 30 }),
        async (sizes) => {
          const events = sizes.map((size, at) => innerEvent(size, at));
          expect(await both(payloadEvent(Buffer.concat(events)))).toEqual(events);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('holds events greater than any chunk', async () => {
    const events = [innerEvent(3), innerEvent(3_000_000), innerEvent(700_000), innerEvent(0)];
    expect(areEqual(await both(payloadEvent(Buffer.concat(events))), events)).toBe(true);
  });

  test('may be stored without compression, or as several frames', async () => {
    const events = [innerEvent(3), innerEvent(90)];
    const inner = Buffer.concat(events);
    expect(await both(payloadEvent(inner, { type: 255, bytes: inner }))).toEqual(events);
    const frames = Buffer.concat(events.map((event) => zstdCompressSync(event)));
    expect(await both(payloadEvent(inner, { bytes: frames }))).toEqual(events);
  });

  const good = Buffer.concat([innerEvent(30), innerEvent(2000)]);
  const cases: Record<string, Buffer> = {
    'cut off in its fields': payloadEvent(good).subarray(0, 22),
    'cut off in its payload': payloadEvent(good).subarray(0, -5),
    'of unknown compression': payloadEvent(good, { type: 7 }),
    'greater than announced': payloadEvent(good, { size: good.length - 1 }),
    'smaller than announced': payloadEvent(good, { size: good.length + 1 }),
    'no zstd at all': payloadEvent(good, { bytes: Buffer.alloc(90, 3) }),
    'cut off inside an event': payloadEvent(good.subarray(0, -10)),
    'with an impossible event length': payloadEvent(
      Buffer.concat([innerEvent(3), Buffer.alloc(40)]),
    ),
    'with a frame cut off': payloadEvent(good, { bytes: zstdCompressSync(good).subarray(0, -6) }),
  };
  test.each(Object.entries(cases))('%s is refused by name', async (_, event) => {
    await expect((async () => both(event))()).rejects.toMatchObject({ code: 'ROW_UNDECODABLE' });
    await expect(
      (async () => {
        await unpackAsStream(readPayload(event), () => undefined);
      })(),
    ).rejects.toMatchObject({ code: 'ROW_UNDECODABLE' });
  });

  test('never ends the program on random bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const event = Buffer.concat([Buffer.alloc(19), bytes]);
        await both(event).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'ROW_UNDECODABLE' });
        });
      }),
    );
  });
});
