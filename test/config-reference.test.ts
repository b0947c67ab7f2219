import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { configReference } from '../scripts/config-reference.ts';
import { OPTIONS } from '../src/config-options.ts';
import { ERRORS, type ErrorPolicy } from '../src/errors.ts';
import { VERSION } from '../src/version.ts';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

test('docs/configuration.md is what the table of options says (npm run docs:config)', () => {
  expect(read('docs/configuration.md')).toBe(configReference());
});

test('every option has a row', () => {
  for (const name of Object.keys(OPTIONS)) expect(configReference()).toContain(`\n| \`${name}\` |`);
});

test('docs/errors.md has every code, what is done about it, and its symptom, cause and cure', () => {
  const [, ...sections] = read('docs/errors.md').split(/^## /m);
  const byCode = new Map(sections.map((section) => [section.split('\n')[0], section]));
  expect([...byCode.keys()].sort()).toEqual(Object.keys(ERRORS).sort());
  for (const [code, policy] of Object.entries<ErrorPolicy>(ERRORS)) {
    const section = byCode.get(code) ?? '';
    const action = policy.exitCode === undefined ? policy.action : `exit, code ${policy.exitCode}`;
    expect(section.split('\n')[2], code).toMatch(new RegExp(`^${action}\\b`));
    for (const word of ['Symptom', 'Cause', 'Cure']) expect(section).toContain(`- **${word}**: `);
  }
});

test('the version is that of package.json', () => {
  const manifest: unknown = JSON.parse(read('package.json'));
  expect(manifest).toMatchObject({ version: VERSION });
});
