/**
 * The examples, as a newcomer tries them: each file passes the check, a gateway takes it, and its curl lines are answered as
 * it says. Only the addresses of Genesys Cloud and of the CRM are others.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { APP_CLIENT, call, login, loginUser, read } from '../../kong/testbed/genesys-cloud/testing.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { unless } from '../../kong/testbed/unless.js';
import { openAuditLog } from '../support/audit-log.js';
import { type EchoServer, startEchoServer } from '../support/echo-server.js';
import { type Gateway, startGateway } from './gateway.js';

const run = promisify(execFile);
const FOLDER = join(ROOT, 'examples');
const EXAMPLES = readdirSync(FOLDER).filter((name) => name.endsWith('.yml'));
const CURL_MISSING = await run('curl', ['--version']).then(
  () => undefined,
  () => 'curl is not installed',
);

/** A line that a newcomer types, the status of its answer, and a part of the body. */
interface Line {
  command: string;
  status: string;
  part: string;
}

const linesOf = (text: string): Line[] =>
  [...text.matchAll(/^# {3}(curl .*?) +# (\d{3}) ?(.*)$/gm)].map(([, command = '', status = '', part = '']) => ({
    command,
    status,
    part,
  }));

it('there are seven, each with lines to try', () => {
  expect(EXAMPLES).toHaveLength(7);
  for (const name of EXAMPLES) {
    expect(linesOf(readFileSync(join(FOLDER, name), 'utf8')).length, name).toBeGreaterThanOrEqual(2);
  }
});

it.each(EXAMPLES)('%s passes the check, but for the key that is to be changed', async (name) => {
  const check = join(ROOT, 'dist/scripts/check-config.js');
  const { stdout } = await run(process.execPath, [check, '--skip-rule', 'literal-secret', join(FOLDER, name)]);
  expect(stdout).toMatch(/no fault$/m);
});

describe.each(EXAMPLES)('%s', (name) => {
  const text = readFileSync(join(FOLDER, name), 'utf8');
  const folder = mkdtempSync(join(tmpdir(), 'example-'));
  const audit = openAuditLog(join(folder, 'stdout'));
  let genesys: GenesysCloud;
  let crm: EchoServer;
  let gateway: Gateway;
  let token: string;

  beforeAll(async () => {
    const clients = [DEFAULT_CLIENT, APP_CLIENT];
    [genesys, crm] = await Promise.all([startGenesysCloud({ clients }), startEchoServer()]);
    const isForUsers = text.includes('genesys-user-token');
    token = isForUsers ? await loginUser(genesys) : await login(genesys);
    const { id } = await read<{ id: string }>(call(genesys, token, '/api/v2/organizations/me'));
    const local = text
      .replaceAll('https://api.mypurecloud.com:443', genesys.url)
      .replaceAll('https://crm.example.com:443', crm.url)
      .replaceAll('region: us_east_1', isForUsers ? `api_url: ${genesys.url}` : `token_url: ${genesys.tokenUrl}`)
      .replaceAll('00000000-0000-4000-8000-000000000001', id)
      .replaceAll('00000000-0000-4000-8000-000000000002', APP_CLIENT.clientId)
      .replaceAll('tls_verify: true', '');
    writeFileSync(audit.path, '');
    gateway = await startGateway({
      config: parse(local),
      plugins: PLUGINS.map((plugin) => ({ ...plugin, args: ['--stdout', audit.path] })),
      env: {
        GENESYS_CLIENT_ID: DEFAULT_CLIENT.clientId,
        GENESYS_CLIENT_SECRET: DEFAULT_CLIENT.clientSecret,
        PROD_CRM_BEARER: 'bearer-of-crm',
      },
    });
  });
  afterAll(async () => {
    await gateway?.close();
    await genesys?.close();
    await crm?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is answered as it says', unless(CURL_MISSING), async () => {
    for (const { command, status, part } of linesOf(text)) {
      const here = command.replace('http://localhost:8000', gateway.url).replace('curl', "curl -w '\\n%{http_code}'");
      const { stdout } = await run('sh', ['-c', here], { env: { ...process.env, TOKEN: token } });
      expect(stdout.slice(-3), command).toBe(status);
      expect(stdout).toContain(part);
      // Nobody but the service sees a credential.
      expect(stdout).not.toContain(DEFAULT_CLIENT.clientSecret);
    }
    if (!text.includes('type: stdout')) return;
    await audit.waitForEntries(2);
    expect(audit.text()).toContain('"method":"GET"');
    expect(audit.text()).not.toMatch(/Zoe|@|Bearer/);
  });
});
