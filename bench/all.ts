/**
 * Every benchmark that docs/performance.md has a place for, one after the other, then the document itself: `npm run bench`.
 * A benchmark that fails is named at the end, and the others are run all the same. Some 20 minutes on a quiet machine.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { benchPlaces } from './report-markdown.ts';

/** Smaller than a benchmark's own defaults, where those take longer than all the others together. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  tail: ['--transactions', '200000'],
};

const scripts = readFileSync('package.json', 'utf8');
const failed: string[] = [];
for (const name of benchPlaces(readFileSync('docs/performance.md', 'utf8'))) {
  if (!scripts.includes(`"bench:${name}":`)) process.stdout.write(`\nno script bench:${name}\n`);
  else if (!run(`bench:${name}`, ARGUMENTS[name] ?? [])) failed.push(name);
}
if (!run('bench:docs', [])) failed.push('docs');
if (failed.length > 0) process.stdout.write(`failed: ${failed.join(', ')}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;

function run(script: string, args: readonly string[]): boolean {
  process.stdout.write(`\n── ${script} ──\n`);
  const startedAt = performance.now();
  const { status } = spawnSync('npm', ['run', '--silent', script, '--', ...args], {
    stdio: 'inherit',
  });
  process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(0)} s\n`);
  return status === 0;
}
