/**
 * A worker's log: its lines are the primary's, which writes them with the worker's number. So there is one writer, one
 * level, and one count of warnings.
 */
import type { Log } from '../../src/ports.ts';
import type { LogLine } from './worker-message.ts';

export class ChannelLog implements Log {
  readonly #write: (line: LogLine) => void;
  readonly #fields: object;

  constructor(write: (line: LogLine) => void, fields: object = {}) {
    this.#write = write;
    this.#fields = fields;
  }

  debug(fields: object, event: string): void {
    this.#line('debug', fields, event);
  }

  info(fields: object, event: string): void {
    this.#line('info', fields, event);
  }

  warn(fields: object, event: string): void {
    this.#line('warn', fields, event);
  }

  error(fields: object, event: string): void {
    this.#line('error', fields, event);
  }

  fatal(fields: object, event: string): void {
    this.#line('fatal', fields, event);
  }

  child(fields: object): Log {
    return new ChannelLog(this.#write, { ...this.#fields, ...fields });
  }

  #line(level: LogLine['level'], fields: object, event: string): void {
    this.#write({ level, fields: flattened({ ...this.#fields, ...fields }), event });
  }
}

/** Writes a line that came from a worker. */
export function writeLine(primary: Log, { level, fields, event }: LogLine): void {
  primary[level](restored(fields), event);
}

/** A structured clone of an error loses its name and its code. */
function flattened(fields: object): object {
  if (!('err' in fields) || !(fields.err instanceof Error)) return fields;
  const { name, message, stack } = fields.err;
  const code = 'code' in fields.err ? fields.err.code : undefined;
  return { ...fields, err: { name, message, stack, code } };
}

function restored(fields: object): object {
  if (!('err' in fields) || typeof fields.err !== 'object' || fields.err === null) return fields;
  return { ...fields, err: Object.assign(new Error(), fields.err) };
}
