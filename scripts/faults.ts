/**
 * `npm run test:faults`: every fault scenario on both servers, the long ones too, and then the table: what each server's
 * subscribers were told of what was committed. Writes the table's lines as JSON and, with `--write` and where all of it held, the
 * table into `docs/reliability.md`.
 *
 * Usage: node scripts/faults.ts [--write] [--ci] [--json FILE] [vitest's own arguments …]
 *        `--ci`: the short forms, as `npm test` runs them
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { markdownTable, secondsText, writeTable, type TablePlace } from './document-table.ts';

interface Line {
  readonly scenario: string;
  readonly flavour: string;
  readonly version: string;
  readonly outcome: string;
  readonly committed: number;
  readonly delivered: number;
  readonly declared: number;
  readonly lost: number;
  readonly repeated: number;
  readonly invented: number;
  readonly recoveryMs: number | null;
  readonly elapsedMs: number;
}

const PLACE: TablePlace = {
  document: 'docs/reliability.md',
  begin: '<!-- table: npm run test:faults -- --write -->',
  end: '<!-- end of table -->',
};
const HEAD = [
  'scenario',
  'server',
  'outcome',
  'committed',
  'delivered',
  'in fresh state',
  'lost',
  'repeated',
  'invented',
  'recovered after',
  'took',
];

const args = process.argv.slice(2);
const takesTable = take('--write');
const isShort = take('--ci');
const jsonFile = takeValue('--json');
const startedAtMs = performance.now();
const directory = mkdtempSync(join(tmpdir(), 'gavelcast-faults-'));
try {
  const results = join(directory, 'results.jsonl');
  writeFileSync(results, '');
  const { status } = spawnSync('vitest', ['run', '--project', 'faults', ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      GAVELCAST_FAULTS_RESULTS: results,
      ...(isShort ? {} : { GAVELCAST_FAULTS: 'all' }),
    },
  });
  const lines = readFileSync(results, 'utf8').split('\n').filter(Boolean).map(parsed);
  const minutes = ((performance.now() - startedAtMs) / 60_000).toFixed(1);
  const failed = lines.filter(({ outcome }) => outcome === 'failed').length;
  process.stdout.write(`\n${table(lines)}\n\n`);
  process.stdout.write(`${lines.length} scenarios in ${minutes} minutes, ${failed} failed\n`);
  if (jsonFile !== null) writeFileSync(jsonFile, `${JSON.stringify(lines, null, 2)}\n`);
  // Documents say what holds: a run that failed, or ran a part by name, is none.
  if (takesTable && status === 0 && args.length === 0) writeResults(lines, minutes);
  process.exitCode = status ?? 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function take(name: string): boolean {
  const at = args.indexOf(name);
  if (at >= 0) args.splice(at, 1);
  return at >= 0;
}

function takeValue(name: string): string | null {
  const at = args.indexOf(name);
  return at < 0 ? null : (args.splice(at, 2)[1] ?? null);
}

/** The lines are our own tests' writing. */
function parsed(text: string): Line {
  return JSON.parse(text) as Line;
}

/** A markdown table, scenario by scenario, both servers beneath each other. */
function table(lines: readonly Line[]): string {
  const names = [...new Set(lines.map((line) => line.scenario))];
  const sorted = names.flatMap((name) => lines.filter((line) => line.scenario === name));
  const rows = sorted.map((line) => [
    line.scenario,
    line.flavour,
    line.outcome,
    ...[line.committed, line.delivered, line.declared, line.lost, line.repeated, line.invented].map(
      (count) => count.toLocaleString('en'),
    ),
    line.recoveryMs === null ? '' : secondsText(line.recoveryMs),
    secondsText(line.elapsedMs),
  ]);
  return markdownTable([HEAD, ...rows], 3);
}

function writeResults(lines: readonly Line[], minutes: string): void {
  const versions = [...new Set(lines.map((line) => `${line.flavour} ${line.version}`))].join(', ');
  const part = isShort ? ', the part that `npm test` runs' : '';
  const now = new Date().toISOString().slice(0, 10);
  const measured = `Measured ${now} on ${versions}, in ${minutes} minutes${part}.`;
  writeTable(PLACE, measured, table(lines));
}
