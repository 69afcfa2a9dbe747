/**
 * IP addresses of people's devices. Loopback, unspecified and network addresses (`120.0.0.0`, also what browsers write as
 * their version) belong to nobody. Pure, linear.
 */
import { isIPv6 } from 'node:net';
import type { Finding } from './finding.js';

/** Not a part of a longer chain. */
const IPV4 = /(?<!\d|\d\.)\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?!\d|\.\d)/g;
/** What stands before a version. */
const VERSION = /(?:(?<![a-z])v|version.{0,3})$/is;
/** Hex and colons, with an IPv4 address or a zone at its end; bounded, so that a search is linear. */
const IPV6 = /(?<![0-9a-z.])[0-9a-f]{0,4}:[0-9a-f:]{0,40}:[0-9a-f.]{0,15}(?:%[0-9a-z]{1,16})?(?![0-9a-z])/gi;

/** Finds them. */
export function findIps(text: string): Finding[] {
  const findings: Finding[] = [];
  if (text.includes(':')) findIpv6(text, findings);
  const before = findings.length;
  if (text.includes('.')) {
    for (const { 0: found, index } of text.matchAll(IPV4)) {
      const end = index + found.length;
      const isPart = findings.slice(0, before).some((other) => index < other.end && end > other.start);
      const isVersion = VERSION.test(text.slice(Math.max(0, index - 12), index));
      if (!isPart && !isVersion && isPersonal(found)) findings.push({ start: index, end, kind: 'ip' });
    }
  }
  return findings;
}

function findIpv6(text: string, findings: Finding[]): void {
  IPV6.lastIndex = 0;
  for (let match = IPV6.exec(text); match !== null; match = IPV6.exec(text)) {
    const [found] = match;
    const address = ipv6In(found);
    if (address === undefined) {
      // What stands before an address may look like its first part: `face:2001:db8::1`.
      IPV6.lastIndex = match.index + Math.max(1, found.indexOf(':'));
    } else if (address !== '::' && address !== '::1') {
      findings.push({ start: match.index, end: match.index + found.length, kind: 'ip' });
    }
  }
}

/** Without its zone, and without the colon or dot of the sentence around it. */
function ipv6In(found: string): string | undefined {
  const address = found.replace(/%.*$/s, '');
  if (isIPv6(address)) return address;
  const shorter = address.replace(/[:.]$/, '');
  return isIPv6(shorter) ? shorter : undefined;
}

function isPersonal(address: string): boolean {
  const octets = address.split('.').map(Number);
  if (octets.some((octet) => octet > 255)) return false;
  const [first, ...rest] = octets;
  return first !== 127 && rest.some((octet) => octet !== 0);
}
