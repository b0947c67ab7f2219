/**
 * Positions in the source's history. Opaque outside `cdc/`.
 */

/** Binlog file and the offset of the next event in it. */
export interface BinlogPosition {
  readonly file: string;
  readonly offset: number;
}

/** Where to resume: everything up to here was handed on. */
export interface SourcePosition {
  /** Executed GTID set (MySQL) or GTID position (MariaDB) as text; null where the source has none (MySQL, GTID off). */
  readonly gtidSet: string | null;
  readonly binlog: BinlogPosition;
}

/**
 * Orders two positions of one server: negative when `a` is before `b`. Compares the numeric suffix, because names pass
 * from `.999999` to `.1000000` (docs/decisions, ground fact 14).
 */
export function compareBinlogPositions(a: BinlogPosition, b: BinlogPosition): number {
  if (a.file === b.file) return a.offset - b.offset;
  const bySuffix = fileNumber(a.file) - fileNumber(b.file);
  return bySuffix === 0 ? a.offset - b.offset : bySuffix;
}

function fileNumber(file: string): number {
  return Number(file.slice(file.lastIndexOf('.') + 1));
}
