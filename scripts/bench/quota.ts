/** genesys-quota against Kong's bundled rate-limiting: the same limit by consumer on the same service, local and in Redis. */
import { REDIS_MISSING, startRedis } from '../../test/support/redis-server.js';
import { PLUGINS } from '../plugin-servers.js';
import { type Row, type RowResult, runRows } from './kong-rows.js';
import { startStaticUpstream } from './static-upstream.js';

/** So high that nothing is refused. */
const LIMIT = 1_000_000_000;
const PATH = '/users';
const WITHOUT_LOG = 'genesys-quota-without-log';

/** Runs the rows; those with Redis only where there is one. */
export async function benchQuota(): Promise<Map<string, RowResult>> {
  const upstream = await startStaticUpstream({ [PATH]: JSON.stringify({ entities: [] }) });
  const redis = REDIS_MISSING === undefined ? await startRedis() : undefined;
  try {
    const row = (name: string, plugin?: string, config: Record<string, unknown> = {}): Row => ({
      name,
      path: PATH,
      plugins: [{ name: 'key-auth', config: {} }, ...(plugin === undefined ? [] : [{ name: plugin, config }])],
    });
    const bundled = { minute: LIMIT };
    const ours = { limits: [{ name: 'share', limit: LIMIT }] };
    const address = { host: '127.0.0.1', port: redis?.port };
    const rows = [
      row('no plugin'),
      row('rate-limiting, local', 'rate-limiting', { ...bundled, policy: 'local' }),
      row('genesys-quota, local', 'genesys-quota', { ...ours, policy: 'local' }),
      row('genesys-quota --without-log, local', WITHOUT_LOG, { ...ours, policy: 'local' }),
      ...(redis === undefined
        ? []
        : [
            row('rate-limiting, redis', 'rate-limiting', { ...bundled, policy: 'redis', redis: address }),
            row('genesys-quota, redis', 'genesys-quota', { ...ours, policy: 'redis', redis: address }),
            row('genesys-quota --without-log, redis', WITHOUT_LOG, { ...ours, policy: 'redis', redis: address }),
          ]),
    ];
    const servers = PLUGINS.filter(({ name }) => name === 'genesys-quota').flatMap((plugin) => [
      plugin,
      { ...plugin, name: WITHOUT_LOG, args: ['--without-log', '--name', WITHOUT_LOG] },
    ]);
    return await runRows(rows, { upstreamUrl: upstream.url, servers, connections: 16, rounds: 5, roundMs: 3000 });
  } finally {
    await redis?.stop();
    await upstream.close();
  }
}
