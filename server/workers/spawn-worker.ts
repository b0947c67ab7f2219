/**
 * How a worker process is started: with what it may know of this one.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A checkout runs the source, a package what was compiled of it. */
const ENTRY = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? 'main.ts' : 'main.js', import.meta.url),
);

/** Flags of Node that are for the primary alone: the debugger's port is taken, and a file of variables holds passwords. */
const FOR_PRIMARY = /^--(inspect|env-file|watch)/;

/** What a worker inherits of the environment: nothing that could hold a password. */
const INHERITED = /^(PATH|HOME|TZ|LANG|LC_\w+|NODE_\w+|SSL_CERT_\w+|(https?|no)_proxy)$/i;

/** As much of a child process as its primary uses. */
export interface Child {
  readonly pid?: number | undefined;
  /** Node sets none where it has no descriptors left to start a process with. */
  readonly stdio: readonly unknown[] | undefined;
  once(event: 'exit', heard: (code: number | null, signal: NodeJS.Signals | null) => void): unknown;
  once(event: 'error', heard: (error: Error) => void): unknown;
  kill(signal: NodeJS.Signals): boolean;
}

/** @param inheritedFd a listening socket to pass on; null: it opens its own */
export type SpawnWorker = (inheritedFd: number | null) => Child;

export const spawnWorker: SpawnWorker = (inheritedFd) =>
  spawn(process.execPath, [...flagsOf(process.execArgv), ENTRY], {
    // Beside the channel, only what a crash of Node itself would say.
    stdio: ['ignore', 'inherit', 'inherit', 'pipe', inheritedFd ?? 'ignore'],
    env: environmentOf(process.env),
  });

/** The flags of Node that a worker gets, too. */
export function flagsOf(execArgv: readonly string[]): readonly string[] {
  let isDropped = false;
  return execArgv.filter((argument) => {
    // What does not begin with a dash is the value of the flag before it.
    if (argument.startsWith('-')) isDropped = FOR_PRIMARY.test(argument);
    return !isDropped;
  });
}

/** The variables that a worker gets, too. */
export function environmentOf(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => INHERITED.test(name)));
}
