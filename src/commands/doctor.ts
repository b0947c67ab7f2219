/**
 * `gavelcast doctor`: looks at the source as `serve` will, and says what to mend and how.
 */
import type { Check } from '../../cdc/checks/check.ts';
import { diagnose, type Diagnosis } from '../../cdc/checks/doctor.ts';
import type { Log } from '../ports.ts';
import { VERSION } from '../version.ts';
import { EXIT, explain, findEnvironment, loadOrExplain, warn } from './context.ts';
import type { CommandContext, CommonOptions } from './context.ts';
import { readFeedOptions } from './feed-options.ts';

export interface DoctorOptions extends CommonOptions {
  readonly json?: boolean;
}

const SIGNS: Readonly<Record<Check['level'], { readonly sign: string; readonly colour: string }>> =
  {
    ok: { sign: '✓', colour: '32' },
    warning: { sign: '!', colour: '33' },
    problem: { sign: '✗', colour: '31' },
  };

/** What the tail would log goes into the checks. */
const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  fatal: () => undefined,
  child: () => SILENT,
};

/** Prints every check. @returns 0 when there is no problem (warnings or not), 1 when there is, 78 without a configuration */
export async function doctor(options: DoctorOptions, context: CommandContext): Promise<number> {
  const loaded = loadOrExplain(findEnvironment(options, context), ['source'], context);
  if (loaded === null) return EXIT.config;
  const feed = readFeedOptions(loaded.config.source, context.cwd);
  if (!feed.ok) {
    explain(feed.problems, context);
    return EXIT.config;
  }
  warn(loaded.warnings, context);
  const diagnosis = await diagnose(feed.options, { log: SILENT, now: context.now });
  const isJson = options.json === true;
  const hasColours = context.stdout.isTTY === true && (context.env['NO_COLOR'] ?? '') === '';
  context.stdout.write(isJson ? asJson(diagnosis) : asLines(diagnosis.checks, hasColours));
  return count(diagnosis.checks, 'problem') === 0 ? EXIT.ok : EXIT.no;
}

function asJson({ checks, source }: Diagnosis): string {
  const summary = {
    ok: count(checks, 'problem') === 0,
    gavelcast: VERSION,
    source: source === null ? null : { flavour: source.flavour, version: source.version },
    problems: count(checks, 'problem'),
    warnings: count(checks, 'warning'),
    checks,
  };
  return `${JSON.stringify(summary, null, 2)}\n`;
}

function asLines(checks: readonly Check[], hasColours: boolean): string {
  const lines = checks.flatMap(({ level, what, fix }) => {
    const { sign, colour } = SIGNS[level];
    const shown = hasColours ? `\u001b[${colour}m${sign}\u001b[0m` : sign;
    return [`${shown} ${what}`, ...(fix === undefined ? [] : [`    ${fix}`])];
  });
  const totals = [
    `${count(checks, 'ok').toString()} in order`,
    plural(count(checks, 'warning'), 'warning'),
    plural(count(checks, 'problem'), 'problem'),
  ];
  return [...lines, '', totals.join(', '), ''].join('\n');
}

function count(checks: readonly Check[], level: Check['level']): number {
  return checks.filter((check) => check.level === level).length;
}

function plural(number: number, noun: string): string {
  return `${number.toString()} ${noun}${number === 1 ? '' : 's'}`;
}
