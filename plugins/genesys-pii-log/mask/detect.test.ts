/** The detectors: what they find in texts, and which ids, times, durations and versions they leave alone. */

import { describe, expect, it } from 'vitest';
import { allowedMs } from '../../../test/support/allowed-time.js';
import { createRandom, makeSecret } from '../testing/secrets.js';
import { detect } from './detect.js';
import { KINDS, type Kind } from './finding.js';

const ALL = new Set<Kind>(KINDS);

/** The text with every finding in brackets. */
function marked(text: string): string {
  let result = '';
  let from = 0;
  for (const { start, end, kind } of detect(text, ALL)) {
    result += `${text.slice(from, start)}[${kind} ${text.slice(start, end)}]`;
    from = end;
  }
  return result + text.slice(from);
}

describe('finds', () => {
  it.each([
    ['write to anna.b+x@mail.example.co.uk.', 'write to [email anna.b+x@mail.example.co.uk].'],
    ["<o'hara@example.com>", "<[email o'hara@example.com]>"],
    ['"john doe"@example.com', '[email "john doe"@example.com]'],
    ['müller@exämple.de', '[email müller@exämple.de]'],
    ['root@localhost', '[email root@localhost]'],
    ['x@[10.1.2.3]', '[email x@[10.1.2.3]]'],
    ['call +49 (0)30 1234567 now', 'call [phone +49 (0)30 1234567] now'],
    ['tel:+12125550100', 'tel:[phone +12125550100]'],
    ['(212) 555-0100', '[phone (212) 555-0100]'],
    ['212.555.0100', '[phone 212.555.0100]'],
    ['12125550100', '[phone 12125550100]'],
    ['0049301234567', '[phone 0049301234567]'],
    ['030 1234567', '[phone 030 1234567]'],
    ['01 23 45 67 89', '[phone 01 23 45 67 89]'],
    ['0171/1234567', '[phone 0171/1234567]'],
    ['447911123456', '[phone 447911123456]'],
    ['555-0100', '[phone 555-0100]'],
    ['4111111111111111', '[card 4111111111111111]'],
    ['card 4111 1111 1111 1111, thanks', 'card [card 4111 1111 1111 1111], thanks'],
    ['4111-1111-1111-1111', '[card 4111-1111-1111-1111]'],
    ['378282246310005', '[card 378282246310005]'],
    ['x4111111111111111y', 'x[card 4111111111111111]y'],
    ['030 1234567 4111 1111 1111 1111', '[phone 030 1234567] [card 4111 1111 1111 1111]'],
    ['SSN 123-45-6789', 'SSN [ssn 123-45-6789]'],
    ['DE89 3704 0044 0532 0130 00', '[iban DE89 3704 0044 0532 0130 00]'],
    ['iban:de89370400440532013000.', 'iban:[iban de89370400440532013000].'],
    ['NO DE89370400440532013000', 'NO [iban DE89370400440532013000]'],
    ['from 203.0.113.7:8080', 'from [ip 203.0.113.7]:8080'],
    ['http://[2001:db8::1]:80/', 'http://[[ip 2001:db8::1]]:80/'],
    ['ip:2001:db8::1', 'ip:[ip 2001:db8::1]'],
    ['::ffff:203.0.113.7', '[ip ::ffff:203.0.113.7]'],
    ['fe80::1%eth0', '[ip fe80::1%eth0]'],
  ])('%s', (text, expected) => {
    expect(marked(text)).toBe(expected);
  });

  it('every kind in any surroundings, 3000 times', () => {
    const random = createRandom('detectors');
    const before = ['', ' ', 'call ', 'x: ', '(', '"', 'é', '\n', ',', '=', 'id 7, '] as const;
    const after = ['', ' ', '.', ', ok', ')', '"', 'é', '\n', ';', ' now'] as const;
    for (let round = 0; round < 3000; round++) {
      const { kind, text } = makeSecret(random);
      const start = random.pick(before);
      const whole = start + text + random.pick(after);
      const found = detect(whole, ALL);
      const covered = found.some((f) => f.start <= start.length && f.end >= start.length + text.length);
      expect(covered, `${kind} in ${JSON.stringify(whole)}: ${marked(whole)}`).toBe(true);
    }
  });
});

describe('leaves alone', () => {
  it.each([
    '4f2a1b3c-1111-4222-8333-123456789012',
    '00000000-0000-4000-8000-000000000000',
    '4bf92f3577b34da6a3ce929d0e0e4736',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    '2026-01-12T09:00:00.000Z',
    '2026-01-12T09:00:00.000Z/2026-01-13T09:00:00.000Z',
    '2026-01-12T09:00:00+01:00',
    '2026-01-12 09:00:00',
    '20260112T090000Z',
    '2026-01-12',
    '12.01.2026',
    '1/12/2026',
    '09:15:22.123',
    'PT1H30M12.345S',
    'P1DT2H',
    '1736672400',
    '1736672400000',
    '3600000',
    '86399',
    '0.123456789012',
    '52.520008',
    '1.2.3',
    '10.15.7',
    'v1.2.3.4',
    'version 10.1.2.3',
    'purecloud-platform-client-v2@262.0.0',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Chrome/120.0.6099.130',
    '127.0.0.1',
    '::1',
    'std::string',
    '10:20:30',
    '2023-2024',
    'aa:bb:cc:dd:ee:ff',
    '/api/v2/analytics/conversations/details/query',
    '4111111111111112',
    'DE89370400440532013001',
    '2147483647',
    'R-123456',
    '@mention and @types/node',
    '["us-east-1", "16384", "100000"]',
  ])('%s', (text) => {
    expect(marked(text)).toBe(text);
  });

  it('kinds that are switched off', () => {
    expect(detect('a@b.de 4111111111111111', new Set<Kind>(['ip']))).toEqual([]);
    expect(detect('a@b.de', new Set())).toEqual([]);
  });
});

it.each([
  ['digits', '1'],
  ['groups', '12 '],
  ['signs', '+'],
  ['at signs', 'a@'],
  ['colons', 'a:'],
  ['dots', '1.'],
  ['country codes', 'DE1 '],
  ['hyphens', '1-'],
  ['open parentheses', '(1'],
  ['words', 'deadbeef'],
  ['addresses of both versions', '1::2 1.2.3.4 '],
  ['open brackets', '@['],
])('takes linear time for many %s', (_, unit) => {
  const time = (count: number): number => {
    const text = unit.repeat(count);
    const start = performance.now();
    detect(text, ALL);
    return performance.now() - start;
  };
  time(20_000);
  expect(time(200_000)).toBeLessThan(allowedMs(1000));
});
