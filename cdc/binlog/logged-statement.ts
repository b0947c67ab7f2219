/**
 * What a statement found in the binlog as text means for us. Pure. In row format these are the brackets around
 * transactions, savepoints, XA and DDL; DML text is a write that the stream cannot show as rows.
 */
import { mappedTableNames } from '../mapping/table-mapping.ts';
import type { TableMapping } from '../mapping/table-mapping.ts';

export type LoggedStatement =
  | { readonly kind: 'begin' | 'commit' | 'rollback' | 'xaStart' | 'xaEnd' | 'comment' | 'other' }
  | { readonly kind: 'savepoint' | 'rollbackTo'; readonly name: string }
  | { readonly kind: 'xaCommit' | 'xaRollback'; readonly xid: string }
  /** `touchesMapped`: it names a mapped table (or drops the database). `verb`: `ALTER`, `TRUNCATE`, `INSERT`, … */
  | {
      readonly kind: 'ddl' | 'dml';
      readonly verb: string;
      readonly touchesMapped: boolean;
      /** The table of bids is empty after it, or gone (TRUNCATE, DROP): no row event says so. */
      readonly emptiesBids?: true;
    };

/** Names of tables stand early in a statement; what follows may be megabytes of values. */
const HEAD_LENGTH = 16_384;

const BEGIN: LoggedStatement = { kind: 'begin' };
const COMMIT: LoggedStatement = { kind: 'commit' };
const SAVEPOINT = /^SAVEPOINT\s+(.+)$/is;
const ROLLBACK_TO = /^ROLLBACK(?:\s+WORK)?\s+TO(?:\s+SAVEPOINT)?\s+(.+)$/is;
const XA = /^XA\s+(\w+)\s+(.*)$/is;
const DDL = /^(ALTER|DROP|TRUNCATE|RENAME|CREATE)\b/i;
const DML = /^(INSERT|REPLACE|UPDATE|DELETE|LOAD|WITH|CALL|HANDLER|IMPORT)\b/i;
const LITERALS = /'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"/gs;
const COMMENTS = /\/\*(?!!|M!).*?\*\/|--\s[^\n]*|^#[^\n]*/gs;
/** Only these forms of DDL can change what a mapped table holds or looks like. */
const TABLE_DDL =
  /^(?:ALTER\s+(?:ONLINE\s+)?(?:IGNORE\s+)?TABLE|DROP\s+TABLES?|TRUNCATE|RENAME\s+TABLES?|CREATE\s+(?:OR\s+REPLACE\s+)?TABLE)\b/i;
const EMPTYING = /^(?:TRUNCATE|DROP)$/;
const DROP_DATABASE = /^DROP\s+(?:DATABASE|SCHEMA)\s+(?:IF\s+EXISTS\s+)?[`"]?([^`"\s;]+)/i;

/** Reads statements for one mapping. */
export class StatementReader {
  readonly #database: string;
  readonly #qualified: RegExp;
  readonly #bare: RegExp;
  readonly #bids: RegExp;

  constructor(mapping: TableMapping) {
    const names = mappedTableNames(mapping).map(escaped).join('|');
    this.#bids = new RegExp(`(?<![\\w$])${escaped(mapping.bids.table)}(?![\\w$])`, 'i');
    this.#database = mapping.database.toLowerCase();
    this.#qualified = new RegExp(
      `(?<![\\w$])${escaped(mapping.database)}[\`"]?\\s*\\.\\s*[\`"]?(?:${names})(?![\\w$])`,
      'i',
    );
    // Not after a dot: then it is another database's table, or a column.
    this.#bare = new RegExp(`(?<![\\w$.]|\\.[\`"])(?:${names})(?![\\w$])`, 'i');
  }

  /** @param database the session's default database, as the event names it */
  read(sql: string, database: string): LoggedStatement {
    if (sql === 'BEGIN') return BEGIN;
    if (sql === 'COMMIT') return COMMIT;
    const head = sql.slice(0, HEAD_LENGTH).replace(COMMENTS, ' ').trim();
    if (head === '') return { kind: 'comment' };
    return bracket(head) ?? this.#write(head, database.toLowerCase());
  }

  #write(head: string, database: string): LoggedStatement {
    const ddl = DDL.exec(head)?.[1];
    if (ddl !== undefined) {
      const verb = ddl.toUpperCase();
      const touchesMapped = this.#ddlTouches(head, database);
      const empties = touchesMapped && EMPTYING.test(verb) && this.#bids.test(head);
      return { kind: 'ddl', verb, touchesMapped, ...(empties && { emptiesBids: true }) };
    }
    const dml = DML.exec(head)?.[1];
    if (dml === undefined) return { kind: 'other' };
    const text = head.replace(LITERALS, "''");
    return { kind: 'dml', verb: dml.toUpperCase(), touchesMapped: this.#names(text, database) };
  }

  #ddlTouches(head: string, database: string): boolean {
    const dropped = DROP_DATABASE.exec(head)?.[1];
    if (dropped !== undefined) return dropped.toLowerCase() === this.#database;
    if (!TABLE_DDL.test(head)) return false;
    // Past the first parenthesis stand columns and the tables that foreign keys point to.
    const targets = /^(?:ALTER|CREATE)/i.test(head) ? (head.split('(')[0] ?? '') : head;
    return this.#names(targets.replace(/\bREFERENCES\b.*$/is, ''), database);
  }

  #names(text: string, database: string): boolean {
    if (this.#qualified.test(text)) return true;
    return database === this.#database && this.#bare.test(text);
  }
}

