/** docs/user-apps.md, "Try it with the simulator": its lines, as a newcomer pastes them. Only the ports are others. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DEFAULT_CLIENT, DEMO_APP, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { codeBlocks } from '../../kong/testbed/markdown.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { runs } from '../../kong/testbed/runs.js';
import { unless } from '../../kong/testbed/unless.js';
import { startGateway } from './gateway.js';

const MISSING = ['curl --version', 'openssl version']
  .map((line) => line.split(' '))
  .filter(([command = '', ...args]) => !runs(command, ...args))
  .map(([command]) => `no ${command}`)[0];
const folder = mkdtempSync(join(tmpdir(), 'user-apps-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const shell = async (script: string): Promise<string> =>
  (await promisify(execFile)('sh', ['-euc', script], { cwd: folder })).stdout;

describe('the page for apps with users', unless(MISSING), () => {
  it('has lines that work as they are', async () => {
    const page = readFileSync(join(ROOT, 'docs/user-apps.md'), 'utf8');
    const [configure = '', tryIt = ''] = codeBlocks(page)
      .filter(({ language }) => language === 'sh')
      .map(({ text }) => text);
    const genesys = await startGenesysCloud({ clients: [DEFAULT_CLIENT, DEMO_APP] });
    const here = (script: string): string => script.replaceAll('http://127.0.0.1:8090', genesys.url);
    const [sed = ''] = configure.split('npm start');
    await shell(here(sed).replace('examples/', `${ROOT}/examples/`));
    const config = parse(readFileSync(join(folder, 'user-tokens.yml'), 'utf8')) as Record<string, unknown>;
    const gateway = await startGateway({ config, plugins: PLUGINS });
    try {
      const answers = await shell(here(tryIt).replaceAll('http://127.0.0.1:8000', gateway.url));
      expect(answers).toMatch(/^\{"id":"[0-9a-f-]{36}","name":"[^"]+".*\{"message":"Invalid login credentials\./s);
      expect(genesys.control.counts().byPath['DELETE /api/v2/tokens/me']).toBe(1);
    } finally {
      await gateway.close();
      await genesys.close();
    }
  });
});
