/** A stretch of the binlog in bytes. */
import { expect, test } from 'vitest';
import { BinlogExtent } from '../../../cdc/binlog/binlog-extent.ts';

const FILES = [
  { file: 'binlog.000008', bytes: 5_000 },
  { file: 'binlog.000009', bytes: 1_000 },
  { file: 'binlog.000010', bytes: 2_000 },
  { file: 'binlog.000011', bytes: 300 },
];
const from = { file: 'binlog.000009', offset: 4 };
const extent = new BinlogExtent(FILES, { from, until: { file: 'binlog.000011', offset: 200 } });

test('counts the files between its ends', () => {
  expect(extent.bytes).toBe(996 + 2_000 + 200);
});

test('grows with the position, from nothing to all of it', () => {
  expect(extent.bytesUpTo({ file: 'binlog.000008', offset: 700 })).toBe(0);
  expect(extent.bytesUpTo(from)).toBe(0);
  expect(extent.bytesUpTo({ file: 'binlog.000009', offset: 504 })).toBe(500);
  expect(extent.bytesUpTo({ file: 'binlog.000010', offset: 100 })).toBe(996 + 100);
  expect(extent.bytesUpTo({ file: 'binlog.000011', offset: 200 })).toBe(extent.bytes);
});
