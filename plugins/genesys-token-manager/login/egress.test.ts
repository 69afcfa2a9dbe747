/** The way to login over real TLS and a real proxy, with certificates made by openssl: what is trusted, what is refused. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runs } from '../../../kong/testbed/runs.js';
import { unless } from '../../../kong/testbed/unless.js';
import { readClient } from '../../../test/support/token-manager-config.js';
import { BARE_HOST } from '../../shared/host.js';
import { realEffects } from '../effects.js';
import { requestToken } from './request.js';

const OPENSSL_MISSING = runs('openssl', 'version') ? undefined : 'no openssl';

let folder: string;
const servers: Server[] = [];
/** What login received. */
let received: { authorization: string | undefined; body: string }[];
/** What the proxy was asked to connect to. */
let proxied: { target: string | undefined; authorization: string | undefined }[];

beforeAll(() => {
  if (OPENSSL_MISSING !== undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'tls-'));
  makeAuthority('ca');
  makeAuthority('other-ca');
  makeCertificate('good', 'DNS:localhost,IP:127.0.0.1');
  makeCertificate('wrong-name', 'DNS:login.example');
  makeCertificate('proxy-only', 'DNS:localhost');
  makeCertificate('expired', 'DNS:localhost,IP:127.0.0.1', -1);
});
afterAll(() => {
  for (const server of servers) server.close();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});
beforeEach(() => {
  received = [];
  proxied = [];
});

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
}

function makeAuthority(name: string): void {
  const subject = ['-subj', `/CN=${name}`, '-days', '2', '-addext', 'basicConstraints=critical,CA:TRUE'];
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.pem`,
    ...subject,
  );
}

/** @param days of its validity, from now */
function makeCertificate(name: string, names: string, days = 2): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
  openssl('req', '-new', ...key, '-subj', `/CN=${name}`, '-out', `${name}.csr`);
  writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${names}`);
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${name}.ext`];
  openssl('x509', '-req', '-in', `${name}.csr`, ...signed, '-out', `${name}.pem`, '-days', String(days));
}

/** Starts login with a certificate; answers the URL of its token endpoint. */
async function startLogin(certificate: string): Promise<string> {
  const files = {
    key: readFileSync(join(folder, `${certificate}.key`)),
    cert: readFileSync(join(folder, `${certificate}.pem`)),
  };
  const server = createHttpsServer(files, (request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      received.push({ authorization: request.headers.authorization, body });
      response.end(JSON.stringify({ access_token: 'the-token', token_type: 'bearer', expires_in: 3600 }));
    });
  });
  return `https://127.0.0.1:${await listen(server)}/oauth/token`;
}

/** Starts an HTTP proxy that tunnels (CONNECT, RFC 9110 9.3.6), or answers as told; returns its port. */
async function startProxy(refusal?: string): Promise<number> {
  const server = createHttpServer();
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    if (refusal !== undefined) {
      client.end(refusal);
      return;
    }
    proxied.push({ target: request.url, authorization: request.headers['proxy-authorization'] });
    const [host, port] = (request.url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
  });
  return listen(server);
}

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function ask(token_url: string, settings: Record<string, unknown> = {}) {
  const raw = { client_id: 'id', client_secret: 'the-secret', token_url, ...settings };
  return requestToken(readClient(raw, { ...BARE_HOST, secretsDirs: [folder] }).client, 5000, realEffects);
}

const ca = (name: string) => ({ ca_file: join(folder, `${name}.pem`) });

describe('login over TLS', unless(OPENSSL_MISSING), () => {
  it('is trusted if ca_file holds its authority', async () => {
    expect(await ask(await startLogin('good'), ca('ca'))).toMatchObject({ kind: 'granted', value: 'the-token' });
  });

  it.each([
    ['whose authority nobody knows', 'good', () => ({}), /UNABLE_TO_(VERIFY_LEAF|GET_ISSUER)/],
    ['of another authority', 'good', () => ca('other-ca'), /UNABLE_TO_(VERIFY_LEAF|GET_ISSUER)/],
    ['with another name', 'wrong-name', () => ca('ca'), /ERR_TLS_CERT_ALTNAME_INVALID/],
    ['that has expired', 'expired', () => ca('ca'), /CERT_HAS_EXPIRED/],
  ])('%s is refused, and gets no credentials', async (_, certificate, settings, reason) => {
    const outcome = await ask(await startLogin(certificate), settings());
    expect(outcome).toMatchObject({ kind: 'fault', retryable: true, reason: expect.stringMatching(reason) });
    expect(received).toEqual([]);
  });
});

