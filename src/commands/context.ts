/**
 * What a command is given of the world, and the beginning that all of them share: environment to configuration, or
 * every fault on stderr at once.
 */
import { loadConfig, type Config, type ConfigResult, type Part } from '../config.ts';
import { misspellings } from '../config-rules.ts';
import {
  problemText,
  type ConfigProblem,
  type ConfigWarning,
  type Environment,
} from '../config-problem.ts';
import { readEnvironment, type FoundEnvironment } from '../env-file.ts';
import type { Clock } from '../ports.ts';
import { fileProblems } from './feed-options.ts';

/** A place for text: `process.stdout`, `process.stderr`, or a test's. */
export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export interface CommandContext {
  readonly env: Environment;
  readonly cwd: string;
  readonly now: Clock;
  readonly stdout: Output;
  readonly stderr: Output;
}

/** Exit codes, as sysexits(3) has them where it has one. */
export const EXIT = {
  ok: 0,
  /** A check said no, or a second signal cut the shutdown short. */
  no: 1,
  usage: 64,
  unavailable: 69,
  internal: 70,
  config: 78,
} as const;

export type LoadedConfig = Extract<ConfigResult, { ok: true }> & {
  readonly found: FoundEnvironment;
};

/** Options that every command has. */
export interface CommonOptions {
  /** Path of the env file. */
  readonly env?: string;
}

/** The environment as `--env` and the working directory say. */
export function findEnvironment(options: CommonOptions, context: CommandContext): FoundEnvironment {
  return readEnvironment({ env: context.env, cwd: context.cwd, envFile: options.env ?? null });
}

/**
 * The configuration of what this command uses, the files it names included. Null: there were faults, all of them are on
 * stderr after the warnings (a misspelt name or a value cut short is often why another one is missing), and the command
 * ends with `EXIT.config`.
 */
export function loadOrExplain(
  found: FoundEnvironment,
  parts: readonly Part[],
  context: CommandContext,
): LoadedConfig | null {
  const result = loadConfig(found.env, parts);
  const problems = [
    ...found.problems,
    ...(result.ok ? [] : result.problems),
    ...(parts.includes('source') ? fileProblems(found.env, context.cwd) : []),
  ];
  if (!result.ok || problems.length > 0) {
    warn([...found.warnings, ...misspellings(found.env)], context);
    explain(problems, context);
    return null;
  }
  return { ...result, warnings: [...found.warnings, ...result.warnings], found };
}

/** Writes all faults to stderr. */
export function explain(problems: readonly ConfigProblem[], context: CommandContext): void {
  context.stderr.write(problemText(problems));
}

/** Writes warnings to stderr, for the commands whose stdout is data. */
export function warn(warnings: readonly ConfigWarning[], context: CommandContext): void {
  for (const { name, warning } of warnings) {
    context.stderr.write(`gavelcast: warning: ${name} ${warning}\n`);
  }
}

/** The log of a command whose output is data: ordinary lines would bury it; who asks for `debug` gets them. */
export function quieter(config: Pick<Config, 'log'>): Config['log'] {
  return config.log.level === 'info' ? { ...config.log, level: 'warn' } : config.log;
}
