/**
 * `gavelcast load`: many clients of one's own installation at once, and a report of what they saw. It only reads, as
 * every client: the bids come from the portal.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';

import { EXIT, findEnvironment, loadOrExplain, warn } from './context.ts';
import type { CommandContext, CommonOptions } from './context.ts';
import { watchForInterruption } from './interruption.ts';
import { machineLimits, machineProblems } from './load-machine.ts';
import { loadReport, loadReportText, progressText } from './load-report.ts';
import { runLoad, type LoadPlan } from './load-run.ts';
import { LoadTally } from './load-tally.ts';
import { mintToken } from './token.ts';
import { ownUrl, parseUrl } from './watch.ts';

/** What is no trouble to a server that others use: more needs `--yes`, unless it is on this machine. */
const POLITE_CLIENTS = 1000;
const POLITE_PER_SECOND = 50;
/** Tokens outlive the test by this. */
const TOKEN_MARGIN_S = 3600;

export interface LoadOptions extends CommonOptions {
  readonly url?: string;
  readonly clients: number;
  readonly items?: readonly string[];
  /** Items that each client watches. */
  readonly itemsEach: number;
  /** Seconds over which the clients are started; absent: as long as politeness asks. */
  readonly ramp?: number;
  /** Seconds after that. */
  readonly duration: number;
  /** File with one token a line. */
  readonly tokens?: string;
  /** Id of the first user that a token is minted for. */
  readonly firstUser: number;
  readonly legacy?: boolean;
  readonly json?: boolean;
  readonly yes?: boolean;
}

/** Runs the test and prints its report. @returns 0, or 1 when anything was not as it should be */
export async function load(options: LoadOptions, context: CommandContext): Promise<number> {
  const refuse = (why: string): number => {
    context.stderr.write(`gavelcast load: ${why}\n`);
    return EXIT.usage;
  };
  const planned = plan(options, context);
  if (typeof planned === 'number') return planned;
  if (typeof planned === 'string') return refuse(planned);
  const impolite = impoliteness(planned, options.yes === true);
  if (impolite !== null) return refuse(impolite);
  const problems = machineProblems(planned.clients, machineLimits());
  for (const problem of problems) context.stderr.write(`gavelcast load: ${problem}\n`);
  if (problems.length > 0) return EXIT.unavailable;

  const tally = new LoadTally();
  const interruption = watchForInterruption({ endsWithOutput: true, flush: () => undefined });
  const isTerminal = context.stderr.isTTY === true;
  try {
    const run = await runLoad(planned, {
      tally,
      signal: interruption.signal,
      progress: (now) => {
        const line = progressText(tally, { clients: planned.clients, ...now });
        context.stderr.write(isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
      },
    });
    if (isTerminal) context.stderr.write('\r\u001b[K');
    const report = loadReport(tally, run);
    const text = options.json === true ? `${JSON.stringify(report)}\n` : loadReportText(report);
    context.stdout.write(text);
    return report.isClean ? EXIT.ok : EXIT.no;
  } finally {
    interruption.dispose();
  }
}

/** @returns the plan; or what is wrong with the options; or an exit code, where all has been said */
function plan(options: LoadOptions, context: CommandContext): LoadPlan | string | number {
  const mints = options.tokens === undefined;
  const needsOwnUrl = options.url === undefined;
  const loaded = loadOrExplain(
    findEnvironment(options, context),
    [...(needsOwnUrl ? (['server'] as const) : []), ...(mints ? (['tokens'] as const) : [])],
    context,
  );
  if (loaded === null) return EXIT.config;
  warn(loaded.warnings, context);
  const url = parseUrl(options.url ?? ownUrl(loaded.config));
  if (url === null) return 'the URL must start with ws:// or wss://';
  const { clients, itemsEach, firstUser, duration, items = [] } = options;
  const rampSeconds = options.ramp ?? clients / POLITE_PER_SECOND;
  const fromFile = mints ? [] : readTokens(resolve(context.cwd, options.tokens ?? ''));
  if (typeof fromFile === 'string') return fromFile;
  const { secret } = loaded.config.tokens;
  const expiresInSeconds = Math.ceil(rampSeconds) + duration + TOKEN_MARGIN_S;
  const mintFor = (userId: number): string =>
    mintToken({ userId, expiresInSeconds }, { secret, nowMs: context.now() });
  return {
    url,
    clients,
    itemsOf: (at) =>
      Array.from(
        { length: Math.min(itemsEach, items.length) },
        (_, next) => items[(at * itemsEach + next) % items.length] ?? '',
      ),
    tokenOf: (at) => fromFile[at % fromFile.length] ?? mintFor(firstUser + at),
    canRenewToken: mints,
    isLegacy: options.legacy === true,
    rampMs: rampSeconds * 1000,
    durationMs: duration * 1000,
  };
}

/** Null: the server is this machine's own, or it is not much, or somebody has said that it may be. */
function impoliteness({ url, clients, rampMs }: LoadPlan, isAllowed: boolean): string | null {
  const perSecond = rampMs === 0 ? clients : (clients * 1000) / rampMs;
  const isLittle = clients <= POLITE_CLIENTS && perSecond <= POLITE_PER_SECOND;
  if (isAllowed || isLittle || isLoopback(url.hostname)) return null;
  const what = `${clients.toString()} clients, ${Math.ceil(perSecond).toString()} new ones a second`;
  const bounds = `${POLITE_CLIENTS.toString()} clients and ${POLITE_PER_SECOND.toString()} a second`;
  return `${what}, at ${url.host}: more than ${bounds} needs --yes where the server is not on this machine. Test only what is yours`;
}

function isLoopback(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '');
  return (
    address === 'localhost' || address === '::1' || (isIP(address) === 4 && /^127\./.test(address))
  );
}

/** Tokens of a file; or what is wrong with it. */
function readTokens(path: string): readonly string[] | string {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    const tokens = lines.map((line) => line.trim()).filter((line) => !/^(#|$)/.test(line));
    return tokens.length === 0 ? `--tokens: ${path} holds none` : tokens;
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return `--tokens: ${path} cannot be read (${reason})`;
  }
}
