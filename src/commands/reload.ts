/**
 * SIGHUP: reads the configuration again and takes what may change while clients are connected. Nobody is dropped, and a
 * faulty configuration changes nothing.
 */
import { AppError } from '../errors.ts';
import type { Log } from '../ports.ts';
import type { Application } from './application.ts';
import { loadConfig } from '../config.ts';
import { findEnvironment, type CommandContext, type CommonOptions } from './context.ts';
import { readTlsFiles, tokenProblems } from './gateway-files.ts';

export interface ReloadDeps {
  readonly application: Pick<Application, 'reload'>;
  readonly log: Log;
  readonly options: CommonOptions;
  readonly context: CommandContext;
}

/** @returns stops listening for the signal */
export function reloadOnHangup(deps: ReloadDeps): () => void {
  const onSignal = (): void => {
    reload(deps);
  };
  process.on('SIGHUP', onSignal);
  return () => {
    process.off('SIGHUP', onSignal);
  };
}

function reload({ application, log, options, context }: ReloadDeps): void {
  const found = findEnvironment(options, context);
  const result = loadConfig(found.env);
  const problems = [
    ...found.problems,
    ...(result.ok ? tokenProblems(result.config.tokens.rules) : result.problems),
  ];
  const tls = result.ok ? readTlsFiles(result.config.server, context.cwd, problems) : null;
  if (!result.ok || problems.length > 0) {
    for (const { name, problem, fix } of problems) {
      const text = `not reloaded: ${name} ${problem} (${fix})`;
      log.error({ option: name, text }, 'reload refused');
    }
    return;
  }
  try {
    application.reload({ config: result.config, tls });
    log.info({ text: 'SIGHUP: token keys and certificate read again' }, 'reloaded');
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    log.error({ code: error.code, text: `not reloaded: ${error.message}` }, 'reload refused');
  }
}
