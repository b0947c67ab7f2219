/**
 * Files of `deploy/` as tests use them: the text that is shipped, with ports, paths and times put in place of those an
 * operator would edit. What is replaced is listed by each test; a listed text that the file does not hold fails it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { PROJECT_ROOT } from '../../support/gavelcast-process.ts';

/** `[what is in the file, what to put there]`; every occurrence is replaced. */
export type Substitution = readonly [shipped: string, here: string];

/** The checkout's program and the Node that runs this, where the layout of docs/install.md is not. */
export const PROGRAM_HERE: readonly Substitution[] = [
  ['/opt/gavelcast/node_modules/.bin/node', process.execPath],
  ['/opt/gavelcast/node_modules/gavelcast', PROJECT_ROOT.replace(/\/$/, '')],
];

/**
 * The text of a file, edited.
 *
 * @param path relative to the project
 * @throws Error naming a substitution whose text is not in the file
 */
export function shippedFile(path: string, substitutions: readonly Substitution[] = []): string {
  let text = readFileSync(join(PROJECT_ROOT, path), 'utf8');
  for (const [shipped, here] of substitutions) {
    if (!text.includes(shipped))
      throw new Error(`${path} does not hold ${JSON.stringify(shipped)}`);
    text = text.replaceAll(shipped, here);
  }
  return text;
}
