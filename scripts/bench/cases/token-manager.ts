/** genesys-token-manager against Lua that injects a token: the service refuses a request without one. */
import { DEFAULT_CLIENT, startGenesysCloud } from '../../../kong/testbed/genesys-cloud/index.js';
import type { GatewayKind } from '../gateways.js';
import { LUA_ENV, LUA_TOKEN, postFunction } from '../lua.js';
import type { Row } from '../rows.js';
import { bothServers, IDLE, IDLE_SERVERS, IDLE_WITHOUT_LOG, ourName, ourServer } from '../variants.js';
import { type CaseResult, onKong, resultOf } from './result.js';

const PLUGIN = 'genesys-token-manager';
const WITHOUT_LOG = `${PLUGIN}-without-log`;
const BODY = JSON.stringify({ entities: [] });

/** Runs the case. */
export async function benchTokenManager(kind: GatewayKind): Promise<CaseResult> {
  const genesys = await startGenesysCloud();
  const config = {
    token_url: genesys.tokenUrl,
    client_id: DEFAULT_CLIENT.clientId,
    client_secret: DEFAULT_CLIENT.clientSecret,
  };
  const row = (name: string, ...plugins: Row['plugins']): Row => ({ name, path: '/guarded', plugins });
  try {
    return await resultOf(kind, {
      name: 'token injection',
      rows: [
        { name: 'no plugin', path: '/open', plugins: [] },
        ...onKong(kind, row('Lua', postFunction(LUA_TOKEN))),
        { name: 'limit', path: '/open', plugins: [{ name: IDLE, config: {} }] },
        { name: 'limit --without-log', path: '/open', plugins: [{ name: IDLE_WITHOUT_LOG, config: {} }] },
        row('kong-js-pluginserver', { name: PLUGIN, config }),
        { ...row('ours', { name: ourName(PLUGIN), config }), comparedWith: 'limit' },
        { ...row('ours --without-log', { name: WITHOUT_LOG, config }), comparedWith: 'limit --without-log' },
      ],
      files: { '/open': { body: BODY }, '/guarded': { body: BODY, needsToken: true } },
      servers: [...bothServers([PLUGIN]), ourServer(PLUGIN, ['--without-log'], WITHOUT_LOG), ...IDLE_SERVERS],
      connections: 16,
      rounds: 5,
      roundMs: 2000,
      env: LUA_ENV,
    });
  } finally {
    await genesys.close();
  }
}
