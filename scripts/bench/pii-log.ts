/**
 * What genesys-pii-log costs: the same service without it, with Kong's bundled file-log, and with its variants, for a short
 * and a long answer, entries to a file. The log is written after the answer, so the processor time of a request is the
 * figure that other load on the machine disturbs least.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_CLIENT, startGenesysCloud } from '../../test/genesys-cloud/index.js';
import { PLUGINS } from '../plugin-servers.js';
import { type Row, type RowResult, runRows } from './kong-rows.js';
import { startStaticUpstream } from './static-upstream.js';

const UNBUFFERED = 'genesys-pii-log-unbuffered';
/** Elements of the simulator's pages of users: about 1 KB, and 25, which is Genesys' default. */
const PAGES = { '/users/1': 1, '/users/25': 25 };

/**
 * Runs the rows.
 * @param connections many show what a gateway can take; one shows what a request waits for when there is time
 */
export async function benchPiiLog(connections = 16, rounds = 5): Promise<Map<string, RowResult>> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-log-'));
  const files = await pagesOfUsers();
  const upstream = await startStaticUpstream(files);
  try {
    const sinks = [{ type: 'file', path: join(folder, 'audit.log') }];
    const row = (name: string, path: string, plugin?: string, config: Record<string, unknown> = {}): Row => ({
      name: `${Buffer.byteLength(files[path] ?? '')} bytes, ${name}`,
      path,
      plugins: [{ name: 'key-auth', config: {} }, ...(plugin === undefined ? [] : [{ name: plugin, config }])],
    });
    const rows = Object.keys(PAGES).flatMap((path) => [
      row('no log', path),
      row('file-log of Kong', path, 'file-log', { path: join(folder, 'file.log') }),
      row('genesys-pii-log', path, 'genesys-pii-log', { sinks }),
      row('genesys-pii-log, no response body', path, 'genesys-pii-log', { sinks, log_response_body: false }),
      row('genesys-pii-log --without-bodies', path, UNBUFFERED, { sinks }),
    ]);
    const args = ['--log-dir', folder];
    const servers = PLUGINS.filter(({ name }) => name === 'genesys-pii-log').flatMap((plugin) => [
      { ...plugin, args },
      { ...plugin, name: UNBUFFERED, args: [...args, '--without-bodies', '--name', UNBUFFERED] },
    ]);
    return await runRows(rows, { upstreamUrl: upstream.url, servers, connections, rounds, roundMs: 2000 });
  } finally {
    await upstream.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function pagesOfUsers(): Promise<Record<string, string>> {
  const genesys = await startGenesysCloud({ rateLimitPerMinute: 0 });
  try {
    const { clientId, clientSecret } = DEFAULT_CLIENT;
    const credentials = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
    const login = await fetch(genesys.tokenUrl, {
      method: 'POST',
      headers: { Authorization: `Basic ${credentials}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    const { access_token: token } = (await login.json()) as { access_token: string };
    const pages = await Promise.all(
      Object.entries(PAGES).map(async ([path, pageSize]): Promise<[string, string]> => {
        const headers = { Authorization: `Bearer ${token}` };
        return [path, await (await fetch(`${genesys.url}/api/v2/users?pageSize=${pageSize}`, { headers })).text()];
      }),
    );
    return Object.fromEntries(pages);
  } finally {
    await genesys.close();
  }
}
