/** Which paths a pattern matches, and that no way of writing a path leads around one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePathPattern, servicePath } from './path-pattern.js';

const matches = (pattern: string, uri: string): boolean => compilePathPattern(pattern).matches(servicePath(uri));

describe('a pattern', () => {
  it.each([
    ['/api/v2/users', '/api/v2/users', true],
    ['/api/v2/users', '/api/v2/users/', true],
    ['/api/v2/users/', '/api/v2/users?pageSize=1', true],
    ['/api/v2/users', '/api/v2/users/12', false],
    ['/api/v2/users', '/api/v2/Users', false],
    ['/api/v2/users/{id}', '/api/v2/users/12', true],
    ['/api/v2/users/{id}', '/api/v2/users', false],
    ['/api/v2/users/{id}', '/api/v2/users/12/queues', false],
    ['/api/v2/users/{id}/queues', '/api/v2/users/12/queues', true],
    ['/api/v2/users/*', '/api/v2/users', true],
    ['/api/v2/users/*', '/api/v2/users/12/queues', true],
    ['/api/v2/users/*', '/api/v2/usersettings', false],
    ['/*', '/', true],
    ['/', '/', true],
    ['/', '/a', false],
    ['/a.b', '/aXb', false],
  ])('%s and %s: %s', (pattern, uri, expected) => {
    expect(matches(pattern, uri)).toBe(expected);
  });

  it.each(['', 'api', '/a?b', '/a#b', '/a//b', '/a*', '/*/b', '/a/{b}c', '/a/{}', '/{a/b}'])(
    '%s is refused',
    (pattern) => {
      expect(() => compilePathPattern(pattern)).toThrow(/^(must|may) /);
    },
  );
});

describe('the path of a request', () => {
  it.each([
    ['//api///v2/users', '/api/v2/users'],
    ['/api/./v2/x/../users', '/api/v2/users'],
    ['/../../api', '/api'],
    ['/api/v2/%75sers', '/api/v2/users'],
    ['/api/v2%2Fusers', '/api/v2/users'],
    ['/api/%2e%2E/users', '/users'],
    ['/api/%252e', '/api/%2e'],
    ['/api/%zz/%75', '/api/%zz/u'],
    ['/api/%ff/%75', '/api/\ufffd/u'],
    ['/api/x%c0%2f..%2fv2', '/api/v2'],
    ['/api;a=b/v2;c;d=e/users;', '/api/v2/users'],
    ['/api/x/..;/v2/;/users%3Ba=b', '/api/v2/users'],
    ['/api/%c3%bc%f0%9f%8e%89', '/api/ü🎉'],
    ['/ü', '/ü'],
    ['', '/'],
  ])('%s is %s', (uri, path) => {
    expect(servicePath(uri)).toBe(path);
  });

  it('is the same however it is written', () => {
    const segment = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const written = (text: string, choice: number): string => {
      if (choice === 1) return `${text}/.`;
      if (choice === 2) return `x/../${text}`;
      if (choice === 3) return `/${text}`;
      if (choice === 4) return [...text].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('');
      return text;
    };
    fc.assert(
      fc.property(fc.array(fc.tuple(segment, fc.nat(5)), { minLength: 1, maxLength: 6 }), (parts) => {
        const plain = `/${parts.map(([text]) => text).join('/')}`;
        const odd = `/${parts.map(([text, choice]) => written(text, choice)).join('/')}`;
        expect(servicePath(odd)).toBe(plain);
        expect(servicePath(`${odd}/?a=/b`)).toBe(plain);
      }),
    );
  });
});
