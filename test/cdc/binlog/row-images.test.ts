/** Rows from the bytes of their events, without a server: values, images, and what must be refused. */
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventReader } from '../../../cdc/binlog/binlog-event.ts';
import type { BinlogEvent, RowsKind } from '../../../cdc/binlog/binlog-event.ts';
import { TYPE } from '../../../cdc/binlog/column-type.ts';
import { decodeRow } from '../../../cdc/binlog/row-decoder.ts';
import { StreamTables } from '../../../cdc/binlog/stream-tables.ts';
import type { RowChange } from '../../../src/auction/row-change.ts';
import { UTC } from '../../../src/auction/zone.ts';
import { AppError } from '../../../src/errors.ts';
import { eventBytes, rowsBytes, tableMapBytes } from '../support/binlog-bytes.ts';
import type { WrittenColumn, WrittenImage } from '../support/binlog-bytes.ts';
import { labMapping } from '../support/lab-mapping.ts';

const mapping = labMapping();

const BIDS: readonly WrittenColumn[] = [
  { code: TYPE.longlong, metadata: [] },
  { code: TYPE.longlong, metadata: [] },
  { code: TYPE.long, metadata: [] },
  { code: TYPE.decimal, metadata: [10, 2] },
  { code: TYPE.timestamp2, metadata: [0] },
];
const ITEMS: readonly WrittenColumn[] = [
  { code: TYPE.longlong, metadata: [] },
  { code: TYPE.string, metadata: [TYPE.enum, 1] },
  { code: TYPE.decimal, metadata: [10, 2] },
  { code: TYPE.datetime2, metadata: [0] },
];

const BIDS_MAP = tableMapBytes(1, { database: 'shop', table: 'bids' }, BIDS);
const ITEMS_MAP = tableMapBytes(2, { database: 'shop', table: 'items' }, ITEMS);

/** Feeds events to the readers of one stream. */
function decoded(...events: readonly Buffer[]): RowChange[] {
  const { statusWords, bannedWords } = mapping;
  const tables = new StreamTables(mapping, {
    flavour: 'mysql',
    zone: UTC,
    statusWords,
    bannedWords,
  });
  const reader = new EventReader();
  const changes: RowChange[] = [];
  for (const bytes of events) {
    const event = reader.read({ bytes, at: 0, end: bytes.length, endOffset: null });
    if (event !== null) take(event, tables, changes);
  }
  return changes;
}

function take(event: BinlogEvent, tables: StreamTables, changes: RowChange[]): void {
  if (event.kind === 'tableMap') tables.learn(event);
  if (event.kind !== 'rows') return;
  const binding = tables.bindingOf(event.tableId);
  const { timestampMs } = event;
  binding?.images.read(event, (before, after) => {
    decodeRow(binding, { before, after, index: 0, timestampMs }, changes);
  });
}

