/**
 * A stretch of the binlog in bytes, so that reading it can show how far it has come. Pure but for the one question.
 */
import type { Queryable } from '../source/database-pool.ts';
import { compareBinlogPositions } from '../source/source-position.ts';
import type { BinlogPosition } from '../source/source-position.ts';

/** A binlog file and its size in bytes. */
export interface BinlogFile {
  readonly file: string;
  readonly bytes: number;
}

/** The server's binlog files, oldest first. @throws AppError */
export async function binlogFiles(database: Queryable): Promise<BinlogFile[]> {
  const rows = await database.query('SHOW BINARY LOGS');
  return rows.map((row) => ({ file: row[0] ?? '', bytes: Number(row[1]) }));
}

export class BinlogExtent {
  readonly #files: readonly BinlogFile[];
  readonly #from: BinlogPosition;
  /** Bytes from one end to the other. */
  readonly bytes: number;

  constructor(files: readonly BinlogFile[], ends: { from: BinlogPosition; until: BinlogPosition }) {
    this.#files = files;
    this.#from = ends.from;
    this.bytes = this.bytesUpTo(ends.until);
  }

  /** Bytes from the beginning to here; 0 before it. */
  bytesUpTo(at: BinlogPosition): number {
    if (compareBinlogPositions(at, this.#from) <= 0) return 0;
    const passed = this.#files.filter(
      ({ file }) => isBefore(file, at.file) && !isBefore(file, this.#from.file),
    );
    return passed.reduce((sum, { bytes }) => sum + bytes, at.offset) - this.#from.offset;
  }
}

function isBefore(a: string, b: string): boolean {
  return compareBinlogPositions({ file: a, offset: 0 }, { file: b, offset: 0 }) < 0;
}
