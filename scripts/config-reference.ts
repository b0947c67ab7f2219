/**
 * `npm run docs:config`: writes docs/configuration.md from the table of options. With `--check` it only compares, and
 * exits 1 when the file is stale.
 */
import { readFileSync, writeFileSync } from 'node:fs';

import { OPTIONS } from '../src/config-options.ts';
import { SECTIONS, type Option } from '../src/option.ts';

const FILE = new URL('../docs/configuration.md', import.meta.url);

/** The whole reference as Markdown. */
export function configReference(): string {
  const options: [string, Option<unknown>][] = Object.entries(OPTIONS);
  const secrets = options.filter(([, { isSecret }]) => isSecret).map(([name]) => `\`${name}\``);
  const sections = Object.entries(SECTIONS).map(([section, title]) => {
    const rows = options.filter(([, option]) => option.section === section);
    return [
      `## ${title}`,
      '',
      '| variable | value | default | what it does |',
      '|---|---|---|---|',
      ...rows.map(([name, option]) => row(name, option)),
    ].join('\n');
  });
  return `${[introduction(secrets), ...sections].join('\n\n')}\n`;
}

function introduction(secrets: readonly string[]): string {
  return `<!-- Written by "npm run docs:config" from src/config-options.ts. Edit that file, not this one. -->

# Configuration

Gavelcast is configured by environment variables, and by the same \`.env\` file as the PHP API, so that nothing has to be written down twice. It reads \`.env\` in
the directory it is started in, or the file named by \`--env\`. Where both have a name, the environment wins. Names that are not listed here belong to the
PHP side and are ignored; a name one slip of the finger away from one of these gets a warning.

- An env file has \`NAME=value\` lines. \`#\` starts a comment; a value that holds \`#\` or begins or ends with a blank belongs in quotes.
- A variable that is empty counts as not set.
- \`NAME_FILE\` names a file that holds the value, for Docker secrets and systemd credentials: ${secrets.join(', ')}.
  It wins over \`NAME\`; one line break at the file's end is not part of the value.
- Yes-or-no options take \`1\`, \`true\`, \`on\`, \`yes\` and \`0\`, \`false\`, \`off\`, \`no\`.
- \`gavelcast config\` prints what is in effect and where it comes from, with secrets masked; \`gavelcast config --check\` only says whether it can be used. When
  something is wrong, every fault is listed at once, each with its fix, and the exit code is 78. The value of a secret is never printed.`;
}

function row(name: string, option: Option<unknown>): string {
  const unit = option.unit === null ? '' : `, ${option.unit}`;
  const isWords = /[` ]/.test(option.defaultText) || !/^[\w.:/+-]+$/.test(option.defaultText);
  const isPlain = isWords || ['any', 'none', 'empty'].includes(option.defaultText);
  const defaultText = isPlain ? option.defaultText : `\`${option.defaultText}\``;
  const secret = option.isSecret ? ' Secret.' : '';
  return `| \`${name}\` | ${option.kind}${unit} | ${defaultText} | ${option.text}${secret} |`;
}

function main(): void {
  const text = configReference();
  if (!process.argv.includes('--check')) {
    writeFileSync(FILE, text);
    return;
  }
  if (readFileSync(FILE, 'utf8') === text) return;
  process.stderr.write('docs/configuration.md is stale: run "npm run docs:config"\n');
  process.exitCode = 1;
}

if (import.meta.main) main();
