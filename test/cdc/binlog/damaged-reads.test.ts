import { describe, expect, test } from 'vitest';
import { DAMAGED_READS_MAX, DamagedReads } from '../../../cdc/binlog/damaged-reads.ts';
import { AppError } from '../../../src/errors.ts';
import type { ErrorCode } from '../../../src/errors.ts';

const damage = (): AppError => new AppError('EVENT_DAMAGED', 'wrong checksum');
const at = (offset: number, file = 'binlog.000007'): { file: string; offset: number } => ({
  file,
  offset,
});

/** The codes that so many readings end with. */
function codes(
  reads: DamagedReads,
  places: readonly { file: string; offset: number }[],
): (ErrorCode | null)[] {
  return places.map((place) => {
    const judged = reads.judge(damage(), place);
    return judged instanceof AppError ? judged.code : null;
  });
}

describe('damage that is read again', () => {
  const again = Array.from({ length: DAMAGED_READS_MAX - 1 }, () => 'EVENT_DAMAGED');

  test('is in the file when it is there at every reading, also of one that begins further back', () => {
    const places = [at(500), at(4), at(500), at(4, 'binlog.000006'), at(500)];
    expect(codes(new DamagedReads(), places)).toEqual([...again, 'BINLOG_DAMAGED']);
  });

  test('was on the way when a reading gets further', () => {
    const places = Array.from({ length: 50 }, (_, turn) => at(100 * turn));
    expect(new Set(codes(new DamagedReads(), places))).toEqual(new Set(['EVENT_DAMAGED']));
  });

  test('is counted anew once it was reported', () => {
    const reads = new DamagedReads();
    codes(
      reads,
      Array.from({ length: DAMAGED_READS_MAX }, () => at(4)),
    );
    expect(codes(reads, [at(4)])).toEqual(['EVENT_DAMAGED']);
  });

  test('names the place; other failures pass as they are, and count for nothing', () => {
    const reads = new DamagedReads();
    expect(reads.judge(damage(), at(500))).toMatchObject({
      message: 'wrong checksum (binlog.000007, behind 500); it is read again',
    });
    const other = new AppError('SOURCE_DISCONNECTED', 'gone');
    for (let turn = 0; turn < DAMAGED_READS_MAX; turn += 1) {
      expect(reads.judge(other, at(500))).toBe(other);
    }
    expect(codes(reads, [at(500)])).toEqual(['EVENT_DAMAGED']);
  });
});
