/**
 * The log: pino behind the `Log` port. JSON lines for machines, aligned and coloured lines for a terminal. A line is an
 * event name (`msg`) plus fields; `text`, where given, is the same as a sentence for people.
 */
import { pino, type DestinationStream, type Logger } from 'pino';
import { prettyFactory, type PrettyOptions } from 'pino-pretty';

import type { LogConfig } from './config.ts';
import type { Log } from './ports.ts';

/** The log and the way to get its last lines out. */
export interface LogHandle {
  readonly log: Log;
  /** Whether lines are for people. */
  readonly isPretty: boolean;
  /** Writes what is still buffered, at once. Call before the process ends. */
  readonly flush: () => void;
  /** Changes between the configured level and `debug` (`info` where that is configured). @returns the new level */
  readonly toggleDebug: () => string;
}

/** Where lines go: a file descriptor of this process, or anything that takes text (tests). */
export type LogTarget =
  | { readonly fd: 1 | 2; readonly isTerminal: boolean }
  | { readonly isTerminal: boolean; write(line: string): void };

/** Bytes of lines that may wait for a reader that has stalled; further lines are dropped rather than kept. */
const PENDING_BYTES_MAX = 8 * 1024 * 1024;

const CENSORED = '(hidden)';

/** Fields that would carry a secret if somebody logged them by mistake, at the top and one level down. */
const SECRET_FIELDS = ['password', 'secret', 'token', 'authorization', 'cookie', 'passwd', 'jwt'];

/** Builds the log. `auto` is pretty on a terminal and JSON elsewhere. */
export function createLog(
  config: LogConfig,
  target: LogTarget,
  options: { readonly colour?: boolean } = {},
): LogHandle {
  const isPretty = config.format === 'pretty' || (config.format === 'auto' && target.isTerminal);
  const { stream, flush } = openTarget(target);
  const destination = isPretty ? prettyStream(stream, options.colour ?? target.isTerminal) : stream;
  // A child keeps the level it was born with, so they are remembered: one for each part of the program.
  const children: Logger[] = [];
  const log = pino(
    {
      onChild: (child) => {
        children.push(child);
      },
      level: config.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, error: describeError },
      redact: {
        paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]),
        censor: CENSORED,
      },
    },
    destination,
  );
  const other = config.level === 'debug' ? 'info' : 'debug';
  const toggleDebug = (): string => {
    const level = log.level === config.level ? other : config.level;
    for (const logger of [log, ...children]) logger.level = level;
    return level;
  };
  return { log, isPretty, flush, toggleDebug };
}

function openTarget(target: LogTarget): { stream: DestinationStream; flush: () => void } {
  if (!('fd' in target)) return { stream: target, flush: () => undefined };
  // Asynchronous: a stalled reader of our output must not stall the event loop.
  const stream = pino.destination({ dest: target.fd, sync: false, maxLength: PENDING_BYTES_MAX });
  // A closed pipe has nobody left to tell; the command decides what that means for it.
  stream.on('error', () => undefined);
  const flush = (): void => {
    try {
      stream.flushSync();
    } catch {
      // Not open yet, or closed already: nothing can be written.
    }
  };
  return { stream, flush };
}

function prettyStream(stream: DestinationStream, colour: boolean): DestinationStream {
  const common = {
    colorize: colour,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'text',
    singleLine: true,
    messageFormat: (line: Record<string, unknown>, messageKey: string) => {
      const text = line['text'] ?? line[messageKey];
      return typeof text === 'string' ? text : '';
    },
  } satisfies PrettyOptions;
  const withFields = prettyFactory(common);
  // A sentence says it all: its fields are for machines.
  const sentence = prettyFactory({ ...common, hideObject: true });
  const ended = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);
  return {
    write: (line) => {
      stream.write(ended(line.includes('"text":"') ? sentence(line) : withFields(line)));
    },
  };
}

/** What may be said of an error: vendors hang statements, hosts and packets on theirs. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : typeof error;
  return {
    type: error.name,
    ...('code' in error && { code: error.code }),
    message: error.message,
    stack: error.stack,
    ...(error.cause !== undefined && { cause: describeError(error.cause) }),
  };
}
