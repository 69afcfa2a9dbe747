/**
 * Rotations of what a running gateway uses: under load, with the old credential dead at the end; and killed before every
 * step in turn, then run again, with the same end.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { freePort } from '../../kong/testbed/free-port.js';
import { basic, call, postToken, read } from '../../kong/testbed/genesys-cloud/testing.js';
import { memoryFolder } from '../../kong/testbed/memory-folder.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { LONG_ONLY, unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { type RotationRun, runRotation, startWatch } from '../support/rotation.js';
import { type GenesysGateway, KEY, startGenesysGateway, tokenManagerConfig } from './genesys-gateway.js';

/**
 * Every step of every strategy; without, one strategy is killed before a few. What happens at any other moment is tested
 * without a gateway (scripts/rotate-credentials/crash.test.ts).
 */
const LONG = process.env.LONG !== undefined;

const ADMIN = { clientId: 'admin-client', clientSecret: 'secret-of-the-administrator' };
const TARGET = { clientId: 'gateway-client', clientSecret: 'first-secret-of-the-gateway' };
const PERMISSIONS = ['view', 'add', 'edit', 'delete'].flatMap((action) => [
  `oauth:client:${action}`,
  `security:key:${action}`,
  `security:secret:${action}`,
]);
const ROLE = { roleId: 'role-1', divisionId: 'division-1' };

const folder = memoryFolder('rotation-');
const secretsDir = join(folder, 'secrets');
let setup: GenesysGateway;
let metrics: string;
/** Plays the Admin API of a DB-less Kong. */
let adminApi: Server;
let runs = 0;
let stateDir: string;
let store: string;
let admin: string;

beforeAll(async () => {
  mkdirSync(secretsDir);
  const port = await freePort();
  metrics = `http://127.0.0.1:${port}`;
  const args = ['--secrets-dir', secretsDir, '--metrics', `127.0.0.1:${port}`];
  const plugins = PLUGINS.map((plugin) => (plugin.name === 'genesys-token-manager' ? { ...plugin, args } : plugin));
  const target = { ...TARGET, scope: ['users', 'routing'], roleDivisions: [ROLE], ipAllowlist: ['127.0.0.0/8'] };
  setup = await startGenesysGateway({
    plugins,
    clients: [{ ...ADMIN, permissions: PERMISSIONS, roleDivisions: [ROLE] }, target],
    securitySecrets: ['crm'],
  });
  adminApi = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    await setup.reconfigure((config) => {
      for (const name of Object.keys(config)) delete config[name];
      Object.assign(config, JSON.parse(Buffer.concat(chunks).toString()));
    });
    response.writeHead(201).end('{}');
  });
  await new Promise<void>((done) => adminApi.listen(0, '127.0.0.1', done));
  const answer = await postToken(setup.genesys, { authorization: basic(ADMIN.clientId, ADMIN.clientSecret) });
  admin = (await read<{ access_token: string }>(answer)).access_token;
});
afterAll(async () => {
  adminApi?.close();
  await setup?.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  setup.genesys.control.clearFaults();
  setup.genesys.control.setTokenLifetime(null);
  setup.genesys.control.reset();
  runs += 1;
  stateDir = join(folder, `state-${runs}`);
  store = join(secretsDir, `store-${runs}`);
  mkdirSync(store);
});

interface Client {
  id: string;
  description: string;
  state: string;
  scope: string[];
  roleDivisions: unknown[];
  ipAllowlist: string[];
}

const clients = async (): Promise<Client[]> =>
  (await read<{ entities: Client[] }>(call(setup.genesys, admin, '/api/v2/oauth/clients'))).entities.filter(
    ({ id }) => id !== ADMIN.clientId,
  );
const post = <T>(path: string, body: unknown): Promise<T> =>
  read<T>(call(setup.genesys, admin, path, { method: 'POST', body: JSON.stringify(body) }));
const stored = (name: string): string => readFileSync(join(store, name), 'utf8');
const loginStatus = async (id: string, secret: string): Promise<number> =>
  (await postToken(setup.genesys, { authorization: basic(id, secret) })).status;

