/**
 * How far the database's clock is ahead of ours.
 */
import type { Clock, Log } from '../../src/ports.ts';
import type { DatabasePool } from './database-pool.ts';

const ROUND_TRIPS = 5;
const MEASURE_EVERY_MS = 10 * 60_000;

/** The database's clock, measured anew every 10 minutes while it runs. */
export class SourceClock {
  readonly #pool: DatabasePool;
  readonly #deps: { readonly log: Log; readonly now: Clock };
  #timer: NodeJS.Timeout | null = null;
  /** Database clock minus ours, in milliseconds. */
  offsetMs = 0;

  constructor(pool: DatabasePool, deps: { readonly log: Log; readonly now: Clock }) {
    this.#pool = pool;
    this.#deps = deps;
  }

  /** Epoch ms by the database's clock. */
  readonly now: Clock = () => this.#deps.now() + this.offsetMs;

  /** Idempotent. */
  start(): void {
    this.#timer ??= setInterval(() => {
      void this.#measure();
    }, MEASURE_EVERY_MS).unref();
  }

  /** Idempotent. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  async #measure(): Promise<void> {
    try {
      this.offsetMs = await measureClockOffset(this.#pool, this.#deps.now);
    } catch (error) {
      this.#deps.log.debug({ err: error }, 'clock unmeasured');
    }
  }
}

/**
 * Database clock minus ours in milliseconds, by the midpoint of the quickest of several round trips: off by half of that
 * one's duration at most.
 *
 * @throws AppError
 */
export async function measureClockOffset(pool: DatabasePool, now: Clock): Promise<number> {
  return pool.use(async (session) => {
    let best = { tripMs: Infinity, offsetMs: 0 };
    for (let trip = 0; trip < ROUND_TRIPS; trip += 1) {
      const askedAtMs = now();
      const [row] = await session.query('SELECT UNIX_TIMESTAMP(NOW(6))');
      const answeredAtMs = now();
      const tripMs = answeredAtMs - askedAtMs;
      const databaseMs = Number(row?.[0] ?? Number.NaN) * 1000;
      if (tripMs < best.tripMs) {
        best = { tripMs, offsetMs: databaseMs - (askedAtMs + answeredAtMs) / 2 };
      }
    }
    return Math.round(best.offsetMs);
  });
}
