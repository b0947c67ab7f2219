/**
 * `npm run demo`: live auctions in the browser, from an empty temporary directory, until Ctrl-C.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { createLog } from '../src/log.ts';
import { parseDemoOptions, type DemoOptions } from './demo-options.ts';
import { watchForInterrupt } from './interrupt.ts';
import { buildStage, type Stage } from './stage.ts';

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

process.exitCode = await run(parseDemoOptions(process.argv.slice(2)));

async function run(options: DemoOptions): Promise<number> {
  // Warnings and errors only: the terminal belongs to the few lines that tell where to look.
  const { log, flush } = createLog(
    { level: 'warn', format: 'pretty' },
    { fd: 2, isTerminal: process.stderr.isTTY },
  );
  // A terminal that was closed must not keep the demo from cleaning up.
  process.stdout.on('error', () => undefined);
  const interrupt = watchForInterrupt();
  const stack = new AsyncDisposableStack();
  let exitCode = 0;
  try {
    const stage = await buildStage(options, stack, { log, step, signal: interrupt.signal });
    announce(stage, options);
    await untilOver(options, interrupt.signal);
  } catch (error) {
    if (!interrupt.signal.aborted) {
      say(`\nThe demo could not start: ${error instanceof Error ? error.message : String(error)}`);
      exitCode = 1;
    }
  }
  const startedAt = performance.now();
  say('\nStopping …');
  await stack.disposeAsync();
  say(
    `Stopped and cleaned up (${seconds(performance.now() - startedAt)}): no process, no file is left.`,
  );
  interrupt.dispose();
  flush();
  return exitCode;
}

async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  process.stdout.write(`${what} … `);
  try {
    const result = await work();
    say(seconds(performance.now() - startedAt));
    return result;
  } catch (error) {
    say('failed');
    throw error;
  }
}

function announce({ url, port }: Stage, options: DemoOptions): void {
  if (port !== options.port && options.port !== 0) {
    say(`Port ${options.port} is taken; the demo is on ${port}.`);
  }
  say(`\n  Gavelcast demo is at ${url}\n`);
  say(
    options.durationS === null
      ? 'Ctrl-C ends it.'
      : `Ctrl-C ends it; it ends by itself after ${options.durationS} s.`,
  );
}

/** Resolves after the duration that was asked for, or at Ctrl-C. */
function untilOver({ durationS }: DemoOptions, signal: AbortSignal): Promise<void> {
  const neverMs = 2 ** 31 - 1;
  const ms = durationS === null ? neverMs : durationS * 1000;
  return sleep(ms, undefined, { signal }).catch(() => undefined);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