async function status(path = '/api/v2/tokens/me', init: RequestInit = {}): Promise<number> {
  const response = await setup.get(path, init);
  await response.arrayBuffer();
  return response.status;
}

/** Puts id and secret of a client of this test alone where the gateway reads them. */
async function useClient(): Promise<{ id: string; secret: string }> {
  const { id, secret } = await post<{ id: string; secret: string }>('/api/v2/oauth/clients', {
    name: `Gateway ${runs}`,
    description: 'for the gateway',
    authorizedGrantType: 'CLIENT_CREDENTIALS',
    scope: ['users', 'routing'],
    roleDivisions: [ROLE],
    ipAllowlist: ['127.0.0.0/8'],
  });
  writeFileSync(join(store, 'client_id'), `${id}\n`);
  writeFileSync(join(store, 'client_secret'), secret, { mode: 0o600 });
  await setup.reconfigure((config) =>
    Object.assign(tokenManagerConfig(config), {
      client_id: `file:${join(store, 'client_id')}`,
      client_secret: `file:${join(store, 'client_secret')}`,
    }),
  );
  expect(await status()).toBe(200);
  return { id, secret };
}

/** Requests at 50 a second until the work is done; tells which failed. */
async function underLoad<T>(
  work: Promise<T>,
  request: () => Promise<number>,
): Promise<{ result: T; sent: number; failed: number[] }> {
  let over = false;
  const settled = work.finally(() => {
    over = true;
  });
  const pending: Promise<number>[] = [];
  const startedAt = performance.now();
  await waitFor(
    'the rotation to end',
    () => {
      while (pending.length < (performance.now() - startedAt) / 20) pending.push(request());
      return over;
    },
    KILLING_MS,
  );
  const statuses = await Promise.all(pending);
  return { result: await settled, sent: statuses.length, failed: statuses.filter((code) => code !== 200) };
}

const FAST = [
  '--poll',
  '100ms',
  '--quiet',
  '600ms',
  '--grace',
  '500ms',
  '--soak',
  '500ms',
  '--adoption-timeout',
  '20s',
];
const env = (): Record<string, string> => ({
  GENESYS_ADMIN_CLIENT_ID: ADMIN.clientId,
  GENESYS_ADMIN_CLIENT_SECRET: ADMIN.clientSecret,
});

function rotate(args: readonly string[], killBefore?: string): Promise<RotationRun> {
  const { url, tokenUrl } = setup.genesys;
  const common = ['--state-dir', stateDir, '--store', `file:${store}`, '--api-url', url, '--token-url', tokenUrl];
  return runRotation([...args, ...common, ...FAST], env(), killBefore);
}

const rotateClient = (strategy: string, target: string, killBefore?: string, more: string[] = []) =>
  rotate([strategy, '--target', target, '--metrics-url', metrics, ...more], killBefore);

/** What must hold of every rotation: an intact trail, and no secret anywhere but in the store. */
async function expectClean(secrets: string[], ...outputs: RotationRun[]): Promise<void> {
  const { exitCode, stderr, text } = await runRotation(['verify-audit', '--state-dir', stateDir], {});
  expect(stderr + text).toContain('"intact":true');
  expect(exitCode).toBe(0);
  const written = readdirSync(stateDir).map((name) => readFileSync(join(stateDir, name), 'utf8'));
  const seen = [...written, ...outputs.map((output) => output.text), setup.gateway.log()].join('\n');
  for (const secret of [...secrets, ADMIN.clientSecret]) expect(seen).not.toContain(secret);
  expect(statSync(join(stateDir, 'rotation.json')).mode & 0o777).toBe(0o600);
  expect(statSync(join(stateDir, 'audit.jsonl')).mode & 0o777).toBe(0o600);
}

/** Kills the command before each of the steps in turn, each time going on with what the one before left. */
async function killBeforeEach(
  steps: readonly string[],
  start: (killBefore?: string) => Promise<RotationRun>,
): Promise<RotationRun[]> {
  const outputs: RotationRun[] = [];
  for (const step of steps) {
    const killed = await start(step);
    expect(killed.exitCode, killed.text).toBeNull();
    outputs.push(killed);
  }
  const last = await start();
  expect(last.exitCode, last.text).toBe(0);
  return [...outputs, last];
}

