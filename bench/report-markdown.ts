/**
 * A report as Markdown, and its place in a document: between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`.
 */
import { aimRows, type Report, type TableRows } from './report.ts';

/** When and on what it was measured, the tables, the aims, the charts and the notes. */
export function reportMarkdown(report: Report): string {
  const { measuredAt, commit, cpus, cpuModel, node, tables, aims = [] } = report;
  const of = commit === null ? '' : ` of \`${commit}\``;
  const machine = `${cpus} × ${cpuModel.trim()}, Node ${node.replace(/^v/, '')}`;
  const { args = [], charts = [], notes = [] } = report;
  const unlike = args.length === 0 ? '' : `, not as by default but with \`${args.join(' ')}\``;
  return [
    `Measured on ${measuredAt.slice(0, 10)}${of}${unlike}: ${machine}.`,
    ...tables.map(markdownTable),
    ...(aims.length === 0 ? [] : [markdownTable(aimRows(aims))]),
    ...charts.map(({ name, title }) => `![${title}](images/${chartFile(name)})`),
    ...(notes.length === 0 ? [] : [notes.join(' ')]),
  ].join('\n\n');
}

/** The name of a chart's file. */
export function chartFile(name: string): string {
  return `bench-${name}.svg`;
}

/** Names of the benchmarks that a document has a place for, in its order. */
export function benchPlaces(document: string): string[] {
  return [...document.matchAll(/^<!-- bench:([a-z-]+) -->$/gm)].map(([, name = '']) => name);
}

/**
 * The document with what is between a benchmark's marks replaced.
 *
 * @throws Error when the document has no such place
 */
export function withReport(document: string, name: string, markdown: string): string {
  const begin = `<!-- bench:${name} -->`;
  const end = `<!-- /bench:${name} -->`;
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from === -1 || to < from) throw new Error(`the document has no place for bench:${name}`);
  return `${document.slice(0, from + begin.length)}\n\n${markdown}\n\n${document.slice(to)}`;
}

/** Columns whose cells all begin with a digit are set flush right. */
function markdownTable(rows: TableRows): string {
  const [heading = [], ...body] = rows;
  const isNumeric = (column: number): boolean =>
    body.length > 0 && body.every((row) => /^(?:[\d.,+-]|$)/.test(row[column] ?? ''));
  const rule = heading.map((_, column) => (isNumeric(column) ? '--:' : '---'));
  return [heading, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
