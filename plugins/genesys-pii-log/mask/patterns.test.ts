/** Patterns: which expressions are refused, and that what is not refused ends. */

import { describe, expect, it } from 'vitest';
import { allowedMs } from '../../../test/support/allowed-time.js';
import { compilePattern } from './patterns.js';
import { checkPattern } from './safe-regex.js';

describe('refuses', () => {
  it.each([
    '(a+)+$',
    '(a*)*b',
    '(a|a)*b',
    '(a|ab)*c',
    '([a-z]+)*d',
    '(\\d*,?)+x',
    '(.*)(.*)(.*)x',
    '.*a.*b',
    '\\d+\\d+x',
    '\\s*\\w*\\s*\\w*\\d*x',
    '(x+x+)+y',
    '(a)\\1',
    '(?<n>a)\\k<n>',
    '(?=.*x)a',
    'a?a?a?a?a?a?a?a?aaaaaaaa',
    'a{0,500}a{0,500}b',
    'a{0,2000}',
    '(?:a?){20}b',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    '(?=a{0,999}a{0,999}a{0,3}b)a',
    'a+(?=a{0,1000}b)',
    'a+(?=a{100}b)',
    'a+a{500}b',
    `a+${'a{16}'.repeat(30)}b`,
    '[\\t-z]*x[\\t-z]*x[\\t-z]*!',
    '[^b]*[\\b][^b]*[\\b][^b]*!',
    '[\\cA-z]*x[\\cA-z]*!',
    '(',
    'a)',
    '[a',
  ])('%s', (regex) => {
    expect(() => checkPattern(regex)).toThrow();
  });
});

describe('allows', () => {
  it.each([
    'AC-\\d{6}',
    '\\b[A-Z]{2}\\d{6,8}\\b',
    'account(?: number)?[:=]\\s*\\w+',
    '(?<=account=)\\d+',
    '\\d+-\\d+',
    '\\w+@\\w+\\.\\w+',
    '(?:\\d{1,3}\\.){3}\\d{1,3}',
    '"accountId"\\s*:\\s*"[^"]*"',
    'cust_[0-9a-f]+',
    '(?:foo|bar)+',
    '(\\+49)?[ -]?\\d{3,5}[ -]?\\d{4,8}',
    '\\p{Lu}\\w{3,10}',
    '[^\\s]+\\.pdf',
    '\\d{9,}(?!\\d)',
    '[\\t ]+id: \\d+',
    '\\w+ \\d{100}',
  ])('%s, which ends in time on what is meant to hold it up', (regex) => {
    const rule = compilePattern('p', regex, 'x');
    for (const unit of ['a', '1', 'A', '1-', 'a.', 'account:', ' ', '"accountId":"', 'foo', 'f', '1 ']) {
      const start = performance.now();
      rule.replace(`${unit.repeat(Math.ceil(10_000 / unit.length))}!`, () => {});
      expect(performance.now() - start, unit).toBeLessThan(allowedMs(500));
    }
  });
});

it('finds matches in long texts, also where windows meet', () => {
  const rule = compilePattern('p', 'AC-(\\d{6})', '<$1|$&|$$>');
  for (let offset = 700; offset < 1100; offset++) {
    let count = 0;
    const text = `${'x'.repeat(offset)}AC-123456${'y'.repeat(2000)}AC-654321`;
    const result = rule.replace(text, () => count++);
    expect(result).toBe(`${'x'.repeat(offset)}<123456|AC-123456|$>${'y'.repeat(2000)}<654321|AC-654321|$>`);
    expect(count).toBe(2);
  }
});

it('searches every text from its beginning, whatever was found before', () => {
  const rule = compilePattern('p', 'AC-\\d{6}', 'x');
  expect(rule.matches(`${'y'.repeat(400)}AC-123456`)).toBe(true);
  expect(rule.replace(`AC-654321 ${'y'.repeat(2000)}`, () => {})).toBe(`x ${'y'.repeat(2000)}`);
});