/** Some thirty starts of a process, and the periods of one rotation. */
const KILLING_MS = 150_000;
const few = (steps: string[]): string[] => (LONG ? steps : steps.filter((_, index) => index % 3 === 1));

describe('new-client', () => {
  it('rotates under 50 requests/s without a failed one, and the old client is gone', async () => {
    const old = await useClient();
    const { result, sent, failed } = await underLoad(rotateClient('new-client', old.id), status);
    expect(result.exitCode, result.text).toBe(0);
    expect(failed).toEqual([]);
    expect(sent).toBeGreaterThan(50);

    const successor = (await clients()).filter(({ description }) => description.includes(old.id));
    expect(successor).toMatchObject([
      {
        id: stored('client_id'),
        state: 'active',
        scope: ['users', 'routing'],
        roleDivisions: [ROLE],
        ipAllowlist: ['127.0.0.0/8'],
      },
    ]);
    expect((await clients()).map(({ id }) => id)).not.toContain(old.id);
    expect(await loginStatus(old.id, old.secret)).toBe(400);
    expect(await loginStatus(stored('client_id'), stored('client_secret'))).toBe(200);
    expect(statSync(join(store, 'client_secret')).mode & 0o777).toBe(0o600);
    expect(result.events.at(-1)).toMatchObject({
      event: 'end',
      outcome: 'done',
      adoption_ms: { [`${metrics}/`]: expect.any(Number) },
    });
    await expectClean([old.secret, stored('client_secret')], result);
  });

  it(
    'ends the same after SIGKILL before every step, and leaves no orphan',
    async () => {
      const old = await useClient();
      const before = (await clients()).length;
      const steps = [
        'check',
        'create',
        'verify',
        'publish',
        'adopt',
        'grace',
        'deactivate',
        'soak',
        'delete',
        'finish',
      ];
      const outputs = underLoad(
        killBeforeEach(few(steps), (killBefore) => rotateClient('new-client', old.id, killBefore)),
        status,
      );
      const { result, failed } = await outputs;
      expect(failed).toEqual([]);
      expect(await clients()).toHaveLength(before);
      expect((await clients()).map(({ id }) => id)).not.toContain(old.id);
      expect(await loginStatus(old.id, old.secret)).toBe(400);
      expect(await loginStatus(stored('client_id'), stored('client_secret'))).toBe(200);
      expect(readdirSync(store).filter((name) => name.startsWith('..'))).toHaveLength(2);
      await expectClean([old.secret, stored('client_secret')], ...result);
    },
    KILLING_MS,
  );

  it('goes back completely when the nodes do not go over', async () => {
    const old = await useClient();
    const before = await clients();
    // The nodes stay as they are: what is published is not what they read.
    const unread = `GENESYS_CLIENT_ID=${old.id}\nGENESYS_CLIENT_SECRET=${old.secret}\n`;
    writeFileSync(join(store, 'unread.env'), unread);
    const { result, failed } = await underLoad(
      runRotation(
        [
          ...['new-client', '--target', old.id, '--metrics-url', metrics, '--state-dir', stateDir],
          ...['--store', `env:${join(store, 'unread.env')}`, ...FAST, '--adoption-timeout', '2s'],
          ...['--api-url', setup.genesys.url, '--token-url', setup.genesys.tokenUrl],
        ],
        env(),
      ),
      status,
    );
    expect(result.exitCode, result.text).toBe(2);
    expect(failed).toEqual([]);
    expect(result.events.map(({ failure }) => failure).filter(Boolean)).toEqual([
      'DEPENDENCY_CHECK_FAILED',
      'ROLLBACK_TRIGGERED',
    ]);
    expect(await clients()).toEqual(before);
    expect(readFileSync(join(store, 'unread.env'), 'utf8')).toBe(unread);
    expect(readdirSync(store).sort()).toEqual(['client_id', 'client_secret', 'unread.env']);
    await expectClean([old.secret], result);
  });

  it('leaves both alive, and says so, when the old one cannot be deleted; run again, it ends', async () => {
    const old = await useClient();
    setup.genesys.control.stub({
      method: 'DELETE',
      path: `/api/v2/oauth/clients/${old.id}`,
      status: 403,
      body: { message: 'You must have [oauth:client:delete]' },
    });
    const { result: stuck } = await underLoad(rotateClient('new-client', old.id), status);
    setup.genesys.control.clearStubs();
    expect(stuck.exitCode, stuck.text).toBe(3);
    expect(stuck.events.find(({ event }) => event === 'failed')).toMatchObject({
      hint: expect.stringContaining('oauth:client:delete'),
    });
    expect(stuck.events.find(({ event }) => event === 'alarm')).toMatchObject({
      message: expect.stringContaining('both clients are active'),
    });
    expect((await clients()).find(({ id }) => id === old.id)).toMatchObject({ state: 'active' });
    expect(await loginStatus(stored('client_id'), stored('client_secret'))).toBe(200);

    const { result: again, failed } = await underLoad(rotateClient('new-client', old.id), status);
    expect(again.exitCode, again.text).toBe(0);
    expect(failed).toEqual([]);
    expect((await clients()).map(({ id }) => id)).not.toContain(old.id);
    await expectClean([old.secret], stuck, again);
  });

  it('is refused before anything is changed: names, hints, and a plan without any trace', async () => {
    const old = await useClient();
    const before = await clients();
    const failureOf = async (...more: string[]) => {
      const { exitCode, events, text } = await rotate(['new-client', '--metrics-url', metrics, ...more]);
      expect(exitCode, text).toBe(1);
      return events.find(({ event }) => event === 'failed')?.failure;
    };
    expect(await failureOf('--target', 'nobody')).toBe('TARGET_NOT_FOUND');
    expect(await failureOf('--target', old.id, '--allow-scope', 'analytics')).toBe('SCOPE_VIOLATION');
    expect(await failureOf('--target', ADMIN.clientId)).toBe('DEPENDENCY_CHECK_FAILED');
    expect(await failureOf('--target', TARGET.clientId)).toBe('DEPENDENCY_CHECK_FAILED');
    rmSync(stateDir, { recursive: true });
    const plan = await rotateClient('new-client', old.id, undefined, ['--dry-run']);
    expect(plan.exitCode, plan.text).toBe(0);
    expect(plan.events.filter(({ event }) => event === 'plan')).toHaveLength(11);
    expect(existsSync(join(stateDir, 'rotation.json'))).toBe(false);
    expect(existsSync(join(stateDir, 'audit.jsonl'))).toBe(false);
    expect(await clients()).toEqual(before);
  });
});

