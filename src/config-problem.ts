/**
 * What can be wrong with a configuration, and how it is told. No text here ever repeats the value of a secret.
 */

/** Variables by name, as `process.env` or a parsed `.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What must be mended before the program can start. */
export interface ConfigProblem {
  /** The option, or the file, that is wrong. */
  readonly name: string;
  /** Completes the sentence `NAME …`. */
  readonly problem: string;
  /** What to write, and where. */
  readonly fix: string;
}

/** What the operator should know, though the program can start. */
export interface ConfigWarning {
  readonly name: string;
  /** Completes the sentence `NAME …`. */
  readonly warning: string;
}

/** All faults as one text for a terminal, each with its fix on a line of its own. */
export function problemText(problems: readonly ConfigProblem[]): string {
  const count = problems.length === 1 ? 'one thing' : `${problems.length.toString()} things`;
  const lines = problems.map(({ name, problem, fix }) => `  ${name} ${problem}\n      fix: ${fix}`);
  return [`gavelcast cannot start: ${count} to mend in the configuration`, ...lines, ''].join('\n');
}
