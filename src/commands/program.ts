/**
 * The command line: what there is to call, its options, its help. Each command's code is loaded when it is called.
 */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';

import { VERSION } from '../version.ts';
import { completionScript, SHELLS, type Shell } from './completion.ts';
import type { ConfigOptions } from './config.ts';
import type { DoctorOptions } from './doctor.ts';
import type { LoadOptions } from './load.ts';
import { EXIT, type CommandContext, type CommonOptions } from './context.ts';
import { parseLifetime } from './lifetime.ts';
import { variablesHelp } from './option-help.ts';
import type { ReplayOptions } from './replay.ts';
import type { TailOptions } from './tail.ts';
import { parseTimeArgument, type TimeArgument } from './time-argument.ts';
import type { TokenOptions } from './token.ts';
import type { WatchOptions } from './watch.ts';

/** What the portal gives its own tokens. */
const LIFETIME_DEFAULT = '7d';

const LOAD_HELP = `
It reads, as every client does: place the bids with the portal, by hand or with what tests it.
Ctrl-C ends it early, with the report so far. docs/operations.md says what its numbers mean.

Examples:
  gavelcast load --clients 500 --items 1,2,3 --duration 2m
  gavelcast load wss://live.example.com/ws --clients 5000 --ramp 5m --items 1,2 --tokens tokens.txt --yes

Exit code 0: everybody connected, nobody was closed, nothing was missed; 1: not so`;

const EXIT_CODES = `Exit codes:
  0   done, or stopped by a signal in good order
  1   a check said no, or a second signal cut the shutdown short
  64  wrong usage: unknown command or option
  69  a port or service that is needed is not available
  70  internal error
  78  configuration, or the database's settings, must be mended first`;

const REPLAY_HELP = `
Times: 2026-02-01T10:30:00Z, 2026-02-01T11:30:00+01:00; without a zone the database's own wall clock
('2026-02-01 10:30', 2026-02-01); or how long ago: 90s, 30m, 2h, 7d. Commits are known to the second.

One JSON object a line: committedAt, transaction (GTID or file:position), to (watchersOf: the item whose
watchers got it, or null; userIds: who got it by name, watching or not), v2Only, and event: the text as it
was sent, with its eventId. Countdowns (auction_ending) come from the clock and are not told again.
Nothing is written anywhere, and a running server is not disturbed: no checkpoint, a server id of its own.`;

/**
 * Runs one command line.
 *
 * @param args without the program's own name
 * @returns the exit code
 */
export async function runProgram(
  args: readonly string[],
  context: CommandContext,
): Promise<number> {
  let code: number = EXIT.ok;
  const program = buildProgram(context, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has printed the message already; help and version that were asked for are no fault.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}

function buildProgram(context: CommandContext, finish: (code: number) => void): Command {
  const program = new Command('gavelcast')
    .description(
      'Real-time auction events over WebSockets, read from the binlog of MySQL or MariaDB.',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    })
    .showHelpAfterError('(--help says more)')
    .addHelpText(
      'after',
      examples('gavelcast serve', 'gavelcast tail --item 42', 'gavelcast serve --help'),
    )
    .addHelpText('after', `\n${EXIT_CODES}`);
  addServe(program, context, finish);
  addTail(program, context, finish);
  addReplay(program, context, finish);
  addWatch(program, context, finish);
  addToken(program, context, finish);
  addLoad(program, context, finish);
  addConfig(program, context, finish);
  addDoctor(program, context, finish);
  addCompletion(program, context);
  return program;
}

type Finish = (code: number) => void;

function addServe(program: Command, context: CommandContext, finish: Finish): void {
  subcommand(program, 'serve', 'tail the database and serve its auction events over WebSockets')
    .addHelpText('after', examples('gavelcast serve', 'gavelcast serve --env /etc/portal/.env'))
    .addHelpText('after', `\n${variablesHelp()}`)
    .addHelpText('after', `\n${EXIT_CODES}`)
    .action(async (options: CommonOptions) => {
      const { serve } = await import('./serve.ts');
      finish(await serve(options, context));
    });
}

