/** Numbers as people read them. */

const UNITS = ['B', 'KB', 'MB', 'GB'];

/** `1,234`, `12.3 k`, `1.2 M`; small ones with a decimal where it says something. */
export function count(value: number): string {
  if (value >= 1_000_000) return `${(value / 1_000_000).toFixed(1)} M`;
  if (value >= 100_000) return `${(value / 1000).toFixed(0)} k`;
  if (value >= 10 || Number.isInteger(value)) return Math.round(value).toLocaleString('en');
  return value.toFixed(1);
}

export function bytes(value: number): string {
  let unit = 0;
  let rest = value;
  for (; rest >= 1000 && unit < UNITS.length - 1; unit += 1) rest /= 1000;
  return `${rest >= 10 || unit === 0 ? rest.toFixed(0) : rest.toFixed(1)} ${UNITS[unit] ?? ''}`;
}

/** `3 ms`, `120 ms`, `1.2 s`. */
export function brief(ms: number): string {
  return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms` : duration(ms);
}

/** `0.2 s`, `40 s`, `12 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${seconds.toFixed(0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 90) return `${minutes.toString()} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours.toString()} h ${(minutes % 60).toString()} min`;
  return `${Math.floor(hours / 24).toString()} d ${(hours % 24).toString()} h`;
}

export function clock(atMs: number): string {
  return new Date(atMs).toLocaleTimeString('en-GB');
}
