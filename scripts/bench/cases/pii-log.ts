/**
 * What genesys-pii-log costs: POSTs whose bodies and answers are logged, entries to a file; against masking in Lua, and
 * Kong's file-log, which masks nothing and logs no bodies. The log is written after the answer, so the processor time of a
 * request is the figure that other load on the machine disturbs least.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logBody } from '../../../plugins/genesys-pii-log/body/body.js';
import { readConfig } from '../../../plugins/genesys-pii-log/config.js';
import { ExtraSearchTime, SearchTime } from '../../../plugins/genesys-pii-log/mask/search-time.js';
import { Tally } from '../../../plugins/genesys-pii-log/mask/tally.js';
import { realClock } from '../../../plugins/shared/clock.js';
import { BARE_HOST } from '../../../plugins/shared/host.js';
import { type Alone, measureAlone } from '../alone.js';
import type { GatewayKind } from '../gateways.js';
import { LUA_ENV, luaLog, postFunction } from '../lua.js';
import { pageOfUsers } from '../pages.js';
import type { Row } from '../rows.js';
import { bothServers, ourName, ourServer } from '../variants.js';
import { type CaseResult, onKong, resultOf } from './result.js';

const PLUGIN = 'genesys-pii-log';
const WITHOUT_BODIES = `${PLUGIN}-without-bodies`;
const PATH = '/users';
/** Of a page of 1.4 KB, and of 13 KB, which is near the limit of what is logged. */
const USERS = [2, 24];

/** Masks the same pages alone: from the bytes of a body to the text that is logged. */
export async function benchMaskAlone(): Promise<Alone[]> {
  const { policy } = readConfig({ sinks: [{ type: 'stdout' }] }, { ...BARE_HOST, stdoutPath: '/dev/null' });
  const { rules, maxBodyBytes } = policy;
  const searchTime = new SearchTime(new ExtraSearchTime(realClock), rules.patterns);
  const results: Alone[] = [];
  for (const users of USERS) {
    const bytes = pageOfUsers(users);
    const body = { bytes, size: bytes.length, contentType: 'application/json', contentEncoding: undefined };
    results.push(
      await measureAlone(bytes, () => logBody(body, { rules, tally: new Tally(), searchTime }, maxBodyBytes)),
    );
  }
  return results;
}

/** Runs a case for each length of answer. */
export async function benchPiiLog(kind: GatewayKind): Promise<CaseResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-log-'));
  try {
    const results: CaseResult[] = [];
    for (const users of USERS) results.push(await benchAnswer(kind, users, folder));
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function benchAnswer(kind: GatewayKind, users: number, folder: string): Promise<CaseResult> {
  const page = pageOfUsers(users);
  const row = (name: string, ...plugins: Row['plugins']): Row => ({
    name,
    path: PATH,
    plugins: [{ name: 'key-auth', config: {} }, ...plugins],
  });
  const config = (file: string) => ({ sinks: [{ type: 'file', path: join(folder, file) }] });
  return resultOf(kind, {
    name: `audit log, ${(page.length / 1000).toFixed(1)} KB answer`,
    rows: [
      row('no plugin'),
      ...onKong(
        kind,
        row('Lua', postFunction(luaLog(join(folder, 'lua.log')))),
        row("Kong's file-log, no bodies", { name: 'file-log', config: { path: join(folder, 'kong.log') } }),
      ),
      row('kong-js-pluginserver', { name: PLUGIN, config: config('theirs.log') }),
      row('ours', { name: ourName(PLUGIN), config: config('ours.log') }),
      row('ours --without-bodies', { name: WITHOUT_BODIES, config: config('bodiless.log') }),
    ],
    files: { [PATH]: { body: page } },
    body: pageOfUsers(2).toString(),
    servers: [
      ...bothServers([PLUGIN], ['--log-dir', folder]),
      ourServer(PLUGIN, ['--log-dir', folder, '--without-bodies'], WITHOUT_BODIES),
    ],
    connections: 16,
    rounds: 5,
    roundMs: 2000,
    env: LUA_ENV,
  });
}
