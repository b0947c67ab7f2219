/**
 * `gavelcast completion`: a shell's completion script, written from the same command tree that parses the command line, so
 * that it knows every command and option there is. Pure text: completing a word never starts the program.
 */
import type { Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof SHELLS)[number];

/** One command, as completion needs it. */
interface Entry {
  readonly name: string;
  readonly description: string;
  readonly options: readonly Flag[];
  /** What may stand where an argument is expected. */
  readonly words: readonly string[];
}

interface Flag {
  readonly long: string;
  readonly short: string | null;
  readonly description: string;
  readonly value: 'none' | 'file' | 'other';
}

/** @returns the script for `shell`, ending in a newline */
export function completionScript(program: Command, shell: Shell): string {
  const commands = program.commands.map(entryOf);
  const script = { bash, zsh, fish }[shell];
  return script(commands);
}

function entryOf(command: Command): Entry {
  return {
    name: command.name(),
    description: command.description(),
    options: [
      ...command.options.filter(({ long }) => typeof long === 'string').map(flagOf),
      { long: '--help', short: '-h', description: 'display help for command', value: 'none' },
    ],
    words: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  };
}

function flagOf(option: Option): Flag {
  const takesValue = option.required || option.optional;
  const isFile = /<(path|file)>/.test(option.flags);
  return {
    long: option.long ?? '',
    short: option.short ?? null,
    description: option.description,
    value: !takesValue ? 'none' : isFile ? 'file' : 'other',
  };
}

function bash(commands: readonly Entry[]): string {
  const cases = commands.map(({ name, options, words }) => {
    const all = [...words, ...options.map(({ long }) => long)].join(' ');
    return `    ${name}) words='${all}' ;;`;
  });
  const valued = (kind: Flag['value']): string => flagsOf(commands, kind).join('|');
  return `# Completion of gavelcast for bash: source it, or put it into /etc/bash_completion.d.
_gavelcast() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} words=
  COMPREPLY=()
  case "\${COMP_WORDS[1]} $previous" in
    ${valued('file')}) compopt -o default; return ;;
    ${valued('other')}) return ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${commands.map(({ name }) => name).join(' ')} --help --version'
  else case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _gavelcast gavelcast
`;
}

function zsh(commands: readonly Entry[]): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const describe = (text: string): string => text.replaceAll(/[[\]:\\]/g, '\\$&');
  const names = commands.map(({ name, description }) => quote(`${name}:${describe(description)}`));
  const cases = commands.map(({ name, options, words }) => {
    const specs = options.map(({ long, description, value }) => {
      const action = { none: '', file: ':file:_files', other: ':value: ' }[value];
      // A star: it may be given more than once, as --item may.
      return quote(`*${long}[${describe(description)}]${action}`);
    });
    if (words.length > 0) specs.push(quote(`1:word:(${words.join(' ')})`));
    return `    ${name}) _arguments ${specs.join(' ')} ;;`;
  });
  return `#compdef gavelcast
# Completion of gavelcast for zsh: put it as _gavelcast into a directory of $fpath, or source it after compinit.
_gavelcast() {
  local -a commands=(${names.join(' ')})
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = _gavelcast ]; then _gavelcast "$@"; else compdef _gavelcast gavelcast; fi
`;
}

function fish(commands: readonly Entry[]): string {
  const quote = (text: string): string => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
  const lines = commands.flatMap(({ name, description, options, words }) => {
    const within = `complete -c gavelcast -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c gavelcast -n __fish_use_subcommand -a ${name} -d ${quote(description)}`,
      ...words.map((word) => `${within} -a ${word}`),
      ...options.map(({ long, short, description: text, value }) => {
        const letter = short === null ? '' : ` -s ${short.slice(1)}`;
        const takes = { none: '', file: ' -r -F', other: ' -x' }[value];
        return `${within} -l ${long.slice(2)}${letter}${takes} -d ${quote(text)}`;
      }),
    ];
  });
  return `# Completion of gavelcast for fish: put it into ~/.config/fish/completions/gavelcast.fish.
complete -c gavelcast -f
${lines.join('\n')}
`;
}

/** Every option that takes a value of this kind, as `'command --option'`, by its long and its short name. */
function flagsOf(commands: readonly Entry[], kind: Flag['value']): string[] {
  return commands.flatMap(({ name, options }) =>
    options
      .filter(({ value }) => value === kind)
      .flatMap(({ long, short }) => (short === null ? [long] : [long, short]))
      .map((flag) => `'${name} ${flag}'`),
  );
}
