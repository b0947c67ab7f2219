/**
 * How far the database's clock is ahead of ours.
 */
import type { Clock } from '../../src/ports.ts';
import type { DatabasePool } from './database-pool.ts';

const ROUND_TRIPS = 5;

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