function bid(
  changes: Partial<Record<'id' | 'item' | 'user' | 'amount' | 'at', Buffer | null>> = {},
): WrittenImage {
  const {
    id = u64(9n),
    item = u64(1n),
    user = i32(2),
    amount = money(100n),
    at = u32be(5),
  } = changes;
  return [id, item, user, amount, at];
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function u32be(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** DECIMAL(10,2) of so many cents: four bytes before the point, one behind it. */
function money(cents: bigint): Buffer {
  const size = cents < 0n ? -cents : cents;
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(Number(size / 100n));
  bytes[4] = Number(size % 100n);
  if (cents < 0n) for (const [at, byte] of bytes.entries()) bytes[at] = ~byte & 0xff;
  bytes[0] = (bytes[0] ?? 0) ^ 0x80;
  return bytes;
}

/** DATETIME as MySQL packs it. */
function datetime(
  [year, month, day]: readonly [number, number, number],
  [hour, minute, second]: readonly [number, number, number],
): Buffer {
  const packed =
    (BigInt(year * 13 + month) << 22n) |
    BigInt((day << 17) | (hour << 12) | (minute << 6) | second);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(packed + 0x80_0000_0000n);
  return bytes.subarray(3);
}

function inserted(image: WrittenImage): RowChange | undefined {
  return decoded(BIDS_MAP, rowsBytes(1, 'insert', [[image]]))[0];
}

describe('values', () => {
  test('integers to their ends, amounts to their cents, instants to their second', () => {
    fc.assert(
      fc.property(
        fc.record({
          id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
          user: fc.integer(),
          cents: fc.bigInt({ min: -9_999_999_999n, max: 9_999_999_999n }),
          at: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
        }),
        ({ id, user, cents, at }) => {
          const change = inserted(
            bid({ id: u64(id), user: i32(user), amount: money(cents), at: u32be(at) }),
          );
          const size = cents < 0n ? -cents : cents;
          const text = `${(size / 100n).toString()}.${(size % 100n).toString().padStart(2, '0')}`;
          expect(change).toMatchObject({
            bidId: id.toString(),
            after: {
              bidderId: user.toString(),
              amount: cents < 0n ? `-${text}` : text,
              placedAtMs: at * 1000,
            },
          });
        },
      ),
    );
  });

  test.each([
    [[2026, 2, 3] as const, Date.UTC(2026, 1, 3, 4, 5, 6)],
    [[0, 0, 0] as const, null],
    [[2026, 0, 10] as const, null],
    [[2026, 10, 0] as const, null],
  ])('a date of %o', (date, endTimeMs) => {
    const image = [u64(1n), Buffer.from([1]), money(5n), datetime(date, [4, 5, 6])];
    expect(decoded(ITEMS_MAP, rowsBytes(2, 'insert', [[image]]))).toMatchObject([
      { itemId: '1', after: { status: 'active', currentPrice: '0.05', endTimeMs } },
    ]);
  });

  test('a TIMESTAMP of zero is no instant', () => {
    expect(inserted(bid({ at: u32be(0) }))).toMatchObject({ after: { placedAtMs: null } });
  });

  test.each([
    [
      'a day that never was',
      [u64(1n), Buffer.from([1]), money(5n), datetime([2026, 2, 30], [0, 0, 0])],
      /items\.ends_at does not hold a date/,
    ],
    [
      'an hour that is none',
      [u64(1n), Buffer.from([1]), money(5n), datetime([2026, 2, 3], [24, 0, 0])],
      /items\.ends_at/,
    ],
    [
      'a label past the last',
      [u64(1n), Buffer.from([3]), money(5n), datetime([2026, 2, 3], [0, 0, 0])],
      /items\.status holds an ENUM past its labels/,
    ],
    [
      'the error value of an ENUM',
      [u64(1n), Buffer.from([0]), money(5n), datetime([2026, 2, 3], [0, 0, 0])],
      /items\.status holds the word ""/,
    ],
    [
      'a hundred cents',
      [
        u64(1n),
        Buffer.from([1]),
        Buffer.from([0x80, 0, 0, 0, 100]),
        datetime([2026, 2, 3], [0, 0, 0]),
      ],
      /items\.price holds a DECIMAL with a digit too many/,
    ],
    [
      'a row cut off',
      [u64(1n), Buffer.from([1]), money(5n), Buffer.from([0])],
      /items\.ends_at is cut off/,
    ],
  ])('%s is refused by name', (_, image, message) => {
    expect(() => decoded(ITEMS_MAP, rowsBytes(2, 'insert', [[image]]))).toThrow(message);
  });
});

describe('images', () => {
  test('absent is not NULL, and neither is zero', () => {
    const before = [u64(9n), undefined, undefined, undefined, undefined];
    const after = [undefined, undefined, undefined, money(0n), null];
    expect(decoded(BIDS_MAP, rowsBytes(1, 'update', [[before, after]]))).toMatchObject([
      { kind: 'update', bidId: '9', before: {}, after: { amount: '0.00', placedAtMs: null } },
    ]);
  });

  test('many rows of one event, and the next event with other columns', () => {
    const rows = Array.from({ length: 300 }, (_, at) => [bid({ id: u64(BigInt(at)) })]);
    const gone = [u64(7n), undefined, undefined, undefined, undefined];
    const changes = decoded(
      BIDS_MAP,
      rowsBytes(1, 'insert', rows),
      rowsBytes(1, 'delete', [[gone]]),
    );
    expect(changes).toHaveLength(301);
    expect(changes.at(-1)).toEqual({
      table: 'bids',
      kind: 'delete',
      bidId: '7',
      before: {},
      index: 0,
      timestampMs: 1_800_000_000_000,
    });
  });

  test('a row of which nothing was logged is refused for its key, not passed over', () => {
    const nothing = BIDS.map(() => undefined);
    expect(() => decoded(BIDS_MAP, rowsBytes(1, 'insert', [[nothing]]))).toThrow(
      /bids\.id is not in the row image/,
    );
  });

  test('the envelope of log_bin_compress', () => {
    const plain = rowsBytes(1, 'insert', [[bid()], [bid({ id: u64(10n) })]]);
    // V1 has no extra data; the bitmap ends behind the flags and the number of columns.
    const head = Buffer.concat([plain.subarray(19, 27), plain.subarray(29, 31)]);
    const rows = plain.subarray(31);
    const envelope = Buffer.concat([Buffer.from([0x81, rows.length]), deflateSync(rows)]);
    const compressed = eventBytes(166, Buffer.concat([head, envelope]));
    expect(decoded(BIDS_MAP, compressed)).toEqual(decoded(BIDS_MAP, plain));
    const wrong = Buffer.from(compressed);
    wrong[19 + head.length + 1] = rows.length - 1;
    expect(() => decoded(BIDS_MAP, wrong)).toThrow(AppError);
  });
});

describe('tables', () => {
  test.each([
    [
      'another type',
      [ITEMS[0], { code: TYPE.long, metadata: [] }, ITEMS[2], ITEMS[3]],
      /items\.status is not enum/,
    ],
    [
      'another precision',
      [ITEMS[0], ITEMS[1], { code: TYPE.decimal, metadata: [12, 2] }, ITEMS[3]],
      /items\.price is not decimal\(10,2\)/,
    ],
    [
      'fractions',
      [ITEMS[0], ITEMS[1], ITEMS[2], { code: TYPE.datetime2, metadata: [3] }],
      /items\.ends_at is not datetime/,
    ],
    [
      'a column more',
      [...ITEMS, { code: TYPE.long, metadata: [] }],
      /items has 5 columns where 4 are expected/,
    ],
    ['a column less', ITEMS.slice(0, 3), /items has 3 columns/],
  ])('%s stops by name', (_, columns, message) => {
    const written = columns.filter((column) => column !== undefined);
    expect(() => decoded(tableMapBytes(2, { database: 'shop', table: 'items' }, written))).toThrow(
      message,
    );
  });

  test('of another database or without a role are stepped over, rows and all', () => {
    const other = tableMapBytes(3, { database: 'shop', table: 'others' }, BIDS);
    const elsewhere = tableMapBytes(4, { database: 'else', table: 'bids' }, BIDS);
    const rows = [rowsBytes(3, 'insert', [[bid()]]), rowsBytes(4, 'insert', [[bid()]])];
    expect(decoded(other, elsewhere, ...rows)).toEqual([]);
  });

  test('rows of a table that was never announced are refused, the end of a statement is not', () => {
    expect(() => decoded(rowsBytes(1, 'insert', [[bid()]]))).toThrow(/did not announce/);
    expect(decoded(rowsBytes(0xffff_ffff_ffff, 'insert', [[bid()]]))).toEqual([]);
  });

  test('a thousand other tables do not make one forgotten', () => {
    const others = Array.from({ length: 999 }, (_, at) =>
      tableMapBytes(100 + at, { database: 'shop', table: 'others' }, BIDS),
    );
    expect(decoded(BIDS_MAP, ...others, ...others, rowsBytes(1, 'insert', [[bid()]]))).toHaveLength(
      1,
    );
  });
});

describe('corrupt bytes', () => {
  const KINDS: readonly RowsKind[] = ['insert', 'update', 'delete'];
  const SOUND = [
    BIDS_MAP,
    ITEMS_MAP,
    ...KINDS.map((kind) => rowsBytes(1, kind, [kind === 'update' ? [bid(), bid()] : [bid()]])),
    rowsBytes(2, 'insert', [
      [[u64(1n), Buffer.from([1]), money(5n), datetime([2026, 2, 3], [0, 0, 0])]],
    ]),
    eventBytes(2, Buffer.from('\0\0\0\0\0\0\0\0\x04\0\0\0\0shop\0BEGIN', 'latin1')),
    eventBytes(18, Buffer.alloc(60, 1)),
    eventBytes(33, Buffer.alloc(42, 3)),
    eventBytes(38, Buffer.alloc(30)),
    eventBytes(42, Buffer.alloc(40, 2)),
    eventBytes(162, Buffer.alloc(19, 1)),
    eventBytes(165, Buffer.alloc(60, 0x81)),
    eventBytes(4, Buffer.from('\0\0\0\0\0\0\0\0binlog.000001', 'latin1')),
    eventBytes(27, Buffer.from('binlog.000001', 'latin1')),
  ];

  test('give rows or a named error, never anything else', () => {
    const damage = fc.array(fc.tuple(fc.nat({ max: 200 }), fc.nat({ max: 255 })), { maxLength: 6 });
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ which: fc.nat({ max: SOUND.length - 1 }), damage, cut: fc.nat({ max: 80 }) }),
          {
            maxLength: 6,
          },
        ),
        (events) => {
          const bytes = events.map(({ which, damage: places, cut }) => {
            const copy = Buffer.from(SOUND[which] ?? Buffer.alloc(0));
            for (const [at, byte] of places) if (at < copy.length) copy[at] = byte;
            return cut > 40 ? copy.subarray(0, Math.max(0, copy.length - (cut - 40))) : copy;
          });
          try {
            decoded(BIDS_MAP, ITEMS_MAP, ...bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(AppError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('every single bit of a row event, turned over', () => {
    const sound = rowsBytes(1, 'update', [[bid(), bid()]]);
    let refused = 0;
    for (let at = 0; at < sound.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const copy = Buffer.from(sound);
        copy[at] = (copy[at] ?? 0) ^ (1 << bit);
        try {
          decoded(BIDS_MAP, copy);
        } catch (error) {
          refused += 1;
          if (!(error instanceof AppError)) throw error;
        }
      }
    }
    expect(refused).toBeGreaterThan(50);
  });
});
