/**
 * The address a request really comes from. A proxy of ours says so in `X-Forwarded-For`; anybody else who does is not
 * believed. The list is read from its right end: each trusted hop vouches for the one it names, the first that is not
 * trusted is the client. The PROXY protocol is not spoken.
 */
import ipaddr from 'ipaddr.js';
import { isAddress } from '../src/address-range.ts';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Hops looked at; a longer chain is somebody's joke. */
const HOPS_MAX = 32;
/** One household or machine has a whole /64 of IPv6 addresses to choose from. */
const IPV6_PREFIX_BYTES = 8;

export interface ClientAddresses {
  /**
   * What limits count by: an IPv4 address, or the /64 of an IPv6 one. Null for a trusted proxy that names no client
   * (and for health checks on the machine itself): it is not limited, because everybody comes through it.
   *
   * @param forwardedFor `X-Forwarded-For`, all of its values joined with commas
   */
  keyOf(remoteAddress: string | undefined, forwardedFor: string | undefined): string | null;
}

/** @param trusted addresses and CIDR ranges of our proxies */
export function createClientAddresses(trusted: readonly string[]): ClientAddresses {
  const ranges = trusted.map((text): [Address, number] => {
    if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
    const address = ipaddr.parse(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  });
  const isTrusted = (address: Address): boolean =>
    ranges.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits));
  return {
    keyOf: (remoteAddress, forwardedFor) => {
      let hop = parseAddress(remoteAddress ?? '');
      if (hop === null) return null;
      if (!isTrusted(hop)) return keyOf(hop);
      const named = (forwardedFor ?? '').split(',').slice(-HOPS_MAX).reverse();
      for (const text of named) {
        const before = parseAddress(text.trim());
        if (before === null) return null;
        hop = before;
        if (!isTrusted(hop)) return keyOf(hop);
      }
      return null;
    },
  };
}

/** `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]`, `[::1]:80`; null for anything else. IPv4 in IPv6 clothes is IPv4. */
function parseAddress(text: string): Address | null {
  const bare =
    /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  return isAddress(bare) ? ipaddr.process(bare) : null;
}

function keyOf(address: Address): string {
  if (address.kind() === 'ipv4') return address.toString();
  const bytes = address.toByteArray();
  return `${Buffer.from(bytes.slice(0, IPV6_PREFIX_BYTES)).toString('hex')}/64`;
}
