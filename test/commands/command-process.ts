/** A command as an operator's shell runs it: `node bin/gavelcast.js …` in a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

import { PROJECT_ROOT } from '../support/gavelcast-process.ts';
import { until } from '../support/until.ts';
import { emptyDirectory } from './context.ts';

export interface CommandProcess {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Waits for a text on either output. */
  says(text: string | RegExp): Promise<void>;
  /** The exit code; a negative or null one means that it died of a signal. */
  exited(): Promise<number | null>;
}

/** Starts it in an empty directory. It is killed when the test ends, if it still runs. */
export function startCommand(
  args: readonly string[],
  env: Record<string, string> = {},
  options: { readonly node?: string } = {},
): CommandProcess {
  const program = join(PROJECT_ROOT, 'bin/gavelcast.js');
  const child = spawn(options.node ?? process.execPath, [program, ...args], {
    cwd: emptyDirectory(),
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  const exit = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  const all = (): string => `${texts.stdout}\n${texts.stderr}`;
  return {
    child,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    says: async (text) => {
      const isThere = (): boolean =>
        typeof text === 'string' ? all().includes(text) : text.test(all());
      await until(isThere, { withinMs: 30_000, what: () => `${String(text)} in:\n${all()}` });
    },
    exited: async () => {
      await exit;
      return child.exitCode;
    },
  };
}
