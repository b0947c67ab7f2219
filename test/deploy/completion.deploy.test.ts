/**
 * The completion scripts in the shells they are for: keys typed into a terminal, and the line that comes of them.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { SHELLS } from '../../src/commands/completion.ts';
import { until } from '../support/until.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/gavelcast.js', import.meta.url));
const TAB = '\t';
const TO_START = '\u0001';
const TO_END = '\u0005';

let directory = '';
const scriptFor = (shell: string): string => join(directory, `gavelcast.${shell}`);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'gavelcast-completion-'));
  for (const shell of SHELLS) {
    const script = execFileSync(process.execPath, [PROGRAM, 'completion', shell]);
    writeFileSync(scriptFor(shell), script);
  }
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** What `typed` has become when Tab was pressed behind it. */
async function completed(shell: 'bash' | 'zsh', typed: string): Promise<string> {
  const start = {
    bash: ['bash --norc -i', `source ${scriptFor('bash')}`],
    zsh: [
      'zsh -f -i',
      `bindkey -e; autoload -U compinit; compinit -D -u; source ${scriptFor('zsh')}`,
    ],
  }[shell];
  const [command = '', setup = ''] = start;
  const terminal = spawn('script', ['-qfc', command, '/dev/null'], {
    env: { ...process.env, TERM: 'dumb' },
    cwd: directory,
  });
  let output = '';
  terminal.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  try {
    terminal.stdin.write(`${setup}; echo re''ady\n`);
    await until(() => output.includes('ready'), { what: () => `${shell} to start: ${output}` });
    terminal.stdin.write(`${typed}${TAB}${TO_START}echo go''t: ${TO_END}\n`);
    const line = await until(() => /^got: (.*?)\s*\n/m.exec(output)?.[1], {
      what: () => `${shell} to echo: ${output}`,
    });
    return line;
  } finally {
    terminal.kill();
  }
}

describe.each(['bash', 'zsh'] as const)('%s', (shell) => {
  test.each([
    ['gavelcast doc', 'gavelcast doctor'],
    ['gavelcast token --us', 'gavelcast token --user'],
    ['gavelcast config --check --js', 'gavelcast config --check --json'],
    ['gavelcast completion zs', 'gavelcast completion zsh'],
    ['gavelcast serve --env gavelcast.fi', 'gavelcast serve --env gavelcast.fish'],
  ])('%s → %s', async (typed, expected) => {
    expect(await completed(shell, typed)).toBe(expected);
  });
});

test.each([
  ['gavelcast doc', 'doctor'],
  ['gavelcast token --us', '--user'],
  ['gavelcast config --check --js', '--json'],
  ['gavelcast completion zs', 'zsh'],
  ['gavelcast serve --env gavelcast.fi', 'gavelcast.fish'],
])('fish: %s → %s', (typed, expected) => {
  const ask = `source ${scriptFor('fish')}; complete -C '${typed}'`;
  const offered = execFileSync('fish', ['--no-config', '-c', ask], {
    encoding: 'utf8',
    cwd: directory,
  });
  expect(offered.trim().split('\n')).toEqual([expect.stringMatching(new RegExp(`^${expected}`))]);
});