function addTail(program: Command, context: CommandContext, finish: Finish): void {
  subcommand(program, 'tail', 'print auction events in the terminal as they are committed')
    .option('--json', 'one JSON object a line, exactly as clients get it')
    .option('--item <id>', 'only this item; may be repeated', collect)
    .addHelpText(
      'after',
      examples('gavelcast tail', 'gavelcast tail --item 42', 'gavelcast tail --json | jq .type'),
    )
    .action(async (options: TailOptions) => {
      const { tail } = await import('./tail.ts');
      finish(await tail(options, context));
    });
}

function addReplay(program: Command, context: CommandContext, finish: Finish): void {
  subcommand(program, 'replay', 'tell from the binlogs who was told what in a past window')
    .requiredOption('--since <time>', 'where the window begins', parseTime)
    .option('--until <time>', 'where it ends, itself not part of it; default: now', parseTime)
    .option('--item <id>', 'only this item; may be repeated', collect)
    .option(
      '--user <id>',
      'only what went to this user by name: outbid, auction_ended',
      parseUserId,
    )
    .addHelpText('after', REPLAY_HELP)
    .addHelpText(
      'after',
      examples(
        'gavelcast replay --since 2h --item 42',
        "gavelcast replay --since '2026-02-01 10:30' --until '2026-02-01 10:45' > told.ndjson",
        'gavelcast replay --since 2026-02-01T10:30:00Z --user 7 | jq -c .event',
      ),
    )
    .addHelpText('after', `\n${EXIT_CODES}`)
    .action(async (options: ReplayOptions) => {
      const { replay } = await import('./replay.ts');
      finish(await replay(options, context));
    });
}

function addWatch(program: Command, context: CommandContext, finish: Finish): void {
  subcommand(program, 'watch', 'connect to a server as a client does, and print what it sends')
    .argument('[url]', 'server to connect to; default: the one that this configuration describes')
    .option('--token <jwt>', 'token to connect with')
    .option('--user <id>', 'mint a token for this user with JWT_SECRET', parseUserId)
    .option('--item <id>', 'item to watch; may be repeated', collect)
    .option('--since <eventId>', 'ask for what was missed after this event')
    .option('--legacy', "connect as the portal's old clients do, without gavelcast.v2")
    .option('--json', 'one JSON object a line, exactly as it came')
    .addHelpText(
      'after',
      examples(
        'gavelcast watch --user 42 --item 1 --item 2',
        'gavelcast watch wss://live.example.com/ws --token "$TOKEN" --item 1',
      ),
    )
    .action(async (url: string | undefined, options: WatchOptions) => {
      const { watch } = await import('./watch.ts');
      finish(await watch({ ...options, ...(url !== undefined && { url }) }, context));
    });
}

function addToken(program: Command, context: CommandContext, finish: Finish): void {
  subcommand(program, 'token', 'mint a token for development, or say why one would be refused')
    .option('--user <id>', 'user the token is for', parseUserId)
    .option('--email <address>', 'email claim; default: a placeholder')
    .addOption(
      new Option('--expires <lifetime>', 'lifetime, as in 90s, 15m, 1h or 7d')
        .argParser(parseExpires)
        .default(parseExpires(LIFETIME_DEFAULT), LIFETIME_DEFAULT),
    )
    .option('--check <jwt>', 'judge this token as the server would: exit 0 or 1')
    .addHelpText(
      'after',
      examples(
        'gavelcast token --user 42',
        'gavelcast token --user 42 --expires 1h',
        'gavelcast token --check "$TOKEN"',
      ),
    )
    .action(async (options: TokenOptions) => {
      const { token } = await import('./token.ts');
      finish(await token(options, context));
    });
}

