/** What stands in a value's place. */
import { describe, expect, it } from 'vitest';
import { createMask, REDACTED } from './masks.js';

const key = { key: Buffer.alloc(16, 1), id: 'k1' };
const hash = createMask('hash', () => key);
const partial = createMask('partial', () => key);

it('redacts', () => {
  expect(createMask('redact', () => key).of('x', 'email')).toBe(REDACTED);
});

describe('hash', () => {
  it('is the same however the value is written', () => {
    const same = (domain: 'phone' | 'email' | 'iban' | 'card' | 'ip', ...values: string[]): void => {
      expect(new Set(values.map((value) => hash.of(value, domain))).size, values.join()).toBe(1);
    };
    same('phone', '+1 212-555-0100', '(212) 555-0100', '12125550100', '+12125550100', '001 212 555 0100');
    same('phone', '+49 (0)30 1234567', '+49301234567', '0049 30 1234567');
    same('email', 'Ann@Example.com', 'ann@example.com ');
    same('iban', 'DE89 3704 0044 0532 0130 00', 'de89370400440532013000');
    same('card', '4111 1111 1111 1111', '4111111111111111');
    same('ip', '2001:DB8::1', '2001:db8:0:0:0:0:0:1');
  });

  it('depends on the key and on the kind', () => {
    const other = createMask('hash', () => ({ key: Buffer.alloc(16, 2), id: 'k1' }));
    expect(hash.of('17', 'phone')).not.toBe(other.of('17', 'phone'));
    expect(hash.of('17', 'phone').split(':').at(-1)).not.toBe(hash.of('17', 'card').split(':').at(-1));
  });
});

describe('partial', () => {
  it.each([
    ['4111 1111 1111 1234', 'card', '***1234'],
    ['+49301234567', 'phone', '***67'],
    ['123-45-6789', 'ssn', '***89'],
    ['12345678', 'text', '***78'],
    ['1234567', 'text', REDACTED],
    ['a.very.long.address@example.com', 'email', REDACTED],
    ['x'.repeat(100), 'text', '***xxxx'],
  ] as const)('%s', (value, domain, expected) => {
    expect(partial.of(value, domain)).toBe(expected);
  });

  it('shows nothing of what may be a credential', () => {
    expect(partial.opaque('a-long-enough-value')).toBe(REDACTED);
  });
});
