/**
 * Damage in the binlog, read again: a bit that flipped on the way is right at the next reading, one that flipped in the file
 * is not.
 */
import { AppError } from '../../src/errors.ts';
import { compareBinlogPositions } from '../source/source-position.ts';
import type { BinlogPosition } from '../source/source-position.ts';

/** Readings of one place that may fail before the damage is taken for the file's. */
export const DAMAGED_READS_MAX = 5;

export class DamagedReads {
  #count = 0;
  #place: BinlogPosition | null = null;

  /**
   * What the end of a stream means.
   *
   * @param place the end of what it brought
   * @returns BINLOG_DAMAGED for the last of `DAMAGED_READS_MAX` EVENT_DAMAGED in a row, none of which got further than the
   *   one before; any other error as it is
   */
  judge(error: unknown, place: BinlogPosition): unknown {
    if (!(error instanceof AppError) || error.code !== 'EVENT_DAMAGED') return error;
    const isFurther = this.#place === null || compareBinlogPositions(place, this.#place) > 0;
    this.#count = isFurther ? 1 : this.#count + 1;
    if (isFurther) this.#place = place;
    const { file, offset } = this.#place ?? place;
    const where = `${file}, behind ${offset.toString()}`;
    if (this.#count < DAMAGED_READS_MAX) {
      const text = `${error.message} (${where}); it is read again`;
      return new AppError('EVENT_DAMAGED', text, { cause: error });
    }
    this.#count = 0;
    const times = DAMAGED_READS_MAX.toString();
    const text = `the binlog is damaged at the source (${where}): ${times} readings gave a wrong checksum`;
    return new AppError('BINLOG_DAMAGED', text, { cause: error });
  }
}
