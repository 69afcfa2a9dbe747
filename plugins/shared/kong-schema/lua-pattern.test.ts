import { expect, it } from 'vitest';
import { luaMatches } from './lua-pattern.js';

it.each([
  ['^[%w_.-]+$', ['aZ9', '_.-'], ['', 'a b', 'a\n', 'ä', 'a{b}']],
  ["^[%w!#$%%&'*+^_`|~-]+$", ["!#$%&'*+^_`|~-"], ['a.b', 'a:', '"']],
  ['^%u+$', ['GET', 'AZ'], ['get', 'GET ']],
  ['^~?/', ['/', '~/a'], ['a/', '~~/']],
  ['^[1-9]%d*p[sm]$', ['10ps', '3pm'], ['0ps', '10px', 'ps']],
  ['^[^:]+:.*$', ['a:', 'a:b\nc'], [':b', 'ab']],
  ['a.-b', ['xaccb'], ['ba']],
  ['^..$', ['ab', 'ä'], ['a', 'äb']],
  ['^%W$', ['-'], ['a']],
])('%s', (pattern, matching, others) => {
  for (const text of matching) expect([text, luaMatches(pattern, text)]).toEqual([text, true]);
  for (const text of others) expect([text, luaMatches(pattern, text)]).toEqual([text, false]);
});

it.each(['%b()', '%f[%w]', '(a)%1', '[a', '[]', '[^]', 'a%', '[%W]'])('%s cannot be translated', (pattern) => {
  expect(() => luaMatches(pattern, 'a')).toThrow(pattern);
});
