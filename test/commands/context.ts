/** A command's world for tests: an environment, an empty directory, and what was written. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

import type { CommandContext } from '../../src/commands/context.ts';
import { runProgram } from '../../src/commands/program.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface World {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly nowMs?: number;
}

/** Runs one command line in this process. */
export async function run(args: readonly string[], world: World = {}): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  const context: CommandContext = {
    env: world.env ?? {},
    cwd: world.cwd ?? emptyDirectory(),
    now: () => world.nowMs ?? Date.now(),
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
  };
  const code = await runProgram(args, context);
  return { code, stdout, stderr };
}

/** A directory that is gone when the test is over. */
export function emptyDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'gavelcast-command-'));
  onTestFinished(() => {
    rmSync(path, { recursive: true });
  });
  return path;
}
