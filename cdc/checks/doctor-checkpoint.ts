/**
 * Whether the server can go on from where we stopped, told before somebody restarts. Reads the file and leaves it alone.
 */
import { accessSync, constants, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { checkpointFault } from '../continuity/checkpoint-check.ts';
import { parseCheckpoint } from '../continuity/checkpoint.ts';
import type { Check } from './check.ts';
import type { Queryable } from '../source/database-pool.ts';
import type { SourceInfo } from '../source/source-info.ts';

const ID = 'checkpoint';

/** @param path null: none is kept. @throws AppError when the server cannot be asked */
export async function checkCheckpoint(
  database: Queryable,
  source: SourceInfo,
  path: string | null,
): Promise<Check> {
  if (path === null) {
    const what = 'no checkpoint is kept (STATE_DIR): each start begins with a fresh book';
    return { id: ID, level: 'ok', what };
  }
  const text = read(path);
  if (typeof text !== 'string') return text;
  const parsed = parseCheckpoint(text);
  if (!parsed.ok) return unusable(path, parsed.why);
  const { checkpoint } = parsed;
  if (checkpoint.database !== source.mapping.database) {
    return unusable(path, `it is of the database ${checkpoint.database}`);
  }
  const { file, offset } = checkpoint.position.binlog;
  const fault = await checkpointFault(database, source, checkpoint);
  if (fault === null) {
    const since = new Date(checkpoint.committedAtMs).toISOString();
    const what = `the server can go on from the checkpoint: ${file}:${offset.toString()}, of ${since}`;
    return { id: ID, level: 'ok', what };
  }
  return {
    id: ID,
    level: 'warning',
    what: `The server cannot go on from the checkpoint at ${file}:${offset.toString()}: ${fault}.`,
    fix: 'The next start does what ON_POSITION_LOST says. To avoid it next time: binlog_expire_logs_seconds longer than any outage.',
  };
}

/** The file's text, or what is to be said instead. */
function read(path: string): string | Check {
  try {
    const text = readFileSync(path, 'utf8');
    accessSync(dirname(path), constants.W_OK);
    return text;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    if (code === 'ENOENT') return { id: ID, level: 'ok', what: `no checkpoint yet in ${path}` };
    return {
      id: ID,
      level: 'problem',
      what: `The checkpoint ${path} cannot be read and replaced (${code}).`,
      fix: `Run the doctor as the user that serves, and give that user the directory: chown ${dirname(path)}`,
    };
  }
}

function unusable(path: string, why: string): Check {
  return {
    id: ID,
    level: 'warning',
    what: `The checkpoint ${path} is of no use: ${why}.`,
    fix: 'Nothing need be done: the next start moves it aside and begins with a fresh book.',
  };
}
