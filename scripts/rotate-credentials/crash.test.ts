/**
 * A rotation whose process ends at any moment: before or after each call, each file, each entry. It is then run again, as
 * often as it takes, and must end as if nothing had happened. Time is virtual, Genesys is the simulator, the node is
 * played here.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { basic, call, login, postToken, read } from '../../kong/testbed/genesys-cloud/testing.js';
import { memoryFolder } from '../../kong/testbed/memory-folder.js';
import { credentialFingerprint } from '../../plugins/shared/credential-fingerprint.js';
import { openAudit, verifyTrail } from './audit.js';
import { type Effects, type HttpAnswer, type HttpRequest, realEffects } from './effects.js';
import { abort, type Engine, type Outcome, run } from './engine.js';
import { createGenesysApi } from './genesys-api.js';
import { createHttp } from './http.js';
import { createReport } from './report.js';
import { isUnfinished, openStateFile, type RotationState } from './state.js';
import type { SecretStore } from './store.js';
import { createFolderStore } from './store-folder.js';
import type { Context, Settings, Strategy } from './strategy.js';
import { NEW_CLIENT } from './strategy-new-client.js';
import { REGENERATE_SECRET } from './strategy-regenerate-secret.js';
import { SECURITY_KEYS } from './strategy-security-keys.js';

const NODE = 'http://127.0.0.1:1';
const folder = memoryFolder('crash-');
let cloud: GenesysCloud;
let token: string;
let runs = 0;
let stateDir: string;
let storeDir: string;

beforeAll(async () => {
  cloud = await startGenesysCloud({ rateLimitPerMinute: 0, users: 1 });
  token = await login(cloud);
});
afterAll(async () => {
  await cloud.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => newFolders());

function newFolders(): void {
  runs += 1;
  stateDir = join(folder, `state-${runs}`);
  storeDir = join(folder, `store-${runs}`);
  mkdirSync(storeDir);
}

class Crash extends Error {}

/** How many more things the process may do; from then on it is dead and does nothing any more. */
interface Life {
  left: number;
  died: boolean;
}

function live(life: Life): void {
  life.left -= 1;
  if (life.left >= 0 && !life.died) return;
  life.died = true;
  throw new Crash('the process has ended');
}

const clock = { nowMs: 1_800_000_000_000 };

/** A gateway node that gets requests all the time: it uses whatever the store holds, with a token for each secret. */
function createNode(names: string[], store: SecretStore) {
  const tokens = new Map<string, { clientId: string; ref: string; uses: number; atMs: number }>();
  const credentials = new Map<string, number>();
  const fingerprints = new Map<string, Promise<string>>();
  return async (path: string): Promise<unknown> => {
    const values = (await store.current()) ?? {};
    if (names.includes('key')) {
      const header = `Bearer ${values.key}`;
      const computed = fingerprints.get(header) ?? credentialFingerprint(header);
      fingerprints.set(header, computed);
      const fingerprint = await computed;
      credentials.set(fingerprint, (credentials.get(fingerprint) ?? 0) + 1);
    } else {
      const name = JSON.stringify(values);
      const clientId = values.client_id ?? '';
      const held = tokens.get(name) ?? { clientId, ref: `token-${tokens.size}`, uses: 0, atMs: clock.nowMs };
      held.uses += 1;
      tokens.set(name, held);
    }
    if (path === '/credentials') {
      return { credentials: [...credentials].map(([fingerprint, uses]) => ({ fingerprint, uses })) };
    }
    return {
      tokens: [...tokens.values()].map(({ clientId, ref, uses, atMs }) => ({
        client_id: clientId,
        token: { ref, uses, age_seconds: (clock.nowMs - atMs) / 1000, expires_in_seconds: 80_000 },
      })),
    };
  };
}

type Node = ReturnType<typeof createNode>;

function effectsOf(life: Life, node: Node): Effects {
  return {
    nowMs: () => clock.nowMs,
    random: () => 0.5,
    async sleep(ms) {
      live(life);
      clock.nowMs += ms;
    },
    async send(request: HttpRequest): Promise<HttpAnswer> {
      live(life);
      const { origin, pathname } = new URL(request.url);
      if (origin === NODE) {
        clock.nowMs += 10;
        return { status: 200, header: () => null, text: JSON.stringify(await node(pathname)) };
      }
      clock.nowMs += 150;
      const answer = await realEffects.send(request);
      // The service has done it, and the process does not learn it.
      live(life);
      return answer;
    },
    checkpoint: () => live(life),
  };
}

