/** The address of a client, as much of it as is to be seen. Pure. */
import { isIPv4, isIPv6 } from 'node:net';
import type { Mask } from '../mask/masks.js';

/** full: as it is; truncate: the network, /24 or /48; hash: the same as of the address anywhere else. */
export type AddressMode = 'full' | 'truncate' | 'hash';

/** Undefined if there is none that can be shown. */
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

/** The first groups of an IPv6 address. */
function firstGroups(address: string, count: number): string[] {
  const [head = '', tail] = address.replace(/%.*$/s, '').toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const tailGroups = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - tailGroups.length);
  const all = [...groups, ...Array.from({ length: zeros }, () => '0'), ...tailGroups];
  return all.slice(0, count).map((group) => Number.parseInt(group, 16).toString(16));
}
