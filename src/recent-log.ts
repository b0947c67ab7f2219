/**
 * Counts the lines of the log that somebody should look at, and remembers the newest of them, for metrics and the admin
 * page. It stands around the log and passes every line on.
 */
import type { Clock, Log } from './ports.ts';

const REMEMBERED_MAX = 50;
/** A sentence is cut here. */
const TEXT_MAX = 300;

export type LoudLevel = 'warn' | 'error' | 'fatal';

export interface RecentLine {
  readonly atMs: number;
  readonly level: LoudLevel;
  readonly event: string;
  /** Error code and sentence, where the line has them. */
  readonly code: string | null;
  readonly text: string | null;
}

export interface RecentLog {
  readonly log: Log;
  /** Lines so far, by level. */
  readonly counts: ReadonlyMap<LoudLevel, number>;
  /** Newest first. */
  readonly lines: () => readonly RecentLine[];
}

/** Puts itself around a log. */
export function rememberLines(log: Log, now: Clock): RecentLog {
  const counts = new Map<LoudLevel, number>();
  const lines: RecentLine[] = [];
  const note = (level: LoudLevel, fields: object, event: string): void => {
    counts.set(level, (counts.get(level) ?? 0) + 1);
    const line = { atMs: now(), level, event, code: textOf(fields, 'code') };
    lines.unshift({ ...line, text: textOf(fields, 'text')?.slice(0, TEXT_MAX) ?? null });
    lines.length = Math.min(lines.length, REMEMBERED_MAX);
  };
  const around = (inner: Log): Log => {
    const loud =
      (level: LoudLevel) =>
      (fields: object, event: string): void => {
        note(level, fields, event);
        inner[level](fields, event);
      };
    return {
      debug: (fields, event) => {
        inner.debug(fields, event);
      },
      info: (fields, event) => {
        inner.info(fields, event);
      },
      warn: loud('warn'),
      error: loud('error'),
      fatal: loud('fatal'),
      child: (fields) => around(inner.child(fields)),
    };
  };
  return { log: around(log), counts, lines: () => lines };
}

function textOf(fields: object, name: string): string | null {
  const value: unknown = Object.entries(fields).find(([field]) => field === name)?.[1];
  return typeof value === 'string' ? value : null;
}
