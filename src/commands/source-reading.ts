/**
 * What `tail` and `replay` have in common: a look at the source from the terminal, with events alone on stdout.
 */
import type { FeedOptions } from '../../cdc/feed-options.ts';
import type { Config } from '../config.ts';
import { AppError, ERRORS, type ErrorPolicy } from '../errors.ts';
import { createLog } from '../log.ts';
import type { Log } from '../ports.ts';
import { EXIT, explain, findEnvironment, loadOrExplain, quieter, warn } from './context.ts';
import type { CommandContext, CommonOptions } from './context.ts';
import { readFeedOptions } from './feed-options.ts';
import { watchForInterruption, type Interruption } from './interruption.ts';

export interface SourceReading {
  readonly config: Config;
  readonly feed: FeedOptions;
  /** On stderr. */
  readonly log: Log;
  /** A signal, or that whoever reads stdout has gone. */
  readonly interruption: Interruption;
}

/** Does `work` with the source that is configured, and explains on stderr what stands in its way. @returns the exit code */
export async function readSource(
  options: CommonOptions,
  context: CommandContext,
  work: (reading: SourceReading) => Promise<number>,
): Promise<number> {
  const loaded = loadOrExplain(findEnvironment(options, context), ['source'], context);
  if (loaded === null) return EXIT.config;
  const { config } = loaded;
  const feed = readFeedOptions(config.source, context.cwd);
  if (!feed.ok) {
    explain(feed.problems, context);
    return EXIT.config;
  }
  warn(loaded.warnings, context);
  const isTerminal = context.stderr.isTTY === true;
  const { log, flush } = createLog(quieter(config), { fd: 2, isTerminal });
  const interruption = watchForInterruption({ endsWithOutput: true, flush });
  try {
    return await work({ config, feed: feed.options, log, interruption });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const policy: ErrorPolicy = ERRORS[error.code];
    context.stderr.write(`gavelcast: ${error.code}: ${error.message}\n`);
    return policy.exitCode ?? EXIT.unavailable;
  } finally {
    interruption.dispose();
    flush();
  }
}