describe('regenerate-secret', () => {
  it('rotates under 50 requests/s: the tokens that nodes hold bridge the time without a valid secret', async () => {
    const old = await useClient();
    const { result, sent, failed } = await underLoad(rotateClient('regenerate-secret', old.id), status);
    expect(result.exitCode, result.text).toBe(0);
    expect(failed).toEqual([]);
    expect(sent).toBeGreaterThan(30);
    expect(stored('client_id')).toBe(old.id);
    expect(await loginStatus(old.id, old.secret)).toBe(401);
    expect(await loginStatus(old.id, stored('client_secret'))).toBe(200);
    const finish = result.events.find(({ step, status }) => step === 'finish' && status === 'done');
    expect(finish?.detail).toMatch(/without a valid secret in the gateway for \d+\.\d\d s, bridged by tokens/);
    expect(result.events.at(-1)).toMatchObject({ regenerate_to_publish_ms: expect.any(Number) });
    await expectClean([old.secret, stored('client_secret')], result);
  });

  it('is refused while a token would not outlast it', async () => {
    setup.genesys.control.setTokenLifetime(30);
    const old = await useClient();
    setup.genesys.control.setTokenLifetime(null);
    const { exitCode, events, text } = await rotateClient('regenerate-secret', old.id);
    expect(exitCode, text).toBe(1);
    expect(events.find(({ event }) => event === 'failed')).toMatchObject({
      failure: 'DEPENDENCY_CHECK_FAILED',
      hint: expect.stringContaining('/tokens/purge?client_id='),
    });
    expect(await loginStatus(old.id, old.secret)).toBe(200);
  });

  it('ends the same after SIGKILL before every step', { ...unless(LONG_ONLY), timeout: KILLING_MS }, async () => {
    const old = await useClient();
    const steps = ['check', 'create', 'verify', 'publish', 'adopt', 'finish'];
    const { result, failed } = await underLoad(
      killBeforeEach(few(steps), (killBefore) => rotateClient('regenerate-secret', old.id, killBefore)),
      status,
    );
    expect(failed).toEqual([]);
    expect(await loginStatus(old.id, old.secret)).toBe(401);
    expect(await loginStatus(old.id, stored('client_secret'))).toBe(200);
    await expectClean([old.secret, stored('client_secret')], ...result);
  });
});

