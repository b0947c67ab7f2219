/**
 * One database server as a process: starting it, signalling it, waiting for its end, and making sure that it does not
 * outlive whoever started it, not even after `kill -9`.
 */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Installation } from './database-installation.ts';

const LOG_TAIL_LINES = 25;

/**
 * Reads process ids from its standard input, one a line (0: none). When the input ends, which happens however its parent
 * dies, it kills the last one and removes the directory. A process is gone when it has no program any more: an orphan
 * may stay a zombie for ever where process 1 does not reap.
 */
const WATCHDOG_SCRIPT = `
pid=0
while read -r line; do pid=$line; done
if [ "$pid" -gt 0 ]; then
  kill -KILL "$pid"
  while [ -e "/proc/$pid/exe" ]; do sleep 0.05; done
fi
rm -rf -- "$1"
`;

/** Removes `home` and kills the server that runs on it as soon as this process is gone. */
export class Watchdog {
  readonly #shell: ChildProcess;

  constructor(home: string) {
    const stdio = ['pipe', 'ignore', 'ignore'] as const;
    this.#shell = spawn('sh', ['-c', WATCHDOG_SCRIPT, 'watchdog', home], {
      stdio: [...stdio],
      detached: true,
      cwd: '/',
    });
    this.#shell.unref();
    const input = this.#shell.stdin;
    // The pipe alone must not keep a finished program alive.
    if (input instanceof Socket) input.unref();
  }

  /** The process to kill; null when there is none (any more). */
  guard(pid: number | null): void {
    this.#shell.stdin?.write(`${(pid ?? 0).toString()}\n`);
  }

  /** Ends the watch: kills what is still guarded, removes the directory, and resolves when both are done. */
  async finish(): Promise<void> {
    const ended = once(this.#shell, 'exit');
    this.#shell.ref();
    this.#shell.stdin?.end();
    await ended;
  }
}

/** A started server program. */
export class DatabaseProcess {
  readonly #child: ChildProcess;
  readonly #watchdog: Watchdog;
  readonly #logFile: string;
  readonly #ended: Promise<void>;
  #endedAs: string | null = null;

  private constructor(child: ChildProcess, watchdog: Watchdog, logFile: string) {
    this.#child = child;
    this.#watchdog = watchdog;
    this.#logFile = logFile;
    this.#ended = new Promise((resolve) => {
      const settle = (how: string): void => {
        this.#endedAs ??= how;
        this.#watchdog.guard(null);
        resolve();
      };
      child.once('error', (error) => {
        settle(error.message);
      });
      child.once('exit', (code, signal) => {
        settle(signal ?? `exit code ${(code ?? 0).toString()}`);
      });
    });
  }

  /** Starts the server program with its output appended to `home`/server.log. */
  static launch(options: {
    readonly installation: Installation;
    readonly home: string;
    readonly args: readonly string[];
    readonly watchdog: Watchdog;
  }): DatabaseProcess {
    const { installation, home, watchdog } = options;
    const logFile = join(home, 'server.log');
    const log = openSync(logFile, 'a');
    try {
      const [command, args] = commandLine(installation, installation.serverProgram, options.args);
      const stdio = ['ignore', log, log] as const;
      // Detached: Ctrl-C in a terminal is for the program that uses the server, which then stops it in its own order.
      const child = spawn(command, args, { stdio: [...stdio], detached: true, cwd: '/' });
      child.unref();
      watchdog.guard(child.pid ?? null);
      return new DatabaseProcess(child, watchdog, logFile);
    } finally {
      closeSync(log);
    }
  }

  /** How the process ended; null while it runs. */
  get endedAs(): string | null {
    return this.#endedAs;
  }

  /** Sends a signal to the server itself. A process that has ended takes none. */
  signal(signal: NodeJS.Signals): void {
    if (this.#endedAs === null) this.#child.kill(signal);
  }

  /** Resolves when the process has ended. */
  async ended(): Promise<void> {
    this.#child.ref();
    try {
      await this.#ended;
    } finally {
      this.#child.unref();
    }
  }

  /** The last lines that the server wrote. */
  logTail(): string {
    return tailOf(this.#logFile);
  }
}

/** Runs a program of the installation to its end. @throws Error with its output when it fails. */
export function runProgram(
  installation: Installation,
  program: string,
  programArgs: readonly string[],
): void {
  const [command, args] = commandLine(installation, program, programArgs);
  const run = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (run.status === 0) return;
  const output = `${run.error?.message ?? ''}${run.stdout}${run.stderr}`;
  throw new Error(`${program} failed:\n${lastLines(output)}`);
}

function commandLine(
  installation: Installation,
  program: string,
  args: readonly string[],
): [command: string, args: string[]] {
  // chroot(8) replaces itself by the program, so the child's process id is the server's own.
  return installation.chroot === null
    ? [program, [...args]]
    : ['chroot', [installation.chroot, program, ...args]];
}

function tailOf(file: string): string {
  try {
    return lastLines(readFileSync(file, 'utf8'));
  } catch {
    return '(no log)';
  }
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
}
