/**
 * In which zone the wall clock of DATETIME columns is to be read. Pure.
 */
import { parseZone } from '../../src/auction/zone.ts';
import type { Zone } from '../../src/auction/zone.ts';

export interface ZoneFacts {
  /** What the operator says (`DB_TIMEZONE`); null: nothing. */
  readonly configured: string | null;
  /** `@@global.time_zone`. */
  readonly global: string;
  /** `@@system_time_zone`: an abbreviation such as `CEST`, which names no rules. */
  readonly system: string;
  /** What the server's clock is ahead of UTC now, in seconds. */
  readonly offsetSeconds: number;
}

export type ZoneResult =
  | { readonly ok: true; readonly zone: Zone; readonly warning: string | null }
  | { readonly ok: false; readonly what: string };

/**
 * The configured zone, else the server's. Where the server only tells an abbreviation, the offset measured now stands in:
 * right until its clock changes, hence the warning.
 */
export function resolveZone(facts: ZoneFacts): ZoneResult {
  if (facts.configured !== null) {
    const zone = parseZone(facts.configured);
    if (zone !== null) return { ok: true, zone, warning: null };
    return {
      ok: false,
      what: `"${facts.configured}" is no time zone (wanted: Europe/Berlin, +02:00, UTC)`,
    };
  }
  const isSystem = facts.global.toUpperCase() === 'SYSTEM';
  const name = isSystem ? facts.system : facts.global;
  const zone = isSystem ? systemZone(name) : parseZone(name);
  if (zone !== null) return { ok: true, zone, warning: null };
  const offset = offsetText(facts.offsetSeconds);
  const measured = parseZone(offset);
  if (measured === null)
    return { ok: false, what: `the server's zone ${name} (${offset}) is not known` };
  return {
    ok: true,
    zone: measured,
    warning: `the server only says that its zone is "${name}"; taken as ${offset}, wrong as soon as its clocks change`,
  };
}

/** Only what names a zone with its rules; `CET`, `EST` and the like mean other rules in `Intl` than on the host. */
function systemZone(name: string): Zone | null {
  if (['UTC', 'GMT'].includes(name.toUpperCase())) return parseZone('UTC');
  return name.includes('/') ? parseZone(name) : null;
}

function offsetText(seconds: number): string {
  const minutes = Math.round(Math.abs(seconds) / 60);
  const two = (number: number): string => number.toString().padStart(2, '0');
  return `${seconds < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