describe('security-keys', () => {
  const keys = async (): Promise<{ id: string; description: string }[]> =>
    (
      await read<{ entities: { id: string; description: string }[] }>(
        call(setup.genesys, admin, '/api/v2/security/keys'),
      )
    ).entities;

  async function useKey(): Promise<{ id: string; value: string }> {
    const body = { name: `Key ${runs}`, scopes: ['users'], expiresInDays: 30 };
    const { id, keyValue: value } = await post<{ id: string; keyValue: string }>('/api/v2/security/keys', body);
    writeFileSync(join(store, 'key'), value, { mode: 0o600 });
    await setup.reconfigure((config) => {
      for (const { plugins } of config.services.flatMap(({ routes }) => routes)) {
        for (const plugin of plugins) {
          if (plugin.name !== 'genesys-token-manager') continue;
          plugin.config = { credential: 'bearer', secret: `file:${join(store, 'key')}` };
        }
      }
    });
    expect(await status()).toBe(200);
    return { id, value };
  }

  it('rotates under 50 requests/s without a failed one, and the old key is dead', async () => {
    const old = await useKey();
    const { result, failed } = await underLoad(rotateClient('security-keys', old.id), status);
    expect(result.exitCode, result.text).toBe(0);
    expect(failed).toEqual([]);
    expect((await keys()).map(({ id }) => id)).not.toContain(old.id);
    expect((await call(setup.genesys, old.value, '/api/v2/tokens/me')).status).toBe(401);
    expect((await call(setup.genesys, stored('key'), '/api/v2/tokens/me')).status).toBe(200);
    await expectClean([old.value, stored('key')], result);
  });

  it('ends the same after SIGKILL before every step, and leaves no orphan', {
    ...unless(LONG_ONLY),
    timeout: KILLING_MS,
  }, async () => {
    const before = (await keys()).length;
    const old = await useKey();
    const steps = ['check', 'create', 'verify', 'publish', 'adopt', 'grace', 'delete', 'finish'];
    const { result, failed } = await underLoad(
      killBeforeEach(few(steps), (killBefore) => rotateClient('security-keys', old.id, killBefore)),
      status,
    );
    expect(failed).toEqual([]);
    expect(await keys()).toHaveLength(before + 1);
    expect((await call(setup.genesys, old.value, '/api/v2/tokens/me')).status).toBe(401);
    await expectClean([old.value, stored('key')], ...result);
  });

  it('is refused for the eleventh key, and for an expiry over a year', async () => {
    const old = await useKey();
    const failureOf = async (...more: string[]) =>
      (await rotateClient('security-keys', old.id, undefined, more)).events.find(({ event }) => event === 'failed')
        ?.failure;
    expect(await failureOf('--expires-days', '366')).toBe('EXPIRATION_VIOLATION');
    const extra: string[] = [];
    while ((await keys()).length < 10) {
      extra.push((await post<{ id: string }>('/api/v2/security/keys', { name: 'x', scopes: [], expiresInDays: 1 })).id);
    }
    expect(await failureOf()).toBe('QUOTA_EXCEEDED');
    for (const id of extra) await call(setup.genesys, admin, `/api/v2/security/keys/${id}`, { method: 'DELETE' });
  });
});

