/**
 * What names a host, and what numbers a port, in options.
 */
export const HOST_KIND = 'host name or address';
export const HOST_MESSAGE = 'must be a host name or an address, without scheme, port or path';
export const PORT_MAX = 65_535;

/** True for a host name, an IPv4 or an IPv6 address; no scheme, port or path. */
export function isHost(value: string): boolean {
  if (/^[\dA-Fa-f:.]*:[\dA-Fa-f:.]*:[\dA-Fa-f:.]*$/.test(value)) return true; // IPv6
  return value.length <= 253 && /^[A-Za-z\d_](?:[A-Za-z\d_.-]*[A-Za-z\d_.])?$/.test(value);
}
