/** Runs a benchmark as a user does, and reads what it leaves behind. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { onTestFinished } from 'vitest';

import { readReport, type Report } from '../../bench/report.ts';
import { PROJECT_ROOT } from '../support/gavelcast-process.ts';

export interface BenchRun {
  readonly report: Report;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `bench/<name>.ts` with these arguments. @throws when it fails or leaves no report */
export async function runBench(name: string, args: readonly string[]): Promise<BenchRun> {
  const directory = mkdtempSync(join(tmpdir(), 'gavelcast-bench-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  const json = join(directory, `${name}.json`);
  const command = [
    '--disable-warning=ExperimentalWarning',
    `bench/${name}.ts`,
    ...args,
    '--json',
    json,
  ];
  const run = await promisify(execFile)(process.execPath, command, { cwd: PROJECT_ROOT });
  const report = readReport(readFileSync(json, 'utf8'));
  if (report === null) throw new Error(`bench/${name}.ts left no report`);
  return { report, ...run };
}
