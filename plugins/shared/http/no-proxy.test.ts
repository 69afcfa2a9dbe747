/** Which hosts a list in the form of NO_PROXY names. */
import { describe, expect, it } from 'vitest';
import { isWithoutProxy } from './no-proxy.js';

describe('isWithoutProxy', () => {
  it.each([
    ['login.example.com', true],
    ['LOGIN.example.com', true],
    ['example.com', true],
    ['.example.com', true],
    ['*.example.com', true],
    [' example.com ', true],
    ['login.example.com:443', true],
    ['*', true],
    ['login.example.com:8443', false],
    ['ample.com', false],
    ['a.login.example.com', false],
    ['example.org', false],
  ])('%s', (entry, expected) => {
    expect(isWithoutProxy([entry], new URL('https://login.example.com/oauth/token'))).toBe(expected);
  });

  it.each([
    ['::1', 'https://[::1]/', true],
    ['[::1]', 'https://[::1]/', true],
    ['[::1]:8443', 'https://[::1]:8443/', true],
    ['[::1]:8443', 'https://[::1]/', false],
  ])('%s for %s', (entry, url, expected) => {
    expect(isWithoutProxy([entry], new URL(url))).toBe(expected);
  });
});
