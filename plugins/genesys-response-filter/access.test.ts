/** The access phase: one round trip, and nothing more for a request that Kong will buffer. */
import { expect, it } from 'vitest';
import { guarded } from '../../test/support/guarded.js';
import { runPhase } from '../runtime/run-phase.js';
import type { Kong } from '../shared/pdk.js';
import { accessStep } from './access.js';
import { createTotals } from './metrics.js';

function fakeKong(variables: Record<string, string>) {
  const calls: unknown[][] = [];
  const kong = {
    nginx: {
      getVar: guarded(async (name: string) => {
        calls.push(['getVar', name]);
        return variables[name] ?? '';
      }),
    },
    response: {
      exit: async (...args: unknown[]) => {
        calls.push(['exit', ...args]);
      },
    },
  };
  return { kong: kong as unknown as Kong, calls };
}

it('lets requests go on', async () => {
  const { kong, calls } = fakeKong({});
  await runPhase([accessStep(createTotals())], kong);
  expect(calls).toEqual([['getVar', 'upstream_upgrade']]);
});

it('refuses a request for another protocol with 400', async () => {
  const { kong, calls } = fakeKong({ upstream_upgrade: 'websocket', kong_request_id: 'request-1' });
  await runPhase([accessStep(createTotals())], kong);
  const [method, status, body, headers] = calls.at(-1) ?? [];
  expect([method, status, headers]).toEqual(['exit', 400, { 'Content-Type': 'application/json; charset=utf-8' }]);
  expect(JSON.parse(body as string)).toMatchObject({
    code: 'gateway.response.blocked',
    status: 400,
    contextId: 'request-1',
    details: [],
    errors: [],
  });
});
