/** What the guard refuses, and what it lets through. */
import { describe, expect, it } from 'vitest';
import { refusalOf } from './request-guard.js';

const path = (upstreamUri: string) => refusalOf({ connection: '', upstreamUri });
const connection = (value: string) => refusalOf({ connection: value, upstreamUri: '/api/v2/users' });

describe('the Connection header', () => {
  it.each([
    '',
    'keep-alive',
    'close',
    'Upgrade',
    'keep-alive, Upgrade',
    'Upgrade, HTTP2-Settings',
    'TE,close',
    ' keep-alive\t,\tTE ',
    'close,',
    ',,keep-alive',
  ])('%j is let through', (value) => {
    expect(connection(value)).toBeUndefined();
  });

  it.each([
    'content-length',
    'Content-Length',
    'keep-alive, content-length',
    'close,content-length',
    'content-length,',
    ',content-length',
    '\tcontent-length\t',
    'keep-alive,\tCONTENT-LENGTH',
    'authorization',
    'apikey',
    'host',
    'transfer-encoding',
    'x-consumer-id',
    'keep_alive',
    'keep-alive content-length',
    'keep-alive;content-length',
    '\x0bclose',
    '\u00a0close',
    '"close"',
    '__proto__',
  ])('%j is refused', (value) => {
    expect(connection(value)).toContain('Connection');
  });
});

describe('a path', () => {
  it.each([
    '/',
    '',
    '/api/v2/users/3e2a1b0c-0000-4000-8000-000000000000',
    '/api/v2/users?path=..%2f;',
    '/api/v2/flows/datatables/x/rows/100%25',
    '/api/v2/rows/Z%C3%BCrich%20HB',
    '/api/v2/rows/a%23b%3Fc',
    "/api/v2/a.b/c~d/(e)!*',=:@&$+",
    '/api/v2/.well-known/...',
    '/api/v2/rows/a%2Eb',
    '/api/v2/rows/%E2%82%AC%F0%9F%98%80%ed%9f%bf',
  ])('%j is let through', (value) => {
    expect(path(value)).toBeUndefined();
  });

  it.each([
    '/api/v2/analytics/..%2fusers',
    '/api/v2/analytics/..%2Fusers',
    '/api/v2/analytics/..;/users',
    '/api/v2/analytics%2f..%2fusers',
    '/api/v2/analytics/..%5cusers',
    '/api/v2/analytics\\users',
    '/api/v2/analytics/../users',
    '/api/v2/analytics/./users',
    '/api/v2/analytics/..',
    '/api/v2/analytics/%2e%2E/users',
    '/api/v2/analytics/.%2e',
    '/api/v2/analytics/%252e%252e/users',
    '/api/v2/analytics%252fusers',
    '/api/v2/analytics%255cusers',
    '/api/v2/analytics;a=b/users',
    '/api/v2/analytics%3Ba=b/users',
    '/api/v2/analytics%00/users',
    '/api/v2/analytics%0d%0a/users',
    '/api/v2/analytics%7f',
    '/api/v2/x%c0%af..%c0%afusers',
    '/api/v2/x%c1%9cusers',
    '/api/v2/x%ff',
    '/api/v2/x/..%e0%80%afusers',
    '/api/v2/x/..%F0%80%80%AFusers',
    '/api/v2/x%ed%a0%80',
    '/api/v2/x%c3',
    '/api/v2/x%e9y',
    '/api/v2/100%',
    '/api/v2/%zz',
    '/api/v2/a b',
    '/api/v2/\u00e9',
    '/api/v2/a\nb',
  ])('%j is refused', (value) => {
    expect(path(value)).toContain('path');
  });
});
