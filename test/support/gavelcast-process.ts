/**
 * The real program as an operator runs it: `node src/main.ts <command>` in a process of its own.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { freePort } from './free-port.ts';
import { until } from './until.ts';

export const PROJECT_ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const TEST_JWT_SECRET = 'a-test-secret-that-is-long-enough-for-hs256-signing';

export interface GavelcastProcess {
  readonly port: number;
  readonly url: string;
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** Everything written so far on stdout and stderr. */
  output(): string;
  /** Sends the signal and resolves with the exit code (null when it died of a signal). */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  isReady(): Promise<boolean>;
}

export interface SourceAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

/** The environment that points `gavelcast` at a source, as the portal's `.env` would. */
export function gavelcastEnv(
  source: SourceAddress,
  extra: Record<string, string> = {},
): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '/',
    DB_HOST: source.host,
    DB_PORT: String(source.port),
    DB_NAME: source.database,
    DB_USER: source.user,
    DB_PASSWORD: source.password,
    JWT_SECRET: TEST_JWT_SECRET,
    WS_HOST: '127.0.0.1',
    ADMIN_PORT: 'off',
    LOG_FORMAT: 'json',
    ...extra,
  };
}

/**
 * Starts `gavelcast serve` and resolves once `/readyz` answers 200. Rejects with its output when it exits first,
 * or is not ready in time; no process is left then.
 */
export async function startGavelcast(
  source: SourceAddress,
  extra: Record<string, string> = {},
  options: { waitUntilReady?: boolean; readyWithinMs?: number } = {},
): Promise<GavelcastProcess> {
  const port = Number(extra['WS_PORT'] ?? (await freePort()));
  const child = spawn(process.execPath, ['src/main.ts', 'serve'], {
    cwd: PROJECT_ROOT,
    env: gavelcastEnv(source, { WS_PORT: String(port), ...extra }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      output += chunk;
    });
  }
  const isReady = async (): Promise<boolean> => {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`);
      await response.arrayBuffer();
      return response.status === 200;
    } catch {
      return false;
    }
  };
  const gavelcast: GavelcastProcess = {
    port,
    url: `ws://127.0.0.1:${port}`,
    child,
    output: () => output,
    isReady,
    stop: async (signal = 'SIGTERM') => {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit');
        child.kill(signal);
        await exited;
      }
      return child.exitCode;
    },
  };
  if (options.waitUntilReady ?? true) {
    try {
      await until(
        async () => {
          if (child.exitCode !== null) throw new Error(`gavelcast exited early:\n${output}`);
          return isReady();
        },
        {
          withinMs: options.readyWithinMs ?? 30_000,
          what: () => `gavelcast to be ready:\n${output}`,
        },
      );
    } catch (error) {
      // Whoever asked for it never gets it, and could not stop it.
      await gavelcast.stop('SIGKILL');
      throw error;
    }
  }
  return gavelcast;
}