describe('login through a proxy', unless(OPENSSL_MISSING), () => {
  it('is tunnelled, verified, and the proxy sees its own credentials only', async () => {
    const url = await startLogin('good');
    const proxy_url = `http://user:p%40ss@127.0.0.1:${await startProxy()}`;
    expect(await ask(url, { ...ca('ca'), proxy_url })).toMatchObject({ kind: 'granted' });
    const { host } = new URL(url);
    expect(proxied).toEqual([{ target: host, authorization: `Basic ${btoa('user:p@ss')}` }]);
    expect(received).toEqual([{ authorization: `Basic ${btoa('id:the-secret')}`, body: expect.any(String) }]);
  });

  it.each([
    ['127.0.0.1', true],
    ['*', true],
    ['login.example', false],
    ['127.0.0.1:1', false],
  ])('is not tunnelled if no_proxy names its host: %s', async (entry, isDirect) => {
    const proxy_url = `http://127.0.0.1:${await startProxy()}`;
    const settings = { ...ca('ca'), proxy_url, no_proxy: ['other.example', entry] };
    expect(await ask(await startLogin('good'), settings)).toMatchObject({ kind: 'granted' });
    expect(proxied).toHaveLength(isDirect ? 0 : 1);
  });

  it.each([
    ['unknown', 'good', {}],
    ['of another name', 'wrong-name', 'ca'],
  ])('with a certificate %s is refused', async (_, certificate, authority) => {
    const settings = typeof authority === 'string' ? ca(authority) : authority;
    const proxy_url = `http://127.0.0.1:${await startProxy()}`;
    const outcome = await ask(await startLogin(certificate), { ...settings, proxy_url });
    expect(outcome).toMatchObject({ kind: 'fault', retryable: true });
    expect(proxied).toHaveLength(1);
    expect(received).toEqual([]);
  });

  it.each([
    ['that forbids the tunnel', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'],
    [
      'that plays login',
      'HTTP/1.1 201 Created\r\nContent-Length: 62\r\n\r\n{"access_token":"forged","token_type":"bearer","expires_in":99}',
    ],
  ])('%s gets nowhere', async (_, answer) => {
    const proxy_url = `http://127.0.0.1:${await startProxy(answer)}`;
    const outcome = await ask(await startLogin('good'), { ...ca('ca'), proxy_url });
    expect(outcome).toMatchObject({ kind: 'fault', reason: 'login could not be reached (PROXY_REFUSED)' });
  });

  it('by the name of the proxy is not login', async () => {
    const proxy_url = `http://localhost:${await startProxy()}`;
    const outcome = await ask(await startLogin('proxy-only'), { ...ca('ca'), proxy_url });
    expect(outcome).toMatchObject({ reason: 'login could not be reached (ERR_TLS_CERT_ALTNAME_INVALID)' });
    expect(proxied).toHaveLength(1);
    expect(received).toEqual([]);
  });

  it('that is down is a trouble, told without the password of the proxy', async () => {
    const outcome = await ask(await startLogin('good'), { ...ca('ca'), proxy_url: 'http://user:secret@127.0.0.1:9' });
    expect(outcome).toEqual({ kind: 'fault', retryable: true, reason: 'login could not be reached (ECONNREFUSED)' });
  });
});

describe('the token request', unless(OPENSSL_MISSING), () => {
  it('holds id and secret in its body with auth_method post, and further parameters', async () => {
    const settings = { ...ca('ca'), auth_method: 'post', scope: 's', extra_params: { audience: 'https://crm/?a&b' } };
    await ask(await startLogin('good'), settings);
    const [request] = received;
    expect(request?.authorization).toBeUndefined();
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'id',
      client_secret: 'the-secret',
      scope: 's',
      audience: 'https://crm/?a&b',
    });
  });
});
