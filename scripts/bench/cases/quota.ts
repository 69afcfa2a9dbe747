/** genesys-quota against Kong's bundled rate-limiting: the same limit by consumer on the same service, local and in Redis. */
import { REDIS_MISSING, startRedis } from '../../../kong/testbed/redis-server.js';
import type { GatewayKind } from '../gateways.js';
import type { Row } from '../rows.js';
import { bothServers, ourName, ourServer } from '../variants.js';
import { type CaseResult, onKong, resultOf } from './result.js';

const PLUGIN = 'genesys-quota';
const WITHOUT_LOG = `${PLUGIN}-without-log`;
/** So high that nothing is refused. */
const LIMIT = 1_000_000_000;
const PATH = '/users';

/** Runs a case for each policy; that with Redis only where there is one. */
export async function benchQuota(kind: GatewayKind): Promise<CaseResult[]> {
  const local = await benchPolicy(kind, 'local', {});
  if (REDIS_MISSING !== undefined) return [local];
  const redis = await startRedis();
  try {
    return [local, await benchPolicy(kind, 'redis', { redis: { host: '127.0.0.1', port: redis.port } })];
  } finally {
    await redis.stop();
  }
}

function benchPolicy(kind: GatewayKind, policy: string, redis: Record<string, unknown>): Promise<CaseResult> {
  const row = (name: string, plugin?: string, config: Record<string, unknown> = {}): Row => ({
    name,
    path: PATH,
    plugins: [
      { name: 'key-auth', config: {} },
      ...(plugin === undefined ? [] : [{ name: plugin, config: { ...config, policy, ...redis } }]),
    ],
  });
  const limits = { limits: [{ name: 'share', limit: LIMIT }] };
  return resultOf(kind, {
    name: `quota, ${policy}`,
    rows: [
      row('no plugin'),
      ...onKong(kind, row("Lua (Kong's rate-limiting)", 'rate-limiting', { minute: LIMIT })),
      row('kong-js-pluginserver', PLUGIN, limits),
      row('ours', ourName(PLUGIN), limits),
      row('ours --without-log', WITHOUT_LOG, { ...limits, follow_upstream: false }),
    ],
    files: { [PATH]: { body: JSON.stringify({ entities: [] }) } },
    servers: [...bothServers([PLUGIN]), ourServer(PLUGIN, ['--without-log'], WITHOUT_LOG)],
    connections: 16,
    rounds: 5,
    roundMs: 2000,
  });
}
