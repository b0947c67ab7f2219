/**
 * How a long reading is getting on, on stderr: a bar where that is a terminal, a line now and then where it is not.
 * Nothing at all of what is over quickly.
 */
import type { Clock } from '../ports.ts';
import type { Output } from './context.ts';
import { duration } from './lifetime.ts';

/** One look at the reading. */
export interface Reading {
  readonly bytes: number;
  readonly bytesTotal: number;
  /** Row changes read. */
  readonly changes: number;
  /** Commit time of what was read last, epoch ms; null before anything was. */
  readonly reachedMs: number | null;
}

/** Shorter readings are not worth a word. */
const QUIET_MS = 2_000;
const BAR_EVERY_MS = 200;
const LINE_EVERY_MS = 10_000;
const LOOK_EVERY_MS = 100;
const BAR_WIDTH = 24;
const MIB = 1024 * 1024;
/** Back to the beginning of the line, and clear it. */
const CLEAR = '\r\u001b[K';

export class ReadingProgress {
  readonly #stderr: Output;
  readonly #now: Clock;
  #timer: NodeJS.Timeout | null = null;
  #isBarShown = false;

  constructor({ stderr, now }: { readonly stderr: Output; readonly now: Clock }) {
    this.#stderr = stderr;
    this.#now = now;
  }

  /** Shows `look()` from two seconds on, until it is stopped. */
  start(look: () => Reading): void {
    this.stop();
    const startedAtMs = this.#now();
    const isTerminal = this.#stderr.isTTY === true;
    let dueAtMs = startedAtMs + QUIET_MS;
    this.#timer = setInterval(() => {
      const nowMs = this.#now();
      if (nowMs < dueAtMs) return;
      dueAtMs = nowMs + (isTerminal ? BAR_EVERY_MS : LINE_EVERY_MS);
      const reading = look();
      const text = readingText(reading, nowMs - startedAtMs);
      this.#isBarShown = isTerminal;
      this.#stderr.write(
        isTerminal ? `${CLEAR}${barText(reading)} ${text}` : `gavelcast: read ${text}\n`,
      );
    }, LOOK_EVERY_MS);
  }

  /** Takes the bar away. Idempotent. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    if (this.#isBarShown) this.#stderr.write(CLEAR);
    this.#isBarShown = false;
  }
}

/** `42 % of 310 MiB, 12.3 MiB/s, 51,000 row changes, at 2026-02-01T10:30:00Z, 14 s left` */
export function readingText(reading: Reading, elapsedMs: number): string {
  const { bytes, bytesTotal, changes, reachedMs } = reading;
  const share = shareOf(reading);
  const perSecond = elapsedMs > 0 ? (bytes / elapsedMs) * 1000 : 0;
  const parts = [
    `${Math.floor(share * 100).toString()} % of ${mebibytes(bytesTotal)} MiB`,
    `${mebibytes(perSecond)} MiB/s`,
    `${changes.toLocaleString('en')} row changes`,
  ];
  if (reachedMs !== null) parts.push(`at ${new Date(reachedMs).toISOString().replace('.000', '')}`);
  if (perSecond > 0 && share < 1)
    parts.push(`${duration(((bytesTotal - bytes) / perSecond) * 1000)} left`);
  return parts.join(', ');
}

function barText(reading: Reading): string {
  const filled = Math.round(shareOf(reading) * BAR_WIDTH);
  return `[${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}]`;
}

function shareOf({ bytes, bytesTotal }: Reading): number {
  return bytesTotal <= 0 ? 1 : Math.min(1, bytes / bytesTotal);
}

function mebibytes(bytes: number): string {
  return (bytes / MIB).toFixed(bytes < 100 * MIB ? 1 : 0);
}
