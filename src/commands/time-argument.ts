/**
 * Points in time as people type them: `2026-02-01T10:30:00Z`, `2026-02-01 10:30`, `2h`.
 */
import { wallClockToEpochMs, type Zone } from '../auction/zone.ts';
import { parseLifetime } from './lifetime.ts';

/** What was typed; an instant only once a zone and the present are known. */
export type TimeArgument =
  | { readonly kind: 'instant'; readonly atMs: number }
  /** `YYYY-MM-DD HH:MM:SS[.fff]` on the wall clock of the database. */
  | { readonly kind: 'wall clock'; readonly text: string }
  | { readonly kind: 'ago'; readonly ms: number };

const DATE_AND_TIME =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d(?:\.\d{1,3})?))?(Z|[+-]\d\d:?\d\d)?)?$/i;
const AGO = /^(\d{1,9}[smhd])(?: ago)?$/;

/**
 * Reads ISO 8601 with a zone (`Z`, `+02:00`), the same without one, a date alone (its midnight), or how long ago
 * (`90s`, `30m`, `2h`, `7d`).
 *
 * @returns null for anything else, dates that no calendar has included
 */
export function parseTimeArgument(text: string): TimeArgument | null {
  const ago = parseLifetime(AGO.exec(text)?.[1] ?? '');
  if (ago !== null) return { kind: 'ago', ms: ago * 1000 };
  const [, date, minutes = '00:00', seconds = '00', zone] = DATE_AND_TIME.exec(text) ?? [];
  if (date === undefined) return null;
  const wallClock = `${date} ${minutes}:${seconds}`;
  const asUtcMs = wallClockToEpochMs(wallClock, { name: 'UTC', offsetMsAt: () => 0 });
  if (asUtcMs === null) return null;
  if (zone === undefined) return { kind: 'wall clock', text: wallClock };
  const offsetMs = offsetOf(zone);
  return offsetMs === null ? null : { kind: 'instant', atMs: asUtcMs - offsetMs };
}

/** The instant, in epoch ms. */
export function instantOf(
  time: TimeArgument,
  { zone, nowMs }: { readonly zone: Zone; readonly nowMs: number },
): number {
  switch (time.kind) {
    case 'instant':
      return time.atMs;
    case 'ago':
      return nowMs - time.ms;
    case 'wall clock': {
      const atMs = wallClockToEpochMs(time.text, zone);
      if (atMs === null) throw new Error('a wall clock that was read before');
      return atMs;
    }
  }
}

/** Milliseconds ahead of UTC; null for more than the world has. */
function offsetOf(zone: string): number | null {
  if (zone.toUpperCase() === 'Z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(-2));
  if (hours > 14 || minutes > 59) return null;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
