/** A client's address, as much of it as is logged. Pure. */
import { isIPv4, isIPv6 } from 'node:net';
import type { Mask } from '../mask/masks.js';

/** `full`: unchanged; `truncate`: its network, /24 or /48; `hash`: the same hash as for this address anywhere else. */
export type AddressMode = 'full' | 'truncate' | 'hash';

/** Returns the address in this mode; undefined if it is not an address. */
export function clientAddress(address: unknown, mode: AddressMode, hash: Mask): string | undefined {
  if (typeof address !== 'string') return undefined;
  const mapped = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (isIPv4(mapped)) {
    if (mode === 'full') return mapped;
    return mode === 'hash' ? hash.of(mapped, 'ip') : mapped.replace(/\.\d+$/, '.0');
  }
  if (!isIPv6(address)) return undefined;
  if (mode === 'full') return address;
  return mode === 'hash' ? hash.of(address, 'ip') : `${firstGroups(address, 3).join(':')}::`;
}

/** Returns the first groups of an IPv6 address. */
function firstGroups(address: string, count: number): string[] {
  const [head = '', tail] = address.replace(/%.*$/s, '').toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const tailGroups = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - tailGroups.length);
  const all = [...groups, ...Array.from({ length: zeros }, () => '0'), ...tailGroups];
  return all.slice(0, count).map((group) => Number.parseInt(group, 16).toString(16));
}