/** Dies before or after whatever the store does. */
function mortal(store: SecretStore, life: Life): SecretStore {
  const wrap =
    <A extends unknown[], R>(act: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      live(life);
      const result = await act(...args);
      live(life);
      return result;
    };
  const { check, current, stage, staged, publish, restore, previous, finish } = store;
  return {
    description: store.description,
    readable: store.readable,
    check: wrap(check),
    current: wrap(current),
    stage: wrap(stage),
    staged: wrap(staged),
    publish: wrap(publish),
    restore: wrap(restore),
    previous: wrap(previous),
    finish: wrap(finish),
  };
}

const SETTINGS: Omit<Settings, 'strategy' | 'target'> = {
  metricsUrls: [NODE],
  pollMs: 1000,
  quietMs: 3000,
  adoptionTimeoutMs: 60_000,
  graceMs: 5000,
  soakMs: 5000,
  verifyTimeoutMs: 5000,
  allowScopes: [],
  expiresDays: 90,
  skipPermissionCheck: false,
  verifyPath: '/api/v2/tokens/me',
  onPublish: undefined,
  minTokenLifeMs: 600_000,
  adminClientId: DEFAULT_CLIENT.clientId,
  consumer: undefined,
};

const silent = createReport(false, { out: () => {}, err: () => {} }, (line) => line);

/** One process: starts a rotation or goes on with it. */
async function attempt(
  strategy: Strategy,
  name: Settings['strategy'],
  target: string,
  store: SecretStore,
  node: Node,
  life: Life,
  goBack = false,
): Promise<Outcome> {
  const effects = effectsOf(life, node);
  const http = createHttp(effects);
  const file = openStateFile(stateDir, effects);
  const found = file.read();
  const settings: Settings = { ...SETTINGS, strategy: name, target };
  const fresh: RotationState = {
    version: 1,
    id: `rotation-${runs}`,
    strategy: name,
    target,
    settings: '',
    phase: 'running',
    startedAtMs: clock.nowMs,
    done: [],
    timings: {},
    data: {},
  };
  const state = isUnfinished(found) ? found : fresh;
  const context: Context = {
    settings,
    state,
    save: () => file.write(state),
    effects,
    http,
    api: createGenesysApi({ apiUrl: cloud.url, tokenUrl: cloud.tokenUrl }, DEFAULT_CLIENT, http, () => {}),
    store: mortal(store, life),
    say: () => {},
    values: undefined,
  };
  const audit = openAudit(stateDir, { key: undefined, webhook: undefined }, http, effects);
  const engine: Engine = { strategy, audit, report: silent };
  const outcome = goBack ? await abort(context, engine) : await run(context, engine);
  if (life.died) throw new Crash('the process has ended');
  return outcome;
}

/** Runs it with one life after the other, each a little longer, until it ends; tells in how many. */
async function dieOftenThenEnd(
  strategy: Strategy,
  name: Settings['strategy'],
  target: string,
  names: string[],
  firstLife: number,
): Promise<Outcome> {
  const store = createFolderStore(storeDir, {}, names);
  const node = createNode(names, store);
  await node('/tokens');
  for (let left = firstLife; ; left = Number.POSITIVE_INFINITY) {
    try {
      return await attempt(strategy, name, target, store, node, { left, died: false });
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      if (openStateFile(stateDir, realEffects).read()?.phase === 'done') return 'done';
    }
  }
}

function expectWhole(): void {
  const text = readFileSync(join(stateDir, 'audit.jsonl'), 'utf8');
  const head = readFileSync(join(stateDir, 'audit.head.json'), 'utf8');
  expect(verifyTrail(text, head, undefined)).toMatchObject({ intact: true });
}

const post = <T>(path: string, body: unknown) =>
  read<T>(call(cloud, token, path, { method: 'POST', body: JSON.stringify(body) }));
const listed = async (path: string): Promise<{ id: string }[]> =>
  (await read<{ entities: { id: string }[] }>(call(cloud, token, path))).entities;
const stored = (name: string): string => readFileSync(join(storeDir, name), 'utf8');
const loginStatus = async (id: string, secret: string) =>
  (await postToken(cloud, { authorization: basic(id, secret) })).status;

