/** Numbers, times and names as the page writes them. Pure. */

const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const CENTS = new Intl.NumberFormat('en-US', {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});

/** `$1,250`, or `$12.50` where there are cents. */
export function money(amount: number): string {
  return `$${Number.isInteger(amount) ? WHOLE.format(amount) : CENTS.format(amount)}`;
}

/** `2:05`; hours only when there are any. Never negative. */
export function countdown(remainingMs: number): string {
  const seconds = Math.max(0, Math.ceil(remainingMs / 1000));
  const minutes = Math.floor(seconds / 60);
  const rest = String(seconds % 60).padStart(2, '0');
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${rest}`;
}

/** `just now`, `12 s`, `3 min`. */
export function age(elapsedMs: number): string {
  const seconds = Math.max(0, Math.round(elapsedMs / 1000));
  if (seconds < 2) return 'now';
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
}

/** Milliseconds with as many digits as mean something: `0.8 ms`, `12 ms`. */
export function latency(ms: number | null): string {
  if (ms === null) return '–';
  return ms < 10 ? ms.toFixed(1) : String(Math.round(ms));
}

/** Up to two initials for an avatar. */
export function initials(name: string): string {
  const words = name.split(/\s+/).filter((word) => word !== '');
  return words
    .slice(0, 2)
    .map((word) => word.charAt(0).toUpperCase())
    .join('');
}

/** A hue in degrees that a name always gets. */
export function hueOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 3600;
  return hash % 360;
}

/** The bid the +5 % button offers: at least one more than the price, rounded up to a whole amount people would say. */
export function raised(price: number): number {
  const step = price < 200 ? 1 : price < 1000 ? 5 : price < 5000 ? 10 : 50;
  return Math.max(Math.ceil((price * 1.05) / step) * step, Math.floor(price) + 1);
}
