/**
 * What the program finds around it at start: the real environment, the `.env` file that it shares with the PHP API, and
 * the files that `NAME_FILE` variables name. Nothing is written to `process.env`.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { parse } from 'dotenv';

import { OPTIONS, isOptionName } from './config-options.ts';
import type { ConfigProblem, ConfigWarning, Environment } from './config-problem.ts';
import type { Option } from './option.ts';

/** The variables, and what was wrong on the way to them. */
export interface FoundEnvironment {
  readonly env: Environment;
  /** The env file that was read; null when there was none. */
  readonly envFile: string | null;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigWarning[];
}

/**
 * Collects the variables. The real environment wins over the env file, `NAME_FILE` over `NAME`.
 *
 * @param options.envFile path given by the operator, which must exist; null: `.env` in `cwd`, if it is there
 */
export function readEnvironment(options: {
  readonly env: Environment;
  readonly cwd: string;
  readonly envFile: string | null;
}): FoundEnvironment {
  const problems: ConfigProblem[] = [];
  const path = resolve(options.cwd, options.envFile ?? '.env');
  const read = readText(path);
  const isMissing = !read.ok && read.reason === 'ENOENT' && options.envFile === null;
  if (!read.ok && !isMissing) {
    const fix = 'name a file that exists and that this user may read';
    problems.push({ name: path, problem: `cannot be read (${read.reason})`, fix });
  }
  const parsed = read.ok ? parseEnvFile(read.text) : { values: {}, warnings: [] };
  const merged: Record<string, string | undefined> = { ...parsed.values, ...options.env };
  const secrets = readSecretFiles(merged, options.cwd);
  return {
    env: { ...merged, ...secrets.values },
    envFile: read.ok ? path : null,
    problems: [...problems, ...secrets.problems],
    warnings: [...parsed.warnings, ...secrets.warnings],
  };
}

/**
 * Reads the text of an env file: `NAME=value` lines, `export` allowed, `#` comments, values unquoted or in single,
 * double or back quotes; LF or CRLF; a byte order mark does not matter. Of a name given twice the last one counts.
 */
export function parseEnvFile(text: string): {
  readonly values: Readonly<Record<string, string>>;
  readonly warnings: readonly ConfigWarning[];
} {
  const withoutMark = text.replace(/^\uFEFF/, '');
  const warning = "is cut at its '#', which starts a comment: put the value in quotes";
  const warnings = cutNames(withoutMark).map((name) => ({ name, warning }));
  return { values: parse(withoutMark), warnings };
}

/** Our options whose unquoted value has a `#` in its middle: most likely a password that lost its end. */
function cutNames(text: string): string[] {
  const line = /^\s*(?:export\s+)?([\w.-]+)\s*=([^\S\n]*)(#?)([^\n]*)$/gm;
  const names: string[] = [];
  for (const [, name = '', gap = '', mark = '', rest = ''] of text.matchAll(line)) {
    if (!isOptionName(name)) continue;
    const startsWithMark = mark !== '' && gap === '' && /^\S/.test(rest);
    const holdsMark = mark === '' && !/^['"`]/.test(rest) && /^[^#]*[^\s#]#/.test(rest);
    if (startsWithMark || holdsMark) names.push(name);
  }
  return names;
}

function readSecretFiles(
  env: Environment,
  cwd: string,
): {
  readonly values: Readonly<Record<string, string>>;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigWarning[];
} {
  const values: Record<string, string> = {};
  const problems: ConfigProblem[] = [];
  const warnings: ConfigWarning[] = [];
  const options: [string, Option<unknown>][] = Object.entries(OPTIONS);
  for (const [name] of options.filter(([, option]) => option.isSecret)) {
    const fileName = `${name}_FILE`;
    const path = env[fileName]?.trim() ?? '';
    if (path === '') continue;
    const read = readText(resolve(cwd, path));
    if (read.ok) {
      // Editors and `echo` end a file with a line break that is not part of the secret.
      values[name] = read.text.replace(/\r?\n$/, '');
      const isDouble = env[name] !== undefined && env[name] !== values[name];
      if (isDouble) warnings.push({ name, warning: `is not used, because ${fileName} is set` });
    } else {
      const fix = 'name a file that exists and that this user may read, or leave it out';
      problems.push({
        name: fileName,
        problem: `names a file that cannot be read (${read.reason})`,
        fix,
      });
    }
  }
  return { values, problems, warnings };
}

function readText(
  path: string,
): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly reason: string } {
  try {
    return { ok: true, text: readFileSync(path, 'utf8') };
  } catch (error) {
    const isSystemError =
      error instanceof Error && 'code' in error && typeof error.code === 'string';
    return { ok: false, reason: isSystemError ? String(error.code) : 'unknown reason' };
  }
}
