import { expect, it } from 'vitest';
import { contextOf } from './tracer.js';

const ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = '00f067aa0ba902b7';

it.each([
  [`00-${TRACE}-${PARENT}-01`, { traceId: TRACE, parentId: PARENT, requestId: ID }],
  [`00-${TRACE}-${PARENT}-03`, { traceId: TRACE, parentId: PARENT, requestId: ID }],
  // A later version may add fields.
  [`01-${TRACE}-${PARENT}-01-what-comes`, { traceId: TRACE, parentId: PARENT, requestId: ID }],
  [`00-${TRACE}-${PARENT}-00`, null],
  [undefined, { traceId: ID, parentId: undefined, requestId: ID }],
  // What is no header of W3C's counts as none.
  [`ff-${TRACE}-${PARENT}-01`, { traceId: ID, parentId: undefined, requestId: ID }],
  [`00-${'0'.repeat(32)}-${PARENT}-01`, { traceId: ID, parentId: undefined, requestId: ID }],
  [`00-${TRACE}-${'0'.repeat(16)}-01`, { traceId: ID, parentId: undefined, requestId: ID }],
  [`00-${TRACE.toUpperCase()}-${PARENT}-01`, { traceId: ID, parentId: undefined, requestId: ID }],
  [`x00-${TRACE}-${PARENT}-01`, { traceId: ID, parentId: undefined, requestId: ID }],
])('takes the parent from %s', (header, context) => {
  expect(contextOf(ID, header, 1)).toEqual(context);
});

it('traces nothing without an id of Kong', () => {
  expect(contextOf('', `00-${TRACE}-${PARENT}-01`, 1)).toBeNull();
});

it('traces the share of requests that it is told', () => {
  const ids = Array.from({ length: 1000 }, (_, index) => index.toString(16).padStart(3, '0').repeat(11).slice(0, 32));
  const share = (ratio: number): number => ids.filter((id) => contextOf(id, undefined, ratio) !== null).length;
  expect([share(0), share(1)]).toEqual([0, 1000]);
  expect(share(0.05)).toBeGreaterThan(0);
  expect(share(0.05)).toBeLessThan(share(0.2));
});
