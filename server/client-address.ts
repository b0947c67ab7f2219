/**
 * The address a request really comes from. A proxy of ours says so in `X-Forwarded-For`; anybody else who does is not
 * believed. The list is read from its right end: each trusted hop vouches for the one it names, the first that is not
 * trusted is the client. The PROXY protocol is not spoken.
 */
import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';
import { isAddress } from '../src/address-range.ts';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Hops looked at; a longer chain is somebody's joke. */
const HOPS_MAX = 32;
/** One household or machine has a whole /64 of IPv6 addresses to choose from. */
const IPV6_PREFIX_BYTES = 8;

/** Peers whose key is kept: parsing takes microseconds, and each is asked for twice a connection. */
const PEERS_MAX = 4096;

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
  /** Remote address → its key: null for a trusted one, and for what is no address. A pure function, so nothing goes stale. */
  const peers = new LRUCache<string, { readonly key: string | null; readonly isTrusted: boolean }>({
    max: PEERS_MAX,
  });
  const peerOf = (remoteAddress: string) => {
    const known = peers.get(remoteAddress);
    if (known !== undefined) return known;
    const address = parseAddress(remoteAddress);
    const trustedOne = address !== null && isTrusted(address);
    const key = address === null || trustedOne ? null : keyOf(address);
    const peer = { key, isTrusted: trustedOne };
    peers.set(remoteAddress, peer);
    return peer;
  };
  return {
    keyOf: (remoteAddress, forwardedFor) => {
      const peer = peerOf(remoteAddress ?? '');
      if (!peer.isTrusted) return peer.key;
      const named = (forwardedFor ?? '').split(',').slice(-HOPS_MAX).reverse();
      for (const text of named) {
        const before = parseAddress(text.trim());
        if (before === null) return null;
        if (!isTrusted(before)) return keyOf(before);
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