function addLoad(program: Command, context: CommandContext, finish: Finish): void {
  subcommand(program, 'load', 'connect many clients to your own installation, and report')
    .argument('[url]', 'server to connect to; default: the one that this configuration describes')
    .addOption(new Option('--clients <n>', 'how many').argParser(parseCount).default(100))
    .option(
      '--items <ids>',
      'items to watch, as in 1,2,3; shared out among the clients',
      parseItems,
    )
    .addOption(
      new Option('--items-each <n>', 'items that one client watches')
        .argParser(parseCount)
        .default(1),
    )
    .option('--ramp <lifetime>', 'start them over this time; default: 50 a second', parseExpires)
    .addOption(
      new Option('--duration <lifetime>', 'then watch for so long')
        .argParser(parseExpires)
        .default(parseExpires('30s'), '30s'),
    )
    .option(
      '--tokens <file>',
      'tokens to connect with, one a line; default: minted with JWT_SECRET',
    )
    .addOption(
      new Option('--first-user <id>', 'user of the first minted token; the others follow')
        .argParser(parseUserId)
        .default(2_000_000_001),
    )
    .option('--legacy', "connect as the portal's old clients do, without gavelcast.v2")
    .option('--json', 'the report as one JSON object')
    .option('--yes', 'the server is mine: more than 1,000 clients, or 50 new ones a second')
    .addHelpText('after', LOAD_HELP)
    .action(async (url: string | undefined, options: LoadOptions) => {
      const { load } = await import('./load.ts');
      finish(await load({ ...options, ...(url !== undefined && { url }) }, context));
    });
}

function addConfig(program: Command, context: CommandContext, finish: Finish): void {
  subcommand(program, 'config', 'print the effective configuration, secrets masked')
    .option('--check', 'only say whether it is usable: exit 0 or 78')
    .option('--json', 'as one JSON object')
    .addHelpText('after', examples('gavelcast config', 'gavelcast config --check --env .env'))
    .addHelpText('after', `\n${variablesHelp()}`)
    .action(async (options: ConfigOptions) => {
      const { config } = await import('./config.ts');
      finish(config(options, context));
    });
}

function addDoctor(program: Command, context: CommandContext, finish: Finish): void {
  subcommand(
    program,
    'doctor',
    'check the database as serve will use it, with the fix of each fault',
  )
    .option('--json', 'as one JSON object')
    .addHelpText('after', examples('gavelcast doctor', 'gavelcast doctor --json | jq .problems'))
    .addHelpText(
      'after',
      '\nExit code 0: no problem (warnings or not); 1: problems; 78: no usable configuration',
    )
    .action(async (options: DoctorOptions) => {
      const { doctor } = await import('./doctor.ts');
      finish(await doctor(options, context));
    });
}

function addCompletion(program: Command, context: CommandContext): void {
  program
    .command('completion')
    .description('print a completion script for your shell')
    .addArgument(new Argument('<shell>', 'the shell that will read it').choices(SHELLS))
    .addHelpText(
      'after',
      examples(
        'source <(gavelcast completion bash)',
        'gavelcast completion zsh > /usr/local/share/zsh/site-functions/_gavelcast',
        'gavelcast completion fish > ~/.config/fish/completions/gavelcast.fish',
      ),
    )
    .action((shell: Shell) => {
      context.stdout.write(completionScript(program, shell));
    });
}

function subcommand(program: Command, name: string, description: string): Command {
  return (
    program
      .command(name)
      .description(description)
      .version(VERSION, '-V, --version', 'print the version')
      // Not --env-file: node takes that one for itself, wherever it stands on the command line.
      .option('--env <path>', 'env file to read instead of .env in the working directory')
  );
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  if (!/^[\w.:-]{1,64}$/.test(value)) throw new InvalidArgumentError('Not an item id.');
  return [...(previous ?? []), value];
}

function parseItems(value: string): readonly string[] {
  return value.split(',').flatMap((item) => collect(item.trim(), []));
}

function parseCount(value: string): number {
  const count = Number(value);
  if (/^\d{1,7}$/.test(value) && count > 0) return count;
  throw new InvalidArgumentError('Not a positive whole number.');
}

function parseUserId(value: string): number {
  const id = Number(value);
  if (/^\d+$/.test(value) && Number.isSafeInteger(id) && id > 0) return id;
  throw new InvalidArgumentError('Not a user id: a positive whole number is needed.');
}

function parseTime(value: string): TimeArgument {
  const time = parseTimeArgument(value);
  if (time !== null) return time;
  throw new InvalidArgumentError(
    "Not a time such as 2026-02-01T10:30:00Z, '2026-02-01 10:30' or 2h.",
  );
}

function parseExpires(value: string): number {
  const seconds = parseLifetime(value);
  if (seconds !== null) return seconds;
  throw new InvalidArgumentError('Not a lifetime such as 90s, 15m, 1h or 7d.');
}
