/** The mark that tells other plugins which token a request carries. */
import { expect, it } from 'vitest';
import { formatTokenMark, parseTokenMark } from './token-mark.js';

it('comes back as it was left', () => {
  const mark = { ref: 'a/b', poolSize: 12 };
  expect(parseTokenMark(formatTokenMark(mark))).toEqual(mark);
});

it.each([null, true, 5, '', 'ref', 'ref/0', 'ref/-1', 'ref/x', '/3'])('is not made up from %j', (value) => {
  expect(parseTokenMark(value)).toBeUndefined();
});
