/**
 * Somebody else's program in the foreground, as a child of the test: its output kept, and its end made sure of, even when
 * the test process is killed.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { programOnPath } from '../../support/database-installation.ts';

export interface BackgroundProgram {
  readonly child: ChildProcess;
  /** Everything written so far on stdout and stderr. */
  output(): string;
  /** Sends the signal and resolves when the program has ended. Idempotent. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** The full path of a program that the suite needs. @throws Error saying what to install */
export function requiredProgram(name: string): string {
  const path = programOnPath(name);
  if (path === null) throw new Error(`${name} not found: run \`npm run prepare:test\` as root`);
  return path;
}

/** Starts it; the kernel sends it SIGTERM when the test process goes. */
export function startProgram(
  name: string,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): BackgroundProgram {
  const command = [requiredProgram(name), ...args];
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', ...command], {
    // Some end with their input.
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', ...options.env },
    cwd: options.cwd ?? '/',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'exit');
  return {
    child,
    output: () => output,
    stop: async (signal = 'SIGTERM') => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}
