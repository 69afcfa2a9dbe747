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
const IPV6 = /(?<![0-9a-z.])[0-9a-f]{0,4}:[0-9a-f:]{0,40}:[0-9a-f.]{0,15}(?:%[0-9a-z]{1,16})?/gi;

/** Finds them. */
export function findIps(text: string): Finding[] {
  const findings: Finding[] = [];
  if (text.includes(':')) findIpv6(text, findings);
  const before = findings.length;
  let other = 0;
  if (text.includes('.')) {
    for (const { 0: found, index } of text.matchAll(IPV4)) {
      const end = index + found.length;
      // Both are in order.
      while (other < before && (findings[other] as Finding).end <= index) other++;
      const isPart = other < before && (findings[other] as Finding).start < end;
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
    const end = match.index + found.length;
    // A word that goes on, such as `ace::Foo`, is an address only if there is more of one.
    const isWord = /[0-9a-z]/i.test(text[end] ?? '') && found.split(':').length < 4;
    const length = isWord ? undefined : lengthOfIpv6(found);
    if (length === undefined) {
      // What stands before an address may look like its first part: `face:2001:db8::1`.
      IPV6.lastIndex = match.index + Math.max(1, found.indexOf(':'));
    } else {
      const address = found.slice(0, length);
      if (address !== '::' && address !== '::1')
        findings.push({ start: match.index, end: match.index + length, kind: 'ip' });
      IPV6.lastIndex = match.index + length;
    }
  }
}

/** Without the colon or dot of the sentence around it, and without the digits that are glued to it. */
function lengthOfIpv6(found: string): number | undefined {
  const address = found.replace(/%.*$/s, '');
  if (isIPv6(address)) return found.length;
  for (const shorter of [address.replace(/[:.]$/, ''), address.replace(/([^:]{4})[^:]*$/, '$1')]) {
    if (shorter !== address && isIPv6(shorter)) return shorter.length;
  }
  return undefined;
}

function isPersonal(address: string): boolean {
  const octets = address.split('.').map(Number);
  if (octets.some((octet) => octet > 255)) return false;
  const [first, ...rest] = octets;
  return first !== 127 && rest.some((octet) => octet !== 0);
}