async function newClient(): Promise<{ id: string; secret: string }> {
  const body = { name: `Gateway ${runs}`, authorizedGrantType: 'CLIENT_CREDENTIALS', scope: ['users'] };
  const client = await post<{ id: string; secret: string }>('/api/v2/oauth/clients', body);
  writeFileSync(join(storeDir, 'client_id'), client.id);
  writeFileSync(join(storeDir, 'client_secret'), client.secret);
  return client;
}

/** Every moment, or one of seven. */
const STRIDE = process.env.LONG === undefined ? 7 : 1;

/** Moments of death, from the first on; an undisturbed rotation is shorter than the last. */
function moments(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1).filter((moment) => moment % STRIDE === 0);
}
const CLIENT_VALUES = ['client_id', 'client_secret'];

describe('a rotation that dies at any moment', () => {
  it('new-client: one client, the old one gone, no secret left behind', async () => {
    let before = (await listed('/api/v2/oauth/clients')).length;
    for (const moment of moments(175)) {
      newFolders();
      const old = await newClient();
      before += 1;
      const outcome = await dieOftenThenEnd(NEW_CLIENT, 'new-client', old.id, CLIENT_VALUES, moment);
      expect(outcome, `death at ${moment}`).toBe('done');
      const ids = (await listed('/api/v2/oauth/clients')).map(({ id }) => id);
      expect(ids, `death at ${moment}`).toHaveLength(before);
      expect(ids).not.toContain(old.id);
      expect(await loginStatus(stored('client_id'), stored('client_secret'))).toBe(200);
      expect(readdirSync(storeDir).filter((name) => name.startsWith('..'))).toHaveLength(2);
      expectWhole();
    }
  });

  it('regenerate-secret: the new secret works, the old one is dead', async () => {
    for (const moment of moments(100)) {
      newFolders();
      const old = await newClient();
      const outcome = await dieOftenThenEnd(REGENERATE_SECRET, 'regenerate-secret', old.id, CLIENT_VALUES, moment);
      expect(outcome, `death at ${moment}`).toBe('done');
      expect(await loginStatus(old.id, stored('client_secret'))).toBe(200);
      expect(await loginStatus(old.id, old.secret)).toBe(401);
      expectWhole();
    }
  });

  it('security-keys: one key, the old one gone', async () => {
    for (const moment of moments(110)) {
      newFolders();
      const body = { name: 'Key', scopes: ['users'], expiresInDays: 30 };
      const old = await post<{ id: string; keyValue: string }>('/api/v2/security/keys', body);
      writeFileSync(join(storeDir, 'key'), old.keyValue);
      const outcome = await dieOftenThenEnd(SECURITY_KEYS, 'security-keys', old.id, ['key'], moment);
      expect(outcome, `death at ${moment}`).toBe('done');
      const [only, ...others] = await listed('/api/v2/security/keys');
      expect(others, `death at ${moment}`).toEqual([]);
      expect(only?.id).not.toBe(old.id);
      expect((await call(cloud, stored('key'), '/api/v2/tokens/me')).status).toBe(200);
      expectWhole();
      await call(cloud, token, `/api/v2/security/keys/${only?.id}`, { method: 'DELETE' });
    }
  });

  it('new-client, on its way back: everything as before', async () => {
    const before = (await listed('/api/v2/oauth/clients')).length;
    let clients = before;
    for (const moment of moments(60)) {
      newFolders();
      const old = await newClient();
      clients += 1;
      const store = createFolderStore(storeDir, {}, CLIENT_VALUES);
      const node = createNode(CLIENT_VALUES, store);
      await node('/tokens');
      const tryOnce = (left: number, goBack: boolean) =>
        attempt(NEW_CLIENT, 'new-client', old.id, store, node, { left, died: false }, goBack);
      // Far enough that the new client is in use.
      await expect(tryOnce(64, false)).rejects.toThrow(Crash);
      const outcome = await tryOnce(moment, true).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error;
        return undefined;
      });
      if (outcome === undefined) expect(await tryOnce(Number.POSITIVE_INFINITY, true)).toBe('rolled-back');
      expect(await listed('/api/v2/oauth/clients'), `death at ${moment}`).toHaveLength(clients);
      expect([stored('client_id'), stored('client_secret')]).toEqual([old.id, old.secret]);
      expectWhole();
    }
  });
});
