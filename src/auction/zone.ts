/**
 * Time zones: the wall clock of a DATETIME column ↔ epoch milliseconds. Pure; all knowledge of zones is that of `Intl`.
 *
 * Two wall-clock times have no single answer, and MySQL's own (as `UNIX_TIMESTAMP` gives it in a session with a named
 * zone; measured on MariaDB 10.11 and MySQL 9.7) is followed:
 * - in the gap of spring, a time that never was becomes the first instant after the gap;
 * - in the overlap of autumn, a time that was twice is the earlier of the two. (Sessions in zone SYSTEM may take the
 *   later one instead: there the C library and the season in which the server started decide.)
 */

/** A time zone whose offset can be asked for at any instant. Made by `parseZone`. */
export interface Zone {
  /** As written in the configuration, for messages. */
  readonly name: string;
  /** What local time is ahead of UTC at that instant, in ms. */
  offsetMsAt(epochMs: number): number;
}

const DAY_MS = 86_400_000;
/** Days whose offsets are remembered for each zone: almost three years of end times. */
const CACHED_DAYS_MAX = 1_024;

const ZERO = 48;
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

const FIXED_OFFSET = /^([+-])(\d{1,2}):([0-5]\d)$/;
const FIXED_OFFSET_MAX_MINUTES = 14 * 60;
const WALL_CLOCK = /^(\d{4})-(\d\d)-(\d\d) ([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,6}))?$/;

/** UTC, for those who need a zone and were told none. */
export const UTC: Zone = { name: 'UTC', offsetMsAt: () => 0 };

/**
 * Reads a zone as MySQL's `time_zone` names it: `Europe/Berlin`, `+02:00` (from -14:00 to +14:00) or `UTC`.
 *
 * @returns null for anything else, and for `SYSTEM`, whose meaning only the server knows: ask it for
 *   `@@system_time_zone` or its host's zone first
 */
export function parseZone(text: string): Zone | null {
  const fixed = FIXED_OFFSET.exec(text);
  if (fixed !== null) {
    const minutes = Number(fixed[2]) * 60 + Number(fixed[3]);
    const offsetMs = (fixed[1] === '-' ? -minutes : minutes) * 60_000;
    return minutes > FIXED_OFFSET_MAX_MINUTES
      ? null
      : { name: text, offsetMsAt: () => (offsetMs === 0 ? 0 : offsetMs) };
  }
  if (text.toUpperCase() === 'UTC') {
    return { ...UTC, name: text };
  }
  if (!/^[A-Za-z]/.test(text)) {
    return null;
  }
  try {
    return new NamedZone(text);
  } catch {
    return null; // RangeError: Intl knows no such zone
  }
}

/**
 * The instant of a wall-clock text `YYYY-MM-DD HH:MM:SS[.ffffff]` in a zone, in epoch ms (finer digits are cut off).
 *
 * @returns null for zero dates (`0000-00-00 00:00:00`, `2026-00-10 …`) and for text that is no date
 */
export function wallClockToEpochMs(text: string, zone: Zone): number | null {
  const localMs = localMsOf(text);
  return localMs === null ? null : localMsToEpochMs(localMs, zone);
}

/** The instant of a zone's wall clock, given in ms as if it were UTC (`calendarMs`). */
export function localMsToEpochMs(localMs: number, zone: Zone): number {
  // No zone is a day or more from UTC, and none changes twice within two days of one instant.
  const offsetBefore = zone.offsetMsAt(localMs - DAY_MS);
  const offsetAfter = zone.offsetMsAt(localMs + DAY_MS);
  const byBefore = localMs - offsetBefore;
  if (zone.offsetMsAt(byBefore) === offsetBefore) {
    return byBefore; // the only answer, or the earlier one of an overlap
  }
  const byAfter = localMs - offsetAfter;
  if (zone.offsetMsAt(byAfter) === offsetAfter) {
    return byAfter;
  }
  return firstInstantAfterChange(zone, byAfter, byBefore);
}

/** The wall clock of a zone at an instant: `YYYY-MM-DD HH:MM:SS`, fractions cut off. */
export function epochMsToWallClock(epochMs: number, zone: Zone): string {
  const iso = epochMsToIso(epochMs + zone.offsetMsAt(epochMs));
  return `${iso.slice(0, -14)} ${iso.slice(-13, -5)}`;
}

/** An instant as ISO 8601 in UTC with milliseconds: `2026-02-01T10:30:00.000Z`. */
export function epochMsToIso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** A date and time of the calendar, each part a whole number; the month from 1. */
export interface CalendarTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly ms: number;
}

