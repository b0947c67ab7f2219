/**
 * `npm run arch`: holds the import rules of `.dependency-cruiser.cjs`, and fails unless the imports of every source
 * file on disk were looked at: a parser that cannot read TypeScript finds nothing to complain about.
 *
 * Usage: node scripts/architecture.ts [root]
 */
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { cruise } from 'dependency-cruiser';
import type { ICruiseResult } from 'dependency-cruiser';
import extractConfiguration from 'dependency-cruiser/config-utl/extract-depcruise-options';
import extractTypeScriptConfiguration from 'dependency-cruiser/config-utl/extract-ts-config';

const SOURCES = '{src,cdc,server,client,test,bench,demo,scripts,bin}/**/*.{ts,js}';

const root = resolve(process.argv[2] ?? '.');
process.chdir(root);
process.exitCode = (await holds(root)) ? 0 : 1;

async function holds(directory: string): Promise<boolean> {
  const onDisk = globSync(SOURCES, { cwd: directory });
  if (onDisk.length === 0) {
    process.stderr.write('nothing was looked at: that is no pass\n');
    return false;
  }
  const { modules, summary } = await cruiseFiles(onDisk);
  const imports = new Map(modules.map(({ source, dependencies }) => [source, dependencies.length]));
  const unread = onDisk.filter((file) => (imports.get(file) ?? 0) === 0 && hasImports(file));
  for (const { from, to, rule } of summary.violations) {
    process.stderr.write(`${from} → ${to}: ${rule.name}\n`);
  }
  for (const file of unread) process.stderr.write(`${file}: its imports were not looked at\n`);
  const dependencies = summary.totalDependenciesCruised ?? 0;
  process.stdout.write(`${onDisk.length} source files, ${dependencies} imports looked at\n`);
  return summary.violations.length === 0 && unread.length === 0;
}

function hasImports(file: string): boolean {
  return /^import\b|^export .* from '/m.test(readFileSync(file, 'utf8'));
}

async function cruiseFiles(files: string[]): Promise<ICruiseResult> {
  const options = await extractConfiguration(resolve('.dependency-cruiser.cjs'));
  const tsConfig = extractTypeScriptConfiguration(resolve('tsconfig.json'));
  const { output } = await cruise(files, options, undefined, { tsConfig });
  if (typeof output === 'string') throw new Error('the report of imports is not an object');
  return output;
}
