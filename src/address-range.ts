/**
 * Addresses and CIDR ranges as operators write them.
 */
import ipaddr from 'ipaddr.js';

/** Written in full: `ipaddr.js` also takes `1` and `0x7f.1`, which nobody means. */
export function isAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  return text.includes(':') || ipaddr.IPv4.isValidFourPartDecimal(text);
}

/** True for an address or a CIDR range. */
export function isAddressRange(text: string): boolean {
  return isAddress(text) || ipaddr.isValidCIDR(text);
}
