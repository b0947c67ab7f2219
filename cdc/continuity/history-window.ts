/**
 * What was read of the stream between the place where the history is to begin and the book's own place: the newest part
 * of it, bounded, and only as far back as nothing in between forbids to go.
 */
import type { RowChange } from '../../src/auction/row-change.ts';
import type { Clock, Log } from '../../src/ports.ts';
import type { Trail } from './checkpoint.ts';
import type { SourcePosition } from '../source/source-position.ts';
import type { TailedTransaction } from '../binlog/tailed-transaction.ts';

export interface HistoryStart {
  readonly from: SourcePosition;
  /** Epoch ms: what was committed before is of no use. */
  readonly sinceMs: number;
  /** Places that are known already, `from` among them. */
  readonly trail: Trail;
}

export interface WindowOptions extends HistoryStart {
  /** Row changes held; past it the oldest transactions go. */
  readonly changesMax: number;
  /** Which row changes are wanted; default: all. */
  readonly keeps?: (change: RowChange) => boolean;
}

const PROGRESS_EVERY_MS = 2_000;

export class HistoryWindow {
  readonly from: SourcePosition;
  readonly trail: Trail;
  readonly #options: WindowOptions;
  readonly #deps: { readonly log: Log; readonly now: Clock };
  readonly #startedAtMs: number;
  /** Oldest first; those before `#head` were dropped. */
  #transactions: (TailedTransaction | undefined)[] = [];
  #head = 0;
  #changes = 0;
  #changesRead = 0;
  #shownAtMs: number;
  #cutBy: string | null = null;
  #cutAtMs: number | null = null;
  #reachedMs: number | null = null;

  constructor(options: WindowOptions, deps: { readonly log: Log; readonly now: Clock }) {
    this.from = options.from;
    this.trail = options.trail;
    this.#options = options;
    this.#deps = deps;
    this.#startedAtMs = deps.now();
    this.#shownAtMs = this.#startedAtMs;
  }

  /** Why it does not go back as far as it might; null when it does. */
  get cutBy(): string | null {
    return this.#cutBy;
  }

  /** Commit time, in epoch ms, of the last transaction that was let go although it is of the window; null: none was. */
  get cutAtMs(): number | null {
    return this.#cutAtMs;
  }

  /** Commit time, in epoch ms, of the transaction that was read last; null before the first. */
  get reachedMs(): number | null {
    return this.#reachedMs;
  }

  /** Row changes read so far, dropped ones included. */
  get changesRead(): number {
    return this.#changesRead;
  }

  /** Milliseconds since the reading began. */
  get elapsedMs(): number {
    return this.#deps.now() - this.#startedAtMs;
  }

  /** Takes the next transaction of the stream. */
  add(tailed: TailedTransaction): void {
    const { changes, committedAtMs } = tailed.transaction;
    this.#reachedMs = committedAtMs;
    if (tailed.schemaChanged) {
      this.take();
      this.#cut('a mapped table was altered', committedAtMs);
      this.trail.clear();
    }
    this.trail.pass(() => tailed.end(), committedAtMs);
    this.#changesRead += changes.length;
    this.#showProgress(committedAtMs);
    const isTooOld = this.#changes === 0 && committedAtMs < this.#options.sinceMs;
    if (changes.length === 0 || isTooOld) return;
    const kept = this.#keptOf(tailed);
    if (kept.transaction.changes.length === 0) return;
    this.#transactions.push(kept);
    this.#changes += kept.transaction.changes.length;
    while (this.#changes > this.#options.changesMax) this.#dropOldest();
  }

  /** What is held, oldest first. Empties the window. */
  take(): TailedTransaction[] {
    const held = this.#transactions.slice(this.#head).filter((it) => it !== undefined);
    this.#transactions = [];
    this.#head = 0;
    this.#changes = 0;
    return held;
  }

  #dropOldest(): void {
    const oldest = this.#transactions[this.#head];
    this.#transactions[this.#head] = undefined;
    this.#head += 1;
    this.#changes -= oldest?.transaction.changes.length ?? 0;
    const why = `more than ${this.#options.changesMax.toString()} row changes (HISTORY_REFILL_CHANGES)`;
    this.#cut(why, oldest?.transaction.committedAtMs ?? null);
    if (this.#head < 1_024 || this.#head * 2 < this.#transactions.length) return;
    this.#transactions = this.#transactions.slice(this.#head);
    this.#head = 0;
  }

  #keptOf(tailed: TailedTransaction): TailedTransaction {
    const { keeps } = this.#options;
    if (keeps === undefined) return tailed;
    const { transaction } = tailed;
    const changes = transaction.changes.filter(keeps);
    return { ...tailed, transaction: { ...transaction, changes } };
  }

  #cut(why: string, atMs: number | null): void {
    this.#cutBy = why;
    this.#cutAtMs = atMs;
  }

  #showProgress(committedAtMs: number): void {
    const { now, log } = this.#deps;
    if (now() - this.#shownAtMs < PROGRESS_EVERY_MS) return;
    this.#shownAtMs = now();
    const upTo = new Date(committedAtMs).toISOString();
    const changes = this.#changesRead;
    const text = `filling the history: ${changes.toString()} row changes read, up to ${upTo}`;
    log.info({ changes, upTo, ms: this.elapsedMs, text }, 'history filling');
  }
}
