/**
 * Lengths of time as people write and read them.
 */

/**
 * Seconds in `90`, `90s`, `15m`, `1h` or `7d`.
 *
 * @returns null for anything else, and for nothing at all
 */
export function parseLifetime(text: string): number | null {
  const match = /^(\d{1,9})([smhd]?)$/.exec(text);
  const unit = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 }[match?.[2] ?? ''];
  const seconds = Number(match?.[1] ?? 0) * (unit ?? 0);
  return seconds > 0 ? seconds : null;
}

/** `3 d 4 h`, `12 min 5 s`, `40 s`: the two largest units that matter. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (days > 0) return `${days.toString()} d ${hours.toString()} h`;
  if (hours > 0) return `${hours.toString()} h ${minutes.toString()} min`;
  const rest = `${(seconds % 60).toString()} s`;
  return minutes > 0 ? `${minutes.toString()} min ${rest}` : rest;
}
