/**
 * The error catalogue. What the program does about a failure follows from its code, never from a message.
 * `docs/errors.md` lists each with symptom and cure, and is compared with this table by a test.
 *
 * - `retry`: transient; reconnect with backoff, for ever.
 * - `resync`: the position is refused; fresh book, clients told 4004 (or halt, `ON_POSITION_LOST`).
 * - `halt`: stop publishing, freeze the checkpoint, `/readyz` 503, say why. Never skip.
 * - `exit`: the program cannot start or go on; the process ends with `exitCode`.
 */
export interface ErrorPolicy {
  readonly action: 'retry' | 'resync' | 'halt' | 'exit';
  readonly log: 'warn' | 'error' | 'fatal';
  /** Process exit code where the action ends the process (sysexits: 78 configuration, 69 unavailable, 70 internal). */
  readonly exitCode?: number;
}

export const ERRORS = {
  CONFIG_INVALID: { action: 'exit', log: 'fatal', exitCode: 78 },
  MAPPING_INVALID: { action: 'exit', log: 'fatal', exitCode: 78 },
  SOURCE_UNSUITABLE: { action: 'exit', log: 'fatal', exitCode: 78 },
  PORT_UNAVAILABLE: { action: 'exit', log: 'fatal', exitCode: 69 },
  SOURCE_UNREACHABLE: { action: 'retry', log: 'warn' },
  SOURCE_DISCONNECTED: { action: 'retry', log: 'warn' },
  SOURCE_SILENT: { action: 'retry', log: 'warn' },
  EVENT_DAMAGED: { action: 'retry', log: 'error' },
  SOURCE_ACCESS_DENIED: { action: 'retry', log: 'error' },
  SERVER_ID_CONFLICT: { action: 'retry', log: 'error' },
  BINLOG_POSITION_LOST: { action: 'resync', log: 'error' },
  BINLOG_DAMAGED: { action: 'resync', log: 'error' },
  ROW_UNDECODABLE: { action: 'halt', log: 'fatal' },
  SCHEMA_CHANGED: { action: 'halt', log: 'fatal' },
} as const satisfies Record<string, ErrorPolicy>;

export type ErrorCode = keyof typeof ERRORS;

/** An operating failure with a catalogue code. The message says what happened and what to do about it. */
export class AppError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AppError';
    this.code = code;
  }
}
