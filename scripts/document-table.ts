/**
 * Tables of results, and the place in a document where the latest one stands: between two comments.
 */
import { readFileSync, writeFileSync } from 'node:fs';

export interface TablePlace {
  /** Path of the document. */
  readonly document: string;
  readonly begin: string;
  readonly end: string;
}

/** Markdown: `rows`, the first of them the head. The first `textColumns` columns are text, the others numbers. */
export function markdownTable(rows: readonly (readonly string[])[], textColumns: number): string {
  const [head = [], ...body] = rows;
  const rule = head.map((_, at) => (at < textColumns ? '---' : '--:'));
  return [head, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Milliseconds as seconds, for people. */
export function secondsText(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/**
 * Puts `paragraph` and `table` where the document has its place for them.
 *
 * @throws Error when it has none
 */
export function writeTable(place: TablePlace, paragraph: string, table: string): void {
  const { document, begin, end } = place;
  const text = readFileSync(document, 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${document} has no place for the table`);
  const body = `${begin}\n\n${paragraph}\n\n${table}\n\n`;
  writeFileSync(document, text.slice(0, from) + body + text.slice(to));
}
