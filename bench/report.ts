/**
 * What a benchmark leaves behind: tables on the terminal and one JSON file, in one shape for all of them, from which
 * `bench:docs` makes the tables and charts of docs/performance.md.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname } from 'node:path';

import { table } from './statistics.ts';

/** Rows of text, the heading first. */
export type TableRows = readonly (readonly string[])[];

/** What was hoped for and what came out. */
export interface Aim {
  readonly what: string;
  /** In words, with its unit: `at least 0.95`. */
  readonly aim: string;
  readonly measured: string;
  readonly isMet: boolean;
}

/** Horizontal bars in groups; every group has a bar of each series that it has a value of. */
export interface Chart {
  /** Names the file: docs/images/bench-<name>.svg. */
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly groups: readonly {
    readonly label: string;
    readonly bars: readonly {
      readonly series: string;
      readonly value: number;
      /** What stands at the bar's end; the value itself by default. */
      readonly text?: string;
    }[];
  }[];
  /** The series that is ours: drawn in the strong colour. */
  readonly ours: string;
}

export interface Findings {
  readonly tables: readonly TableRows[];
  readonly aims?: readonly Aim[];
  readonly charts?: readonly Chart[];
  /** What a reader must know to read the numbers right, a sentence each: limits that were hit in this run. */
  readonly notes?: readonly string[];
  /** Everything measured, unrounded. */
  readonly details: object;
}

/** Where and on what a run took place. */
export interface Circumstances {
  readonly bench: string;
  readonly measuredAt: string;
  /** What it was told beside the file, in place of its defaults. */
  readonly args?: readonly string[];
  /** Short hash, with `-dirty` where what was measured is not what was committed; null outside a repository. */
  readonly commit: string | null;
  readonly node: string;
  readonly cpus: number;
  readonly cpuModel: string;
}

export type Report = Circumstances & Findings;

/** Reads what `publishReport` wrote; null for a file that something else has written. */
export function readReport(text: string): Report | null {
  const value: unknown = JSON.parse(text);
  return isReport(value) ? value : null;
}

/** Only `publishReport` writes these files: that it was this version of it is all that is asked. */
function isReport(value: unknown): value is Report {
  return typeof value === 'object' && value !== null && 'bench' in value && 'tables' in value;
}

/** Prints the tables and writes the JSON. */
export async function publishReport(bench: string, file: string, found: Findings): Promise<void> {
  const report: Report = { ...circumstances(bench), ...found };
  for (const rows of found.tables) process.stdout.write(`${table(rows)}\n\n`);
  if (found.aims !== undefined) process.stdout.write(`${table(aimRows(found.aims))}\n\n`);
  for (const note of found.notes ?? []) process.stdout.write(`${note}\n`);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`written to ${file}\n`);
}

/** The aims as a table, the heading first. */
export function aimRows(aims: readonly Aim[]): TableRows {
  const rows = aims.map(({ what, aim, measured, isMet }) => [
    what,
    aim,
    measured,
    isMet ? 'met' : 'not met',
  ]);
  return [['aim', 'wanted', 'measured', ''], ...rows];
}

function circumstances(bench: string): Circumstances {
  return {
    bench,
    measuredAt: new Date().toISOString(),
    args: argsOf(process.argv.slice(2)),
    commit: commitHash(),
    node: process.version,
    cpus: cpus().length,
    cpuModel: cpus()[0]?.model ?? 'unknown',
  };
}

/** The options of a run, without the file that its report goes to. */
export function argsOf(argv: readonly string[]): string[] {
  return argv.filter(
    (arg, at) => arg !== '--json' && !arg.startsWith('--json=') && argv[at - 1] !== '--json',
  );
}

function commitHash(): string | null {
  try {
    const hash = git('rev-parse', '--short', 'HEAD');
    // Neither results nor the page that is written from them change what is measured.
    const changes = git(
      'status',
      '--porcelain',
      '--',
      ':/',
      ':(top,exclude)bench/results',
      ':(top,exclude)docs',
    );
    return changes === '' ? hash : `${hash}-dirty`;
  } catch {
    return null;
  }
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

/** 1234567 → `1,234,567`. */
export function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** 0.934 → `93 %`. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

export function ratio(value: number): string {
  return value.toFixed(2);
}
