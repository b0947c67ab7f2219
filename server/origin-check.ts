/**
 * Which web pages may connect, and by which names this server may be called.
 */

/** `https://*.example.com` allows exactly one label in place of the star; everything else is compared whole. */
export function isOriginAllowed(
  origin: string | undefined,
  allowed: readonly string[] | null,
  isRequired: boolean,
): boolean {
  if (origin === undefined) return !isRequired;
  if (allowed === null) return true;
  const given = origin.toLowerCase();
  return allowed.some((entry) => matches(given, entry.toLowerCase()));
}

/** An entry without a port allows any. */
export function isHostAllowed(
  host: string | undefined,
  allowed: readonly string[] | null,
): boolean {
  if (allowed === null) return true;
  const given = (host ?? '').toLowerCase();
  const bare = given.replace(/:\d+$/, '');
  return allowed.some((entry) => entry.toLowerCase() === given || entry.toLowerCase() === bare);
}

function matches(origin: string, entry: string): boolean {
  const star = entry.indexOf('://*.');
  if (star === -1) return origin === entry;
  const scheme = entry.slice(0, star + 3);
  const rest = entry.slice(star + 4);
  if (!origin.startsWith(scheme) || !origin.endsWith(rest)) return false;
  return /^[a-z\d_-]+$/.test(origin.slice(scheme.length, -rest.length));
}
