/**
 * The table of options as text for a terminal.
 */
import { OPTIONS } from '../config-options.ts';
import { SECTIONS, type Option } from '../option.ts';

const INDENT = 32;
const WIDTH = 96;

/** Every variable with its default and what it does, by section. */
export function variablesHelp(): string {
  const options: [string, Option<unknown>][] = Object.entries(OPTIONS);
  const sections = Object.entries(SECTIONS).map(([section, title]) => {
    const own = options.filter(([, option]) => option.section === section);
    return [`${title}:`, ...own.flatMap(([name, option]) => describe(name, option))].join('\n');
  });
  const intro = [
    'Configuration: environment variables, or NAME=value lines of the env file (default .env here).',
    'The environment wins. NAME_FILE names a file with the value of DB_PASSWORD, SOURCE_PASSWORD,',
    'JWT_SECRET or JWT_KEYS.',
  ].join('\n');
  return [intro, ...sections].join('\n\n');
}

function describe(name: string, option: Option<unknown>): string[] {
  const unit = option.unit === null ? '' : ` ${option.unit}`;
  const text = `${option.text} Default: ${option.defaultText}${unit}.`.replaceAll('`', '');
  const [first = '', ...rest] = wrap(text, WIDTH - INDENT);
  const padding = ' '.repeat(INDENT);
  return [`  ${name.padEnd(INDENT - 2)}${first}`, ...rest.map((line) => `${padding}${line}`)];
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
