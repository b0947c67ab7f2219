/**
 * One option of the configuration: what it is called in the environment, what it may hold, and the words for it. The
 * parser, the help and `docs/configuration.md` all read the same object.
 */
import { z } from 'zod';

/** Headings of the reference, in its order. */
export const SECTIONS = {
  database: 'Database',
  binlog: 'Reading the binlog',
  tokens: 'Tokens',
  server: 'WebSocket server',
  messages: 'Messages',
  limits: 'Limits',
  history: 'Recovery',
  admin: 'Metrics and admin page',
  log: 'Log',
} as const;

export type Section = keyof typeof SECTIONS;

export interface Option<T> {
  readonly section: Section;
  /** What a value looks like, for people: `whole number from 0 to 65535`. */
  readonly kind: string;
  readonly unit: string | null;
  /** The value when the variable is absent or empty. Meaningless when `isRequired`. */
  readonly defaultValue: T;
  /** The default as one would write it, or in words: `the server's`. */
  readonly defaultText: string;
  readonly isRequired: boolean;
  /** Its value is never printed, and `NAME_FILE` may name a file that holds it. */
  readonly isSecret: boolean;
  /** What it does: one to three sentences of Markdown. */
  readonly text: string;
  /** A value one could use, for the fix of a fault. */
  readonly example: string;
  /** Text to value; the message of its issue completes the sentence `NAME …` and never repeats the value. */
  readonly schema: z.ZodType<T, string>;
}

interface Described {
  readonly section: Section;
  readonly text: string;
}

const TRUE_WORDS = new Set(['1', 'true', 'on', 'yes']);
const FALSE_WORDS = new Set(['0', 'false', 'off', 'no']);

/** A whole number between bounds, both included. `null` as default means "worked out at start", told by `defaultText`. */
export function integer<D extends number | null>(
  options: Described & {
    readonly min: number;
    readonly max: number;
    readonly unit?: string;
    readonly default: D;
    readonly defaultText?: string;
    readonly example?: string;
    /** A word that stands for 0. */
    readonly zeroWord?: string;
  },
): Option<number | D> {
  const { min, max, zeroWord } = options;
  const or = zeroWord === undefined ? '' : ` or \`${zeroWord}\``;
  const kind = `whole number from ${min.toString()} to ${max.toString()}${or}`;
  const message = `must be a ${kind}`;
  const schema = z
    .string()
    .transform((text) => (text === zeroWord ? '0' : text))
    .refine((text) => /^\d{1,15}$/.test(text), { message, abort: true })
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
  return describe<number | D>(options, {
    kind,
    unit: options.unit ?? null,
    defaultValue: options.default,
    defaultText: options.defaultText ?? String(options.default),
    example: options.example ?? String(options.default ?? min),
    schema,
  });
}

/** Yes or no, in any of the spellings that env files use. */
export function flag(
  options: Described & { readonly default: boolean; readonly digits?: boolean },
): Option<boolean> {
  const words = options.digits === true ? ['0', '1'] : ['false', 'true'];
  const schema = z
    .string()
    .transform((text) => text.toLowerCase())
    .refine((text) => TRUE_WORDS.has(text) || FALSE_WORDS.has(text), 'must be true or false')
    .transform((text) => TRUE_WORDS.has(text));
  return describe(options, {
    kind: words.map((word) => `\`${word}\``).join(' or '),
    defaultValue: options.default,
    defaultText: words[options.default ? 1 : 0] ?? '',
    example: words[options.default ? 1 : 0] ?? '',
    schema,
  });
}

/** One of a few words. */
export function choice<const W extends readonly [string, ...string[]]>(
  options: Described & { readonly words: W; readonly default: W[number] },
): Option<W[number]> {
  const message = `must be one of ${options.words.join(', ')}`;
  return describe<W[number]>(options, {
    kind: options.words.map((word) => `\`${word}\``).join(', '),
    defaultValue: options.default,
    defaultText: options.default,
    example: options.default,
    schema: z.enum(options.words, { error: message }),
  });
}

/** Free text with a shape of its own. `null` as default means "none", told by `defaultText`. */
export function text<D extends string | null>(
  options: Described & {
    readonly kind: string;
    readonly default: D;
    readonly defaultText?: string;
    readonly example: string;
    readonly isRequired?: boolean;
    readonly isSecret?: boolean;
    /** What a value must look like, and the words for one that does not. */
    readonly test?: (value: string) => boolean;
    readonly message?: string;
  },
): Option<string | D> {
  const test = options.test ?? (() => true);
  return describe<string | D>(options, {
    kind: options.kind,
    defaultValue: options.default,
    defaultText: options.defaultText ?? options.default ?? 'none',
    isRequired: options.isRequired ?? false,
    isSecret: options.isSecret ?? false,
    example: options.example,
    schema: z.string().refine(test, options.message ?? 'is not usable'),
  });
}

/** A comma-separated list; blanks around entries and empty entries do not count. */
export function list(
  options: Described & {
    readonly kind: string;
    readonly defaultText: string;
    readonly example: string;
    readonly test: (entry: string) => boolean;
    readonly message: string;
  },
): Option<readonly string[]> {
  const schema = z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((entry) => entry.trim())
        .filter((entry) => entry !== ''),
    )
    .refine((entries) => entries.every(options.test), options.message);
  return describe<readonly string[]>(options, {
    kind: options.kind,
    defaultValue: [],
    defaultText: options.defaultText,
    example: options.example,
    schema,
  });
}

function describe<T>(
  described: Described,
  rest: Omit<Option<T>, keyof Described | 'unit' | 'isRequired' | 'isSecret'> &
    Partial<Pick<Option<T>, 'unit' | 'isRequired' | 'isSecret'>>,
): Option<T> {
  return {
    unit: null,
    isRequired: false,
    isSecret: false,
    ...rest,
    section: described.section,
    text: described.text,
  };
}
