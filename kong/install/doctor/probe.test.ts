/** The chain of a real TLS server, as it is seen by who trusts its authority and by who does not. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runs } from '../../testbed/runs.js';
import { unless } from '../../testbed/unless.js';
import { judgeCertificate, probe } from './probe.js';

const OPENSSL_MISSING = runs('openssl', 'version') ? undefined : 'no openssl';

describe('a certificate', unless(OPENSSL_MISSING), () => {
  const folder = mkdtempSync(join(tmpdir(), 'probe-'));
  let server: Server;
  let url: URL;
  let received: string[];

  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const keyed = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

  beforeAll(async () => {
    const authority = ['-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=company-ca', '-days', '400'];
    openssl('req', '-x509', ...keyed, ...authority, '-addext', 'basicConstraints=critical,CA:TRUE');
    openssl('req', ...keyed, '-keyout', 'host.key', '-out', 'host.csr', '-subj', '/CN=host');
    writeFileSync(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1');
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names', '-days', '10'];
    openssl('x509', '-req', '-in', 'host.csr', '-out', 'host.pem', ...signed);
    received = [];
    server = createServer({ key: read('host.key'), cert: read('host.pem') + read('ca.pem') }, (request, response) => {
      received.push(`${request.method} ${request.url} ${request.headers.authorization}`);
      response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/oauth/token`);
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('of an authority that is not known fails with its name, and nothing secret is sent', async () => {
    const finding = judgeCertificate(await probe(url, undefined, 5000), false, Date.now());
    expect(finding).toMatchObject({ level: 'fail', what: expect.stringContaining('signed by company-ca') });
    expect(finding.fix).toContain('ca_file');
    expect(received).toEqual(['HEAD / undefined']);
  });

  it('is trusted on the way that knows the authority, and soon expires', async () => {
    const facts = await probe(url, new Agent({ ca: read('ca.pem') }), 5000);
    expect(facts).toMatchObject({ localAddress: '127.0.0.1', certificate: { untrusted: undefined } });
    expect(judgeCertificate(facts, false, Date.now())).toMatchObject({ level: 'warn' });
  });

  it('of another name is not trusted', async () => {
    const other = new URL(url);
    other.hostname = 'localhost';
    const facts = await probe(other, new Agent({ ca: read('ca.pem'), family: 4 }), 5000);
    expect(facts).toMatchObject({ certificate: { untrusted: 'ERR_TLS_CERT_ALTNAME_INVALID' } });
  });
});
