/**
 * A stand-in for Konnect, as decK 1.56 speaks to it: a proxy that leads Konnect's names to this machine, the organisation,
 * the list of control planes, and the Admin API of one of them, which a real Kong answers.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer as createProxy } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Server } from 'node:net';
import { join } from 'node:path';

export interface Konnect {
  /** What leads a process here. */
  env: Record<string, string>;
  /** Requests that were sent without the token, or with what is not for Konnect. */
  strangers: string[];
  /** The names that were asked for. */
  hosts: Set<string>;
  close(): void;
}

const ID = '8a1f2c7e-0d3b-4f6a-9c55-2b1e7d9f4a60';
const BASE = `/v2/control-planes/${ID}/core-entities`;
const LISTS = /^\/(?:konnect-api\/api\/runtime_groups|v2\/control-planes)(?:\?|$)/;

/**
 * Starts it. Needs openssl.
 * @param adminUrl of the Kong that is the control plane with this name
 * @param folder for its certificate
 */
export async function startKonnect(adminUrl: string, name: string, token: string, folder: string): Promise<Konnect> {
  const [key, cert] = [join(folder, 'konnect.key'), join(folder, 'konnect.pem')];
  const names = ['-subj', '/CN=konnect', '-addext', 'subjectAltName=DNS:*.api.konghq.com'];
  const keyed = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...keyed, ...names], { stdio: 'pipe' });
  const strangers: string[] = [];
  const hosts = new Set<string>();

  const api = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, async (request, response) => {
    const { method = '', url = '', headers } = request;
    const isOurs = headers.authorization === `Bearer ${token}` && headers['kong-admin-token'] === undefined;
    if (!isOurs) strangers.push(`${method} ${url}`);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    // Kong lists targets by upstream only. There are none.
    if (url.startsWith(BASE) && !url.startsWith(`${BASE}/targets`)) {
      // decK reads defaults from either way that a schema is written in.
      const path = url.slice(BASE.length).replace(/^\/v1\/schemas\/json\/(\w+)$/, '/schemas/$1s');
      const answer = await fetch(`${adminUrl}${path}`, {
        method,
        headers: { 'content-type': headers['content-type'] ?? 'application/json' },
        ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
      });
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(Buffer.from(await answer.arrayBuffer()));
      return;
    }
    const list = LISTS.test(url) ? [{ id: ID, name }] : url.startsWith(BASE) ? [] : undefined;
    const body = list === undefined ? { id: 'o', name: 'organisation' } : { data: list };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  const proxy = createProxy();
  proxy.on('connect', ({ url = '' }, client) => {
    hosts.add(url);
    const server = connect(portOf(api), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(server).pipe(client);
    });
    server.on('error', () => client.destroy());
    client.on('error', () => server.destroy());
  });
  for (const server of [api, proxy]) await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = `http://127.0.0.1:${portOf(proxy)}`;
  return {
    env: { HTTPS_PROXY: address, https_proxy: address, NO_PROXY: '', no_proxy: '', SSL_CERT_FILE: cert },
    strangers,
    hosts,
    close() {
      api.closeAllConnections();
      api.close();
      proxy.closeAllConnections();
      proxy.close();
    },
  };
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