it('external tokens are pushed to Genesys again and again, before they expire', async () => {
  setup.genesys.control.setTokenLifetime(1);
  const list = join(folder, 'external.json');
  const { url, tokenUrl } = setup.genesys;
  const entry = { secret_id: 'crm', token_url: tokenUrl, client_id: TARGET.clientId, client_secret: 'env:EXTERNAL' };
  writeFileSync(list, JSON.stringify([entry]));
  const args = ['--external', list, '--api-url', url, '--token-url', tokenUrl];
  const watch = startWatch(args, { ...env(), EXTERNAL: TARGET.clientSecret });
  await waitFor('three pushes', () => watch.text().split('"event":"pushed"').length > 3);
  expect(await watch.stop()).toBe(0);
  const path = '/api/v2/security/secrets/crm';
  const pushes = setup.genesys.control.requests({ method: 'PATCH', path, status: 200 });
  expect(pushes.length).toBeGreaterThanOrEqual(3);
  for (const secret of [TARGET.clientSecret, ADMIN.clientSecret]) expect(watch.text()).not.toContain(secret);
});

describe('consumer', () => {
  const rotateConsumer = (file: string, killBefore?: string) => {
    const { port } = adminApi.address() as AddressInfo;
    const gateway = ['--gateway-url', setup.gateway.url, '--admin-url', `http://127.0.0.1:${port}`];
    return rotate(['consumer', '--target', 'svc-demo', '--file', file, ...gateway], killBefore);
  };

  /** The configuration in place as a declarative file, and the consumer's key in the store. */
  async function useFile(): Promise<string> {
    const file = join(folder, `kong-${runs}.yml`);
    await useClient();
    await setup.reconfigure((config) => {
      Object.assign(tokenManagerConfig(config), {
        client_id: `file:${join(store, 'client_id')}`,
        client_secret: `file:${join(store, 'client_secret')}`,
      });
      writeFileSync(file, `# kept\n${stringify(config)}`, { mode: 0o600 });
    });
    writeFileSync(join(store, 'key'), KEY.apikey);
    return file;
  }

  it('has two keys alive under 50 requests/s of each, then the old one gets 401', async () => {
    const file = await useFile();
    // The service reads its key anew for every request.
    const asService = () => status('/api/v2/tokens/me', { headers: { apikey: stored('key') } });
    const { result, failed } = await underLoad(rotateConsumer(file), asService);
    expect(result.exitCode, result.text).toBe(0);
    expect(failed).toEqual([]);
    expect(stored('key')).not.toBe(KEY.apikey);
    await waitFor('the old key to be refused', async () => (await status()) === 401);
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(/^# kept\n/);
    expect(text).toContain(stored('key'));
    expect(text).not.toContain(KEY.apikey);
    await expectClean([stored('key')], result);
  });

  it('ends the same after SIGKILL before every step', { ...unless(LONG_ONLY), timeout: KILLING_MS }, async () => {
    const file = await useFile();
    const asService = () => status('/api/v2/tokens/me', { headers: { apikey: stored('key') } });
    const steps = ['check', 'create', 'admit', 'verify', 'publish', 'grace', 'revoke', 'finish'];
    const { result, failed } = await underLoad(
      killBeforeEach(few(steps), (killBefore) => rotateConsumer(file, killBefore)),
      asService,
    );
    expect(failed).toEqual([]);
    expect(await asService()).toBe(200);
    await waitFor('the old key to be refused', async () => (await status()) === 401);
    await expectClean([stored('key')], ...result);
  });
});

describe('rotations', () => {
  it('that were begun exclude another, and are gone back from if so wished', async () => {
    const old = await useClient();
    const before = await clients();
    const killed = await rotateClient('new-client', old.id, 'adopt');
    expect(killed.exitCode).toBeNull();
    expect(await clients()).toHaveLength(before.length + 1);
    const other = await rotateClient('regenerate-secret', old.id);
    expect(other.exitCode).toBe(1);
    expect(other.text).toContain('is not finished');
    const back = rotateClient('new-client', old.id, undefined, ['--abort']);
    const { result, failed } = await underLoad(back, status);
    expect(result.exitCode, result.text).toBe(2);
    expect(failed).toEqual([]);
    expect(await clients()).toEqual(before);
    expect([stored('client_id').trim(), stored('client_secret')]).toEqual([old.id, old.secret]);
  });
});
