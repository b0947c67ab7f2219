/**
 * Where the checkpoint is kept.
 */
import { join, resolve } from 'node:path';

import { checkpointPathFault } from '../../cdc/continuity/checkpoint-file.ts';
import type { SourceConfig } from '../config.ts';
import type { ConfigProblem, Environment } from '../config-problem.ts';

export type CheckpointPath =
  /** Null: nowhere, because nobody said where. */
  | { readonly ok: true; readonly path: string | null }
  | { readonly ok: false; readonly problem: ConfigProblem };

/**
 * `CHECKPOINT_FILE`, else a file named after the database in `STATE_DIR`, else in the directory that systemd made for us.
 * Never in the working directory by itself: that is the portal's own, and part of a web site.
 */
export function checkpointPath(
  source: Pick<SourceConfig, 'stateDir' | 'checkpointFile' | 'database'>,
  { env, cwd }: { readonly env: Environment; readonly cwd: string },
): CheckpointPath {
  const directory = source.stateDir ?? ofSystemd(env);
  const name = `gavelcast-${source.database.replaceAll(/[^\w.-]/g, '_')}.checkpoint.json`;
  const path = source.checkpointFile ?? (directory === null ? null : join(directory, name));
  if (path === null) return { ok: true, path: null };
  const absolute = resolve(cwd, path);
  const reason = checkpointPathFault(absolute);
  if (reason === null) return { ok: true, path: absolute };
  const problem = {
    name: source.checkpointFile === null ? 'STATE_DIR' : 'CHECKPOINT_FILE',
    problem: `no checkpoint can be written to ${absolute} (${reason})`,
    fix: 'name a directory that this user may write to, or leave it out',
  };
  return { ok: false, problem };
}

/** systemd separates several directories by colons. */
function ofSystemd(env: Environment): string | null {
  const [first = ''] = (env['STATE_DIRECTORY'] ?? '').split(':');
  return first === '' ? null : first;
}
