import { expect, it } from 'vitest';
import { formatRegionMark, parseRegionMark } from './mark.js';

const NAMES = ['eu-central_1', 'us.east'];

it.each([
  { index: 0, epoch: 0, isProbe: false },
  { index: 1, epoch: 12, isProbe: true },
])('what is left is what is read: %j', (choice) => {
  expect(parseRegionMark(formatRegionMark(NAMES[choice.index] ?? '', choice), NAMES)).toEqual(choice);
});

it.each([null, '', 'refused', 'gone/1', 'us.east/', 'us.east/1/other', 7, {}])('%j is no mark', (value) => {
  expect(parseRegionMark(value, NAMES)).toBeUndefined();
});
