/**
 * Looks after the book while it is in use: compares it with the tables now and then, and notices auctions that nobody
 * completes. It only reports, in the log and in counters; it never changes the book.
 */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { OverdueAuctions, SHOWN_MAX } from '../src/auction/overdue.ts';
import type { ItemId } from '../src/auction/ids.ts';
import { AppError } from '../src/errors.ts';
import type { Clock, Log } from '../src/ports.ts';
import { compareBook } from './tables/drift.ts';
import type { ComparedBook, DriftReport } from './tables/drift.ts';
import type { DatabasePool } from './source/database-pool.ts';
import type { BinlogPosition } from './source/source-position.ts';

/** The book in use, with what only its owner knows. */
export interface WatchedBook extends ComparedBook {
  /** Active auctions past their end, with that end in epoch ms. */
  readonly past: ReadonlyMap<ItemId, number>;
}

export interface BookWatchOptions {
  readonly pool: DatabasePool;
  /** Null while no book is exact and kept. */
  readonly current: () => WatchedBook | null;
  /** Everything up to here is in the book; null while not streaming. */
  readonly reached: () => BinlogPosition | null;
  /** Milliseconds between comparisons with the tables; 0: never. */
  readonly driftEveryMs: number;
  /** Milliseconds between the two looks at a suspicion; see `DriftOptions`. */
  readonly driftConfirmAfterMs?: number;
  /** Milliseconds past its end after which an active auction counts as overdue. */
  readonly overdueAfterMs: number;
}

/** What was found since the start; for metrics. */
export interface BookCounters {
  /** Comparisons with the tables that were carried to their end. */
  readonly driftChecks: number;
  /** Auctions whose entry was not what the tables said, each time it was found. */
  readonly driftedAuctions: number;
  /** Auctions that became overdue. */
  readonly overdueAuctions: number;
  /** Auctions that are overdue now. */
  readonly overdueNow: number;
}

const OVERDUE_EVERY_MS = 5_000;

export class BookWatch {
  readonly #options: BookWatchOptions;
  readonly #deps: { readonly log: Log; readonly databaseNow: Clock };
  readonly #stopping = new AbortController();
  readonly #overdue: OverdueAuctions;
  readonly #counters = { driftChecks: 0, driftedAuctions: 0, overdueAuctions: 0, overdueNow: 0 };
  #run: Promise<unknown> | null = null;

  constructor(options: BookWatchOptions, deps: { readonly log: Log; readonly databaseNow: Clock }) {
    this.#options = options;
    this.#deps = deps;
    this.#overdue = new OverdueAuctions(options.overdueAfterMs);
  }

  get counters(): BookCounters {
    return { ...this.#counters };
  }

  /** Idempotent. */
  start(): void {
    const everyMs = Math.min(OVERDUE_EVERY_MS, Math.max(this.#options.overdueAfterMs, 100));
    this.#run ??= Promise.all([
      this.#repeat(everyMs, () => this.#checkOverdue()),
      this.#options.driftEveryMs > 0
        ? this.#repeat(this.#options.driftEveryMs, () => this.checkDrift())
        : null,
    ]);
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#run;
  }

  /** Compares the book with the tables now; null where that could not be done. Logs and counts what it finds. */
  async checkDrift(): Promise<DriftReport | null> {
    const { pool, current, reached, driftConfirmAfterMs } = this.#options;
    const confirm =
      driftConfirmAfterMs === undefined ? {} : { confirmAfterMs: driftConfirmAfterMs };
    try {
      const report = await compareBook(
        { pool, current, reached, ...confirm },
        this.#stopping.signal,
      );
      this.#noteDrift(report);
      return report;
    } catch (error) {
      if (this.#stopping.signal.aborted) return null;
      const text = error instanceof Error ? error.message : String(error);
      const code = error instanceof AppError ? error.code : null;
      this.#deps.log.warn({ code, text }, 'book comparison failed');
      return null;
    }
  }

  #noteDrift(report: DriftReport): void {
    const { drifted, compared, unsettled, isComplete } = report;
    const { log } = this.#deps;
    if (isComplete) this.#counters.driftChecks += 1;
    this.#counters.driftedAuctions += drifted.length;
    if (drifted.length === 0) {
      log.debug({ compared, unsettled, isComplete }, 'book compared');
      return;
    }
    const items = drifted.slice(0, SHOWN_MAX);
    const text =
      `${counted(drifted.length)} not as the tables have ${drifted.length === 1 ? 'it' : 'them'}: ` +
      'something was written past the binlog. Restart to load the book anew (docs/database.md, Drift)';
    log.error({ count: drifted.length, compared, unsettled, items, text }, 'book drift');
  }

  async #checkOverdue(): Promise<void> {
    const watched = this.#options.current();
    if (watched === null) return;
    const check = this.#overdue.check(watched.past, this.#deps.databaseNow());
    let step = check.next();
    while (step.done !== true) {
      await nextTurn();
      if (this.#stopping.signal.aborted) return;
      step = check.next();
    }
    const { found, shown, total } = step.value;
    this.#counters.overdueNow = total;
    if (found === 0) return;
    this.#counters.overdueAuctions += found;
    const seconds = Math.round(this.#options.overdueAfterMs / 1000).toString();
    const text =
      `${counted(found)} still active more than ${seconds} s past the end: ` +
      'the completion cron is not running';
    this.#deps.log.warn({ count: found, total, items: shown, text }, 'auction overdue');
  }

  async #repeat(everyMs: number, work: () => unknown): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const isDue = await delay(everyMs, true, { signal, ref: false }).catch(() => false);
      if (isDue) await work();
    }
  }
}

function counted(auctions: number): string {
  return auctions === 1 ? '1 auction is' : `${auctions.toString()} auctions are`;
}
