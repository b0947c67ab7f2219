/**
 * `gavelcast watch`: a client in the terminal. Prints what the server sends, and comes back as the close codes say.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import type { Config, Part } from '../config.ts';
import { EXIT, findEnvironment, loadOrExplain, warn } from './context.ts';
import type { CommandContext, CommonOptions } from './context.ts';
import { watchForInterruption } from './interruption.ts';
import { messageLine, parseMessage } from './message-line.ts';
import { nextStep } from './reconnect-step.ts';
import { mintToken } from './token.ts';
import { connectOnce, type Session } from './watch-connection.ts';

/** Lifetime of a token minted for one connection. */
const TOKEN_SECONDS = 3600;

export interface WatchOptions extends CommonOptions {
  readonly url?: string;
  readonly token?: string;
  readonly user?: number;
  readonly item?: readonly string[];
  readonly since?: string;
  readonly legacy?: boolean;
  readonly json?: boolean;
}

/** Watches until a signal, a closed pipe or a close code that forbids to come back. @returns 0, or 1 in the last case */
export async function watch(options: WatchOptions, context: CommandContext): Promise<number> {
  if ((options.token === undefined) === (options.user === undefined)) {
    context.stderr.write('gavelcast watch: give either --token JWT or --user ID\n');
    return EXIT.usage;
  }
  const found = findEnvironment(options, context);
  const loaded = loadOrExplain(found, partsOf(options), context);
  if (loaded === null) return EXIT.config;
  warn(loaded.warnings, context);
  const url = parseUrl(options.url ?? ownUrl(loaded.config));
  if (url === null) {
    context.stderr.write('gavelcast watch: the URL must start with ws:// or wss://\n');
    return EXIT.usage;
  }
  const interruption = watchForInterruption({ endsWithOutput: true, flush: () => undefined });
  try {
    return await keepWatching({
      options,
      context,
      url,
      signal: interruption.signal,
      token: () => options.token ?? mintFor(options.user ?? 0, loaded.config, context),
    });
  } finally {
    interruption.dispose();
  }
}

function partsOf(options: WatchOptions): Part[] {
  const parts: Part[] = [];
  if (options.url === undefined) parts.push('server');
  if (options.user !== undefined) parts.push('tokens');
  return parts;
}

/** Where a server with this configuration is found from the same machine. */
export function ownUrl({ server }: Config): string {
  const isAny = server.host === '0.0.0.0' || server.host === '::';
  const host = isAny ? '127.0.0.1' : server.host;
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return `ws://${bracketed}:${server.port.toString()}${server.path ?? '/'}`;
}

/** Null: no WebSocket URL. */
export function parseUrl(text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^wss?:$/.test(url.protocol) ? url : null;
}

function mintFor(userId: number, config: Config, context: CommandContext): string {
  const signing = { secret: config.tokens.secret, nowMs: context.now() };
  return mintToken({ userId, expiresInSeconds: TOKEN_SECONDS }, signing);
}

interface Watching {
  readonly options: WatchOptions;
  readonly context: CommandContext;
  readonly url: URL;
  readonly signal: AbortSignal;
  readonly token: () => string;
}

async function keepWatching(watching: Watching): Promise<number> {
  const { options, context, signal } = watching;
  const session: Session = { since: options.since ?? null, afterMs: null };
  const isOver = (): boolean => signal.aborted;
  let attempt = 0;
  while (!isOver()) {
    const end = await connectOnce({
      url: watching.url,
      token: watching.token(),
      items: options.item ?? [],
      isLegacy: options.legacy === true,
      session,
      signal,
      onMessage: (json) => {
        print(json, watching);
      },
      onOpen: () => {
        context.stderr.write(`gavelcast: connected to ${watching.url.host}\n`);
      },
    });
    if (isOver()) break;
    attempt = end.wasOpen ? 0 : attempt + 1;
    const step = nextStep({
      end,
      attempt,
      canRenewToken: options.user !== undefined,
      afterMs: session.afterMs,
      random: Math.random(),
    });
    context.stderr.write(`gavelcast: ${step.text}\n`);
    if (step.action === 'stop') return EXIT.no;
    if (step.dropsState) session.since = null;
    session.afterMs = null;
    // Rejects when the signal comes; the loop ends then.
    await sleep(step.delayMs, undefined, { signal }).catch(() => undefined);
  }
  return EXIT.ok;
}

function print(json: string, { options, context }: Watching): void {
  if (parseMessage(json)['type'] === 'pong') return;
  const colour = context.stdout.isTTY === true;
  const line = options.json === true ? json : messageLine(json, { atMs: context.now(), colour });
  context.stdout.write(`${line}\n`);
}
