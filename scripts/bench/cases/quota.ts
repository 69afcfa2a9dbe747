/** genesys-quota against Kong's bundled rate-limiting: the same limit by consumer on the same service, local and in Redis. */
import { REDIS_MISSING, startRedis } from '../../../kong/testbed/redis-server.js';
import type { GatewayKind } from '../gateways.js';
import type { Row } from '../rows.js';
import { bothServers, IDLE, IDLE_SERVERS, IDLE_WITHOUT_LOG, ourName, ourServer } from '../variants.js';
import { type CaseResult, onKong, resultOf } from './result.js';

const PLUGIN = 'genesys-quota';
const WITHOUT_LOG = `${PLUGIN}-without-log`;
/** So high that nothing is refused. */
const LIMIT = 1_000_000_000;
const PATH = '/users';
const LUA = "Lua (Kong's rate-limiting)";
const KEY_AUTH = { name: 'key-auth', config: {} };

/** Runs a case for each policy; that with Redis only where there is one. */
export async function benchQuota(kind: GatewayKind): Promise<CaseResult[]> {
  const local = await benchPolicy(kind, 'local', undefined);
  if (REDIS_MISSING !== undefined) return [local];
  const redis = await startRedis();
  try {
    return [local, await benchPolicy(kind, 'redis', { host: '127.0.0.1', port: redis.port })];
  } finally {
    await redis.stop();
  }
}

function benchPolicy(
  kind: GatewayKind,
  policy: string,
  redis: { host: string; port: number } | undefined,
): Promise<CaseResult> {
  const row = (name: string, plugin?: string, config: Record<string, unknown> = {}): Row => ({
    name,
    path: PATH,
    plugins: [
      KEY_AUTH,
      ...(plugin === undefined ? [] : [{ name: plugin, config: { policy, ...(redis && { redis }), ...config } }]),
    ],
  });
  const limits = { limits: [{ name: 'share', limit: LIMIT }] };
  const unlogged = { ...limits, follow_upstream: false };
  const leased = { ...unlogged, redis: { ...redis, lease_percent: 10 } };
  return resultOf(kind, {
    name: `quota, ${policy}`,
    rows: [
      row('no plugin'),
      ...onKong(kind, row(LUA, 'rate-limiting', { minute: LIMIT })),
      { ...row('limit'), plugins: [KEY_AUTH, { name: IDLE, config: {} }] },
      { ...row('limit --without-log'), plugins: [KEY_AUTH, { name: IDLE_WITHOUT_LOG, config: {} }] },
      row('kong-js-pluginserver', PLUGIN, limits),
      { ...row('ours', ourName(PLUGIN), limits), comparedWith: policy === 'local' ? 'limit' : LUA },
      {
        ...row('ours --without-log', WITHOUT_LOG, unlogged),
        comparedWith: policy === 'local' ? 'limit --without-log' : LUA,
      },
      ...(redis === undefined
        ? []
        : [{ ...row('ours --without-log, leases', WITHOUT_LOG, leased), comparedWith: LUA }]),
    ],
    files: { [PATH]: { body: JSON.stringify({ entities: [] }) } },
    servers: [...bothServers([PLUGIN]), ourServer(PLUGIN, ['--without-log'], WITHOUT_LOG), ...IDLE_SERVERS],
    connections: 16,
    rounds: 5,
    roundMs: 2000,
  });
}
