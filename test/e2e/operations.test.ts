/** What operators do beside the plugins: a wrong certificate, and new configurations under load. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runs } from '../../kong/testbed/runs.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { startConnectionLoad } from '../support/connection-load.js';
import { type GenesysGateway, KEY, startGenesysGateway } from './genesys-gateway.js';

const OPENSSL_MISSING = runs('openssl', 'version') ? undefined : 'no openssl';
const AUTHORITY_ID = '11111111-1111-4111-8111-111111111111';

let setup: GenesysGateway;
beforeAll(async () => {
  setup = await startGenesysGateway({ workers: 2 });
});
afterAll(() => setup?.close());

describe("a service's certificate", unless(OPENSSL_MISSING), () => {
  const folder = mkdtempSync(join(tmpdir(), 'tls-'));
  const file = (name: string): string => join(folder, name);
  const read = (name: string): string => readFileSync(file(name), 'utf8');
  const servers: Server[] = [];

  beforeAll(async () => {
    for (const name of ['ours', 'theirs']) {
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
      const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)];
      execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, ...subject], { stdio: 'ignore' });
    }
  });

  /** On a port of its own each time: Kong goes on using a connection that another configuration has verified. */
  async function startService(): Promise<number> {
    const server = createServer({ key: read('ours.key'), cert: read('ours.pem') }, (_, response) => response.end('{}'));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  afterAll(() => {
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['of an authority that the service names is taken', 'ours', 200],
    ['of another authority is refused', 'theirs', 502],
  ])('%s', async (_, authority, status) => {
    const port = await startService();
    await setup.reconfigure((config) => {
      config.ca_certificates = [{ id: AUTHORITY_ID, cert: read(`${authority}.pem`) }];
      config.services.push({
        name: 'tls',
        url: `https://localhost:${port}`,
        tls_verify: true,
        ca_certificates: [AUTHORITY_ID],
        routes: [{ name: 'tls', paths: [`/tls-${authority}`], plugins: [] } as never],
      });
    });
    // A path of its own: one of two workers may have the configuration of before for a moment, which must not answer.
    const statusNow = await waitFor('the worker to have the route', async () => {
      const response = await setup.get(`/tls-${authority}`);
      await response.arrayBuffer();
      return response.status !== 404 && response.status;
    });
    expect(statusNow).toBe(status);
  });
});

it('new configurations under load drop no request', async () => {
  const read = { method: 'GET', path: '/api/v2/tokens/me', headers: KEY };
  const load = startConnectionLoad(setup.gateway.url, 8, { read, write: read });
  for (let i = 0; i < 5; i += 1) {
    await setup.reconfigure((config) => {
      config.consumers?.push({ username: `svc-${i}` });
    });
    const before = load.sent.length;
    await waitFor('requests with the new configuration', () => load.sent.length > before + 40);
  }
  const sent = await load.stop();
  expect(sent.length).toBeGreaterThan(100);
  expect([...new Set(sent.map(({ status }) => status))]).toEqual([200]);
});
