/** What tests say of one option of the table. */
import type { Config } from '../src/config.ts';

/** For each option: where it ends up, its default there, texts with their values, and texts that are refused. */
export interface OptionRow {
  readonly of: (config: Config) => unknown;
  readonly absent: unknown;
  readonly good: readonly (readonly [text: string, value: unknown])[];
  readonly bad: readonly string[];
}

export const BOOLEAN_BAD = ['maybe', '2', 'yess', '-1'];
export const truths = (value: boolean): [string, boolean][] =>
  (value ? ['1', 'true', 'TRUE', 'on', 'yes'] : ['0', 'false', 'off', 'No']).map((text) => [
    text,
    value,
  ]);