/** Statements that bracket or divide a transaction; null for all others. */
function bracket(head: string): LoggedStatement | null {
  const upper = head.slice(0, 40).toUpperCase().replace(/\s*;$/, '');
  if (upper === 'BEGIN' || upper === 'START TRANSACTION') return BEGIN;
  if (upper === 'COMMIT') return COMMIT;
  if (upper === 'ROLLBACK') return { kind: 'rollback' };
  if (upper.startsWith('XA ')) return xaStatement(head);
  const savepoint = SAVEPOINT.exec(head)?.[1];
  if (savepoint !== undefined) return { kind: 'savepoint', name: identifier(savepoint) };
  const rollbackTo = ROLLBACK_TO.exec(head)?.[1];
  if (rollbackTo !== undefined) return { kind: 'rollbackTo', name: identifier(rollbackTo) };
  return null;
}

function xaStatement(head: string): LoggedStatement {
  const [, verb = '', xid = ''] = XA.exec(head) ?? [];
  switch (verb.toUpperCase()) {
    case 'START':
    case 'BEGIN':
      return { kind: 'xaStart' };
    case 'END':
      return { kind: 'xaEnd' };
    case 'COMMIT':
      return { kind: 'xaCommit', xid: xidText(xid) };
    case 'ROLLBACK':
      return { kind: 'xaRollback', xid: xidText(xid) };
    default:
      return { kind: 'other' };
  }
}

/** Servers write `X'6162',X'',1`; the same text is made of an XA_PREPARE event by `xidOf`. */
function xidText(text: string): string {
  const [, gtrid, bqual, format] =
    /^X'([0-9a-f]*)'\s*,\s*X'([0-9a-f]*)'\s*,\s*(\d+)/i.exec(text) ?? [];
  if (gtrid === undefined || bqual === undefined || format === undefined) return text.trim();
  return `${gtrid.toLowerCase()},${bqual.toLowerCase()},${format}`;
}

/** The name of an XA transaction as one text, from the parts that the events carry. */
export function xidOf(parts: {
  readonly gtrid: Buffer;
  readonly bqual: Buffer;
  readonly formatId: number;
}): string {
  return `${parts.gtrid.toString('hex')},${parts.bqual.toString('hex')},${parts.formatId.toString()}`;
}

/** Savepoint names compare without regard to case. */
function identifier(text: string): string {
  const bare = text.trim().replace(/;$/, '').trim();
  const quoted = /^`((?:[^`]|``)*)`$/s.exec(bare)?.[1];
  return (quoted?.replaceAll('``', '`') ?? bare).toLowerCase();
}

function escaped(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
