/** The access phase with a Kong of its own making: who gets a token, and what everyone else is told. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { jwtVerify } from 'jose';
import { expect, it } from 'vitest';
import { runPhase } from '../runtime/run-phase.js';
import { BARE_HOST } from '../shared/host.js';
import type { Kong } from '../shared/pdk.js';
import { accessStep } from './access.js';
import { readConfig } from './config.js';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const config = readConfig({ key_id: 'k1', signing_key: pem }, BARE_HOST);
const nowMs = 1_700_000_000_999;

interface Request {
  method?: string;
  credential?: { id: string } | undefined;
  username?: string;
  body?: string | Error;
  length?: string;
}

async function ask(request: Request) {
  const { method = 'POST', username = 'svc-crm', body = 'grant_type=client_credentials', length } = request;
  const credential = 'credential' in request ? request.credential : { id: 'c' };
  let exit: [number, string, Record<string, string>] | undefined;
  let bodyRead = false;
  const kong = {
    request: {
      getMethod: async () => method,
      getHeader: async () => length,
      getRawBody: async () => {
        bodyRead = true;
        if (body instanceof Error) throw body;
        return Buffer.from(body);
      },
    },
    client: { getCredential: async () => credential, getConsumer: async () => ({ id: 'u', username }) },
    log: { warn: async () => undefined },
    response: {
      exit: async (...args: [number, string, Record<string, string>]) => {
        exit = args;
      },
    },
  };
  const step = accessStep(config, { nowMs: () => nowMs, uniqueId: () => 'unique' });
  await runPhase([step], kong as unknown as Kong);
  if (exit === undefined) throw new Error('the request went on');
  const [status, text, headers] = exit;
  return { status, body: JSON.parse(text) as Record<string, unknown>, headers, bodyRead };
}

it('gives a consumer a token of its own', async () => {
  const { status, body, headers } = await ask({});
  expect([status, headers['Cache-Control']]).toEqual([200, 'no-store']);
  expect(body).toMatchObject({ token_type: 'bearer', expires_in: 3600 });
  const { payload } = await jwtVerify(String(body.access_token), createPublicKey(privateKey), {
    currentDate: new Date(nowMs),
  });
  expect(payload).toEqual({
    iss: 'svc-crm:k1',
    jti: 'unique',
    iat: 1_700_000_000,
    nbf: 1_699_999_940,
    exp: 1_700_003_600,
  });
});

it.each<[string, Request, number, string]>([
  ['whoever has no credential', { credential: undefined }, 401, 'invalid_client'],
  ['a consumer without user name', { username: '' }, 400, 'unauthorized_client'],
  ['another method, whoever asks', { method: 'GET', credential: undefined }, 405, 'invalid_request'],
  ['another grant', { body: 'grant_type=password' }, 400, 'unsupported_grant_type'],
  ['no grant', { body: '' }, 400, 'invalid_request'],
  ['a body that says it is large', { length: '8193' }, 413, 'invalid_request'],
  ['a body that is large', { body: 'x'.repeat(8193) }, 413, 'invalid_request'],
  ['a body that Kong has spilled', { body: new Error('too large') }, 413, 'invalid_request'],
])('refuses %s', async (_what, request, status, error) => {
  const answer = await ask(request);
  expect(answer.status).toBe(status);
  expect(answer.headers).toMatchObject({ 'Cache-Control': 'no-store', 'Content-Type': expect.stringMatching(/json/) });
  expect(answer.body).toEqual({ error, description: expect.any(String), error_description: answer.body.description });
  expect(answer.body).not.toHaveProperty('access_token');
});

it('does not read the body of someone who is not known', async () => {
  expect((await ask({ credential: undefined })).bodyRead).toBe(false);
});

it('names what is allowed, as RFC 9110 and RFC 6749 want it', async () => {
  expect((await ask({ method: 'DELETE' })).headers.Allow).toBe('POST');
  expect((await ask({ credential: undefined })).headers['WWW-Authenticate']).toMatch(/^Basic /);
});
