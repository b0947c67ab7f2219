/**
 * SIGUSR2: more of the log, and back. For looking at a running process without a restart.
 */
import type { LogHandle } from '../log.ts';

/** Each signal changes between the configured level and `debug`. @returns stops listening */
export function changeLevelOnSignal({ log, toggleDebug }: LogHandle): () => void {
  const onSignal = (): void => {
    const level = toggleDebug();
    const text = `SIGUSR2: the log is at ${level} from here on`;
    log.warn({ to: level, text }, 'log level changed');
  };
  process.on('SIGUSR2', onSignal);
  return () => {
    process.off('SIGUSR2', onSignal);
  };
}
