/**
 * The ways in which a running command is told to end: SIGINT, SIGTERM, a reader of its output that went away, and a
 * fault that nobody caught.
 */
import { EXIT } from './context.ts';

export interface Interruption {
  /** Aborted when the command is to end in good order. */
  readonly signal: AbortSignal;
  /** Resolves at the same moment, with the cause. */
  readonly happened: Promise<string>;
  /** Asks for the end as a first SIGTERM does. */
  readonly request: () => void;
  /** Stops listening. */
  dispose(): void;
}

/**
 * Ctrl-C under `npm start` reaches us twice: from the terminal, which signals the whole process group, and from npm, which
 * passes it on. Two within this time are one keystroke.
 */
const ONE_KEYSTROKE_MS = 250;

/**
 * Watches for the end of this process. A second signal ends it at once with code 1.
 *
 * @param options.endsWithOutput true: a closed pipe behind stdout counts as a request to end
 * @param options.flush writes what is buffered, before the process ends at once
 */
export function watchForInterruption(options: {
  readonly endsWithOutput: boolean;
  readonly flush: () => void;
}): Interruption {
  const controller = new AbortController();
  const happened = new Promise<string>((resolve) => {
    controller.signal.addEventListener('abort', () => {
      resolve(String(controller.signal.reason));
    });
  });
  const isUnderNpm = process.env['npm_lifecycle_event'] !== undefined && process.stdin.isTTY;
  let firstAtMs = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      const isEcho = isUnderNpm && performance.now() - firstAtMs < ONE_KEYSTROKE_MS;
      if (isEcho && signal === 'SIGINT') return;
      options.flush();
      process.exit(EXIT.no);
    }
    firstAtMs = performance.now();
    controller.abort(signal);
  };
  const onOutputError = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE' && options.endsWithOutput) controller.abort('closed output');
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.stdout.on('error', onOutputError);
  return {
    signal: controller.signal,
    happened,
    request: () => {
      controller.abort('drain');
    },
    dispose: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
      // The listener of output errors stays: without one, a late EPIPE would end the process with a stack trace.
    },
  };
}

/** Ends the process with code 70 after a fault that nobody caught: what state it left behind, nobody knows. */
export function exitOnUncaught(report: (error: unknown, event: string) => void): void {
  const end =
    (event: string) =>
    (error: unknown): void => {
      report(error, event);
      process.exit(EXIT.internal);
    };
  process.on('uncaughtException', end('uncaught exception'));
  process.on('unhandledRejection', end('unhandled rejection'));
}