/** A date and time in ms as if it were UTC; null where there is no such date between the years 1 and 9999, or time. */
export function calendarMs(time: CalendarTime): number | null {
  const { year, month, day, hour, minute, second, ms } = time;
  if (hour > 23 || minute > 59 || second > 59 || year < 1 || year > 9999) {
    return null;
  }
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) {
    return null;
  }
  const seconds = daysFromCivil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
  return seconds * 1000 + ms;
}

class NamedZone implements Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  /** Day since the epoch → its offset, or the day's change where it has one. */
  readonly #days = new Map<number, DayOffsets>();

  constructor(name: string) {
    this.name = name;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  offsetMsAt(epochMs: number): number {
    const day = Math.floor(epochMs / DAY_MS);
    const offsets = this.#days.get(day) ?? this.#learn(day);
    return epochMs < offsets.changesAtMs ? offsets.before : offsets.after;
  }

  #learn(day: number): DayOffsets {
    const startMs = day * DAY_MS;
    const before = this.#measure(startMs);
    const after = this.#measure(startMs + DAY_MS - 1);
    const changesAtMs = before === after ? startMs : this.#findChange(startMs, before);
    const offsets = { before, after, changesAtMs };
    if (this.#days.size >= CACHED_DAYS_MAX) {
      this.#days.clear();
    }
    this.#days.set(day, offsets);
    return offsets;
  }

  /** Halves the day until the first ms with another offset is left. */
  #findChange(startMs: number, before: number): number {
    let unchanged = startMs;
    let changed = startMs + DAY_MS - 1;
    while (changed - unchanged > 1) {
      const middle = Math.floor((unchanged + changed) / 2);
      if (this.#measure(middle) === before) {
        unchanged = middle;
      } else {
        changed = middle;
      }
    }
    return changed;
  }

  #measure(epochMs: number): number {
    const seconds = Math.floor(epochMs / 1000);
    const parts = new Map<string, string>();
    for (const { type, value } of this.#format.formatToParts(seconds * 1000)) {
      parts.set(type, value);
    }
    const part = (type: string): number => Number(parts.get(type));
    const isBeforeChrist = parts.get('era')?.startsWith('B') === true;
    const year = isBeforeChrist ? 1 - part('year') : part('year');
    const localDays = daysFromCivil(year, part('month'), part('day'));
    const localSeconds =
      localDays * 86_400 + part('hour') * 3600 + part('minute') * 60 + part('second');
    return (localSeconds - seconds) * 1000;
  }
}

interface DayOffsets {
  readonly before: number;
  readonly after: number;
  readonly changesAtMs: number;
}

/** The first instant in (low, high] at which the offset differs from that at `low`. */
function firstInstantAfterChange(zone: Zone, low: number, high: number): number {
  const before = zone.offsetMsAt(low);
  let unchanged = low;
  let changed = high;
  while (changed - unchanged > 1) {
    const middle = Math.floor((unchanged + changed) / 2);
    if (zone.offsetMsAt(middle) === before) {
      unchanged = middle;
    } else {
      changed = middle;
    }
  }
  return changed;
}

/** The text read as if it were UTC. */
function localMsOf(text: string): number | null {
  const plain = plainLocalMs(text);
  if (plain !== null) {
    return plain;
  }
  const match = WALL_CLOCK.exec(text);
  if (match === null) {
    return null;
  }
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number);
  const ms = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  return calendarMs({ year, month, day, hour, minute, second, ms });
}

/**
 * The text read as if it were UTC, for `YYYY-MM-DD HH:MM:SS` with a day that every month has: nearly all there are, at a
 * fraction of what the pattern costs. Null for all others.
 */
function plainLocalMs(text: string): number | null {
  if (text.length !== 19 || text[4] !== '-' || text[7] !== '-' || text[10] !== ' ') {
    return null;
  }
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  const isPlain =
    text[13] === ':' &&
    text[16] === ':' &&
    year >= 1000 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= 28 &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59;
  return isPlain ? Date.UTC(year, month - 1, day, hour, minute, second) : null;
}

/** NaN, which no comparison lets pass, where there are other characters. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO;
  const ones = text.charCodeAt(at + 1) - ZERO;
  const areDigits = tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9;
  return areDigits ? tens * 10 + ones : Number.NaN;
}

function daysInMonth(year: number, month: number): number {
  const days = DAYS_IN_MONTH[month - 1] ?? 0;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeap ? 29 : days;
}

/** Days from 1970-01-01 to a date. The calendar repeats every 400 years; `Date.UTC` is at ease from 2000 on. */
function daysFromCivil(year: number, month: number, day: number): number {
  const cycle = Math.floor(year / 400);
  const days = Date.UTC(2000 + year - cycle * 400, month - 1, day) / DAY_MS;
  return days + (cycle - 5) * 146_097;
}
