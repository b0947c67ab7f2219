/** The guide that operators follow is the script that is run: its steps are found, and its places are there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { PROJECT_ROOT } from '../support/gavelcast-process.ts';
import { filledIn, stepsOf } from './support/guide.ts';

test('every step of docs/install.md with commands is found, in order', () => {
  const steps = stepsOf(readFileSync(join(PROJECT_ROOT, 'docs/install.md'), 'utf8'));
  expect(steps.map(({ title }) => title.slice(0, 2))).toEqual([
    '1.',
    '2.',
    '3.',
    '4.',
    '5.',
    '6.',
    '7.',
  ]);
  expect(steps.slice(0, 4).every(({ blocks }) => blocks.length > 0)).toBe(true);
  expect(steps[5]?.blocks[0]).toContain('wscat');
});

test('a place that the guide no longer has is an error', () => {
  expect(filledIn('put X here', { X: 'it' })).toBe('put it here');
  expect(() => filledIn('put X here', { Y: 'it' })).toThrow('the guide no longer says: Y');
});
