/**
 * What a column's type and name say about its fitness for a role in the mapping. Pure.
 */
import type { ColumnDefinition } from './table-mapping.ts';

/** What a role asks of a column: `words` are ENUM or text, `flag` is 0 or 1. */
export type ColumnKind = 'id' | 'money' | 'time' | 'words' | 'flag' | 'text';

const INTEGERS = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'];
const TEXTS = ['char', 'varchar'];

const FITTING: Readonly<Record<ColumnKind, readonly string[]>> = {
  id: [...INTEGERS, ...TEXTS],
  money: ['decimal', ...INTEGERS],
  time: ['datetime', 'timestamp'],
  words: ['enum', ...TEXTS],
  flag: INTEGERS,
  text: [...TEXTS, 'tinytext', 'text', 'mediumtext'],
};

const WANTED: Readonly<Record<ColumnKind, string>> = {
  id: 'an integer or CHAR/VARCHAR',
  money: 'DECIMAL or an integer (FLOAT and DOUBLE are not exact)',
  time: 'DATETIME or TIMESTAMP',
  words: 'ENUM or CHAR/VARCHAR',
  flag: 'TINYINT or another integer',
  text: 'CHAR, VARCHAR or TEXT',
};

/** Parts of names that hold what nobody but the database may see. */
const PRIVATE_PARTS =
  /pass(word|wd|phrase)|pwd|hash|salt|secret|token|e_?mail|phone|address|iban|card|ssn|max_?(bid|amount)|maximum|proxy|reserve/;

export function fits(kind: ColumnKind, column: ColumnDefinition): boolean {
  return FITTING[kind].includes(column.dataType.toLowerCase());
}

/** The types that `kind` takes, for people. */
export function wanted(kind: ColumnKind): string {
  return WANTED[kind];
}

/** True when a column of this name must never be mapped to the public field `role`. */
export function looksPrivate(name: string, role: string): boolean {
  const bare = name.toLowerCase();
  // Whether a reserve was met is public by the old protocol; the reserve itself never is.
  return PRIVATE_PARTS.test(role === 'reserveMet' ? bare.replace(/reserve.*met/, '') : bare);
}

/** Labels of `enum('a','it''s')` as INFORMATION_SCHEMA writes them; null for another type. */
export function enumLabels(columnType: string): string[] | null {
  const inner = /^enum\((.*)\)/is.exec(columnType)?.[1];
  if (inner === undefined) return null;
  return Array.from(inner.matchAll(/'((?:[^']|'')*)'/g), (match) =>
    (match[1] ?? '').replaceAll("''", "'"),
  );
}
