/** Which addresses are counted as one client. Pure. */

/**
 * Returns what an address is counted by: an IPv4 address itself, and the /64 of an IPv6 address, since whoever has one of
 * its addresses has them all.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  // IPv4 in an IPv6 address (RFC 4291 2.5.5.2).
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : Math.max(0, 8 - groups.length - after.length);
  const all = [...groups, ...Array<string>(missing).fill('0'), ...after];
  return `${all
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
