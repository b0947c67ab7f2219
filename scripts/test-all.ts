/**
 * `npm test`: every check and every suite, all of them even after a failure, then what failed and why, a table of what ran
 * and how long it took, and as the last line `N passed, N failed`. The numbers count vitest's tests; a check (types, lint, …) and a suite
 * that broke without naming a test count as one each. A skipped test counts as failed: nothing may be skipped here.
 *
 * Usage: node scripts/test-all.ts [check or suite …]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const CHECKS = ['types', 'lint', 'format:check', 'arch', 'knip'];
const SUITES = ['unit', 'guards', 'db', 'e2e', 'deploy', 'security', 'faults'];

interface Outcome {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
  /** What failed and why, for whoever sees only the end of this output. */
  readonly failures: readonly string[];
}

/** Lines of a failure that are told again at the end. */
const FAILURE_LINES = 12;

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
  const failures = ok ? [] : [`${name}: exit code ${String(status)}`];
  const seconds = secondsSince(startedAtMs);
  return { name, passed: ok ? 1 : 0, failed: ok ? 0 : 1, seconds, failures };
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
    const results = readResults(file);
    const { passed } = results;
    // Errors outside any test fail the suite too, and so does a suite in which nothing ran.
    const hasSilentFault = results.failed === 0 && (status !== 0 || passed === 0);
    const failed = results.failed + (hasSilentFault ? 1 : 0);
    const silent = `${name}: exit code ${String(status)}, and no test failed`;
    const isUntold = hasSilentFault && results.failures.length === 0;
    const failures = isUntold ? [silent] : results.failures;
    return { name, passed, failed, seconds: secondsSince(startedAtMs), failures };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The part of vitest's JSON report that is read. */
interface Results {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    /** Why a file broke outside its tests. */
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** Nothing passed where there is no report. */
function readResults(file: string): Pick<Outcome, 'passed' | 'failed' | 'failures'> {
  let results: Results;
  try {
    // Vitest of a pinned version wrote it just now.
    results = JSON.parse(readFileSync(file, 'utf8')) as Results;
  } catch {
    return { passed: 0, failed: 0, failures: [] };
  }
  const skipped = results.numPendingTests + results.numTodoTests;
  const failures = results.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(process.cwd(), name);
    const tests = assertionResults.filter((test) => test.status === 'failed');
    if (status === 'failed' && tests.length === 0) return [failureOf(file, message)];
    return tests.map((test) =>
      failureOf(`${file} > ${test.fullName}`, test.failureMessages.join('\n')),
    );
  });
  if (skipped > 0) failures.push(`${String(skipped)} tests were skipped`);
  return { passed: results.numPassedTests, failed: results.numFailedTests + skipped, failures };
}

function failureOf(what: string, why: string): string {
  const lines = why.split('\n').filter((line) => !line.includes('node_modules'));
  return [what, ...lines.slice(0, FAILURE_LINES)].join('\n    ');
}

/** Prints what failed, the table and the last line. @returns the exit code. */
function report(all: readonly Outcome[]): number {
  const total = (pick: (outcome: Outcome) => number): number =>
    all.reduce((sum, outcome) => sum + pick(outcome), 0);
  const seconds = total((outcome) => outcome.seconds);
  const failures = all.flatMap((outcome) => outcome.failures);
  for (const failure of failures) process.stdout.write(`\nfailed: ${failure}\n`);
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
