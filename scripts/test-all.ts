/**
 * `npm test`: every check and every suite, all of them even after a failure, then a table of what ran and how long it
 * took, and as the last line `N passed, N failed`. The numbers count vitest's tests; a check (types, lint, …) and a suite
 * that broke without naming a test count as one each. A skipped test counts as failed: nothing may be skipped here.
 *
 * Usage: node scripts/test-all.ts [check or suite …]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CHECKS = ['types', 'lint', 'format:check', 'arch', 'knip'];
const SUITES = ['unit', 'guards', 'db', 'e2e', 'deploy', 'security', 'faults'];

interface Outcome {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
}

const wanted = process.argv.slice(2);
const isWanted = (name: string): boolean => wanted.length === 0 || wanted.includes(name);
const outcomes = [
  ...CHECKS.filter(isWanted).map(runCheck),
  ...SUITES.filter(isWanted).map(runSuite),
];
process.exitCode = report(outcomes);

function runCheck(name: string): Outcome {
  announce(name);
  const startedAtMs = Date.now();
  const { status } = spawnSync('npm', ['run', '--silent', name], { stdio: 'inherit' });
  const ok = status === 0;
  return { name, passed: ok ? 1 : 0, failed: ok ? 0 : 1, seconds: secondsSince(startedAtMs) };
}

function runSuite(name: string): Outcome {
  announce(name);
  const startedAtMs = Date.now();
  const directory = mkdtempSync(join(tmpdir(), 'gavelcast-results-'));
  try {
    const file = join(directory, 'results.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const args = ['run', '--project', name, ...reporters];
    const { status } = spawnSync('vitest', args, { stdio: ['ignore', 'inherit', 'inherit'] });
    const counts = readCounts(file);
    // Errors outside any test fail the suite too, and so does a suite in which nothing ran.
    const hasSilentFault = counts.failed === 0 && (status !== 0 || counts.passed === 0);
    const failed = counts.failed + (hasSilentFault ? 1 : 0);
    return { name, passed: counts.passed, failed, seconds: secondsSince(startedAtMs) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Counts of vitest's JSON report; nothing where there is no report. */
function readCounts(file: string): { readonly passed: number; readonly failed: number } {
  let results: unknown;
  try {
    results = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 0 };
  }
  const count = (field: string): number => {
    const value: unknown =
      typeof results === 'object' && results !== null ? Reflect.get(results, field) : undefined;
    return typeof value === 'number' ? value : 0;
  };
  const skipped = count('numPendingTests') + count('numTodoTests');
  if (skipped > 0) process.stderr.write(`${skipped} tests were skipped\n`);
  return { passed: count('numPassedTests'), failed: count('numFailedTests') + skipped };
}

/** Prints the table and the last line. @returns the exit code. */
function report(all: readonly Outcome[]): number {
  const total = (pick: (outcome: Outcome) => number): number =>
    all.reduce((sum, outcome) => sum + pick(outcome), 0);
  const seconds = total((outcome) => outcome.seconds);
  process.stdout.write('\n');
  for (const outcome of all) {
    const share = `${((100 * outcome.seconds) / Math.max(seconds, 0.1)).toFixed(0)} %`;
    const time = `${outcome.seconds.toFixed(1)} s`.padStart(9);
    const counts = `${outcome.passed} passed, ${outcome.failed} failed`;
    process.stdout.write(`${outcome.name.padEnd(13)}${time}${share.padStart(6)}  ${counts}\n`);
  }
  const passed = total((outcome) => outcome.passed);
  const failed = total((outcome) => outcome.failed);
  const line = `${passed} passed, ${failed} failed`;
  process.stdout.write(`${line}\n`);
  const summaryFile = process.env['GAVELCAST_TEST_SUMMARY'];
  if (summaryFile !== undefined) writeFileSync(summaryFile, `${line}\n`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

function announce(name: string): void {
  process.stdout.write(`\n── ${name} ──\n`);
}

function secondsSince(startedAtMs: number): number {
  return (Date.now() - startedAtMs) / 1000;
}
