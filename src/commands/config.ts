/**
 * `gavelcast config`: the effective configuration, secrets masked.
 */
import { EXIT, findEnvironment, loadOrExplain, warn } from './context.ts';
import type { CommandContext, CommonOptions, LoadedConfig } from './context.ts';

export interface ConfigOptions extends CommonOptions {
  /** Say only whether it is usable. */
  readonly check?: boolean;
  readonly json?: boolean;
}

/** Prints every option with its value and where that comes from; with `check` only the verdict. */
export function config(options: ConfigOptions, context: CommandContext): number {
  const found = findEnvironment(options, context);
  const loaded = loadOrExplain(found, ['source', 'tokens', 'server'], context);
  if (loaded === null) return EXIT.config;
  if (options.check === true) {
    context.stdout.write('configuration is usable\n');
  } else {
    context.stdout.write(options.json === true ? asJson(loaded) : asLines(loaded, context));
  }
  warn(loaded.warnings, context);
  return EXIT.ok;
}

function asJson(loaded: LoadedConfig): string {
  const entries = loaded.effective.map(({ name, shown }) => [name, shown] as const);
  return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
}

function asLines(loaded: LoadedConfig, context: CommandContext): string {
  const file = loaded.found.envFile;
  const origins = loaded.effective.map(({ name, isDefault }) => {
    if (isDefault) return 'default';
    const isSecretFile = (loaded.found.env[`${name}_FILE`] ?? '') !== '';
    if (isSecretFile && name !== 'MAPPING_FILE') return `${name}_FILE`;
    return context.env[name] === undefined ? 'env file' : 'environment';
  });
  const width = Math.max(...loaded.effective.map(({ name, shown }) => name.length + shown.length));
  const lines = loaded.effective.map(({ name, shown }, index) => {
    const setting = `${name}=${shown}`.padEnd(Math.min(width + 1, 60));
    return `${setting}  # ${origins[index] ?? ''}`;
  });
  return [`# env file: ${file ?? 'none'}`, ...lines, ''].join('\n');
}
