/** What is left unread, since it can hold nothing: ids, times, paths of ids. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isNeutral } from './neutral.js';

const segment = fc.oneof(
  fc.stringMatching(/^[a-z]{1,24}$/),
  fc.stringMatching(/^v\d$/),
  fc.uuid().map((id) => id.toLowerCase()),
);
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => `/${segments.join('/')}`);

it('a path of words and ids, in which no e-mail address can stand in base64, wherever the decoding begins', () => {
  fc.assert(
    fc.property(path, (text) => {
      expect(isNeutral(text)).toBe(true);
      for (let start = 0; start < 4; start += 1) {
        expect(Buffer.from(text.slice(start), 'base64').includes('@')).toBe(false);
      }
    }),
    { numRuns: 2000 },
  );
});

it.each([
  '/api/v2/users/am9obkB4LmRl',
  '/api/v2/users/212-555-0100',
  '/api/v2/users/2125550100',
  '/api/v2/users?email=a@b.de',
  '/api/v2/users/a@b.de',
  '/api/v2/users/%61',
  '/api/v2/users/7EA10BAA-D938-4971-996C-9A7866E46E05',
  '/',
  '//',
  `/${'a/'.repeat(200)}a`,
])('not %s', (text) => {
  expect(isNeutral(text)).toBe(false);
});
