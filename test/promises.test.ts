/** docs/promises.md may only name tests that exist. */
import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

const page = readFileSync('docs/promises.md', 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| ') && line.includes('`test/'));

test('every line of the promises is proven by tests that exist', () => {
  expect(rows.length).toBeGreaterThan(20);
  const missing: string[] = [];
  for (const row of rows) {
    const proofs = row.split('|')[3] ?? '';
    let source = '';
    for (const [, file, title] of proofs.matchAll(/`(test\/[^`]+)`|"([^"]+)"/g)) {
      if (file !== undefined) source = readFileSync(file, 'utf8');
      else if (title !== undefined && !titles(source).includes(title)) missing.push(title);
    }
  }
  expect(missing).toEqual([]);
});

/** Titles of a file's tests and suites, a line each: a first argument in quotes, before a function. */
function titles(source: string): string {
  const found = source.matchAll(/\(\s*(['"`])(.+?)(?<!\\)\1,\s*(?:async )?\(/g);
  return [...found].map(([, , title]) => title).join('\n');
}
