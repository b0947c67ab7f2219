/**
 * What a look at a source found: one line of preflight, and later of `doctor`.
 */

/** One thing looked at. `fix` is there for warnings and problems. */
export interface Check {
  /** Stable name: `log-bin`, `grant-select`, `mapping` … */
  readonly id: string;
  readonly level: 'ok' | 'warning' | 'problem';
  readonly what: string;
  readonly fix?: string;
}

/** The checks of one level, as lines for people. */
export function linesOf(checks: readonly Check[], level: Check['level']): string[] {
  return checks
    .filter((check) => check.level === level)
    .map((check) => (check.fix === undefined ? check.what : `${check.what} → ${check.fix}`));
}
