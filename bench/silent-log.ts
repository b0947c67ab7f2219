/** A log that says nothing, for what runs inside a benchmark. */
import type { Log } from '../src/ports.ts';

const nothing = (): void => undefined;

export const SILENT_LOG: Log = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
  child: () => SILENT_LOG,
};
