/** The same behaviour of every store that can be read: staged, published, taken back, tidied up, each as often as one likes. */

import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { memoryFolder } from '../../kong/testbed/memory-folder.js';
import { realEffects } from './effects.js';
import { createHttp } from './http.js';
import { verifySignature } from './signature.js';
import type { SecretStore } from './store.js';
import { createEnvFileStore, editEnv, readEnv } from './store-env-file.js';
import { createFolderStore } from './store-folder.js';
import { createVaultStore } from './store-vault.js';
import { createWebhookStore } from './store-webhook.js';

const WANTED = ['client_id', 'client_secret'];
const OLD = { client_id: 'old-id', client_secret: 'old-secret' };
const NEW = { client_id: 'new-id', client_secret: 'new-secret' };
const ENV_NAMES = { client_id: 'GENESYS_CLIENT_ID', client_secret: 'GENESYS_CLIENT_SECRET' };

let folder: string;
beforeEach(() => {
  folder = memoryFolder('store-');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** KV version 2 as its documentation describes it: versions, check-and-set, metadata. */
const kv = new Map<string, Record<string, unknown>[]>();
let vault: Server;
let messages: { headers: Record<string, unknown>; text: string }[] = [];
beforeAll(async () => {
  vault = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const send = (status: number, body?: unknown) => response.writeHead(status).end(body && JSON.stringify(body));
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://vault');
    if (pathname === '/hook') {
      messages.push({ headers: request.headers, text });
      return send(200, { ok: true });
    }
    if (request.headers['x-vault-token'] !== 'vault-token') return send(403, { errors: ['permission denied'] });
    if (pathname === '/v1/sys/capabilities-self')
      return send(200, { data: { capabilities: ['read', 'create', 'update'] } });
    const [, kind = '', path = ''] = /^\/v1\/kv\/(data|metadata)\/(.+)$/.exec(pathname) ?? [];
    const versions = kv.get(path) ?? [];
    if (kind === 'metadata' && request.method === 'DELETE') {
      kv.delete(path);
      return send(204);
    }
    if (request.method === 'POST') {
      const { data, options } = JSON.parse(text) as { data: Record<string, unknown>; options?: { cas?: number } };
      if (options?.cas !== undefined && options.cas !== versions.length)
        return send(400, { errors: ['check-and-set'] });
      kv.set(path, [...versions, data]);
      return send(200, { data: { version: versions.length + 1 } });
    }
    const version = Number(searchParams.get('version') ?? versions.length);
    const data = versions[version - 1];
    return data === undefined ? send(404, { errors: [] }) : send(200, { data: { data, metadata: { version } } });
  });
  await new Promise<void>((done) => vault.listen(0, '127.0.0.1', done));
});
afterAll(() => {
  vault.close();
});
const serverUrl = (): string => `http://127.0.0.1:${(vault.address() as AddressInfo).port}`;

const STORES: [name: string, open: () => SecretStore][] = [
  [
    'a folder of plain files',
    () => {
      writeFileSync(join(folder, 'client_id'), 'old-id\n');
      writeFileSync(join(folder, 'client_secret'), 'old-secret\n', { mode: 0o640 });
      writeFileSync(join(folder, 'another'), 'stays');
      return createFolderStore(folder, {}, WANTED);
    },
  ],
  [
    'an environment file',
    () => {
      const path = join(folder, 'kong.env');
      writeFileSync(path, '# kept\nexport GENESYS_CLIENT_ID="old-id"\nA=b\nGENESYS_CLIENT_SECRET=old-secret\n', {
        mode: 0o600,
      });
      return createEnvFileStore(path, ENV_NAMES, WANTED);
    },
  ],
  [
    'Vault',
    () => {
      kv.clear();
      kv.set('genesys', [{ ...OLD, another: 'stays' }]);
      const settings = {
        address: serverUrl(),
        token: 'vault-token',
        namespace: undefined,
        mount: 'kv',
        path: 'genesys',
      };
      return createVaultStore(settings, createHttp(realEffects), {}, WANTED);
    },
  ],
];

describe.each(STORES)('%s', (_name, open) => {
  it('keeps the staged values apart until they are published, and the old ones until it is over', async () => {
    const store = open();
    await store.check();
    expect(await store.current()).toEqual(OLD);
    expect(await store.staged('r1')).toBeUndefined();
    await store.stage('r1', NEW);
    expect(await store.current()).toEqual(OLD);
    expect(await store.staged('r1')).toEqual(NEW);
    for (let i = 0; i < 2; i += 1) {
      await store.publish('r1');
      expect(await store.current()).toEqual(NEW);
      expect(await store.previous('r1')).toEqual(OLD);
    }
    for (let i = 0; i < 2; i += 1) {
      await store.finish('r1');
      expect(await store.current()).toEqual(NEW);
    }
    await store.stage('r2', OLD);
    await store.publish('r2');
    await store.finish('r2');
    expect(await store.current()).toEqual(OLD);
  });

  it('goes back to the old values, published or not', async () => {
    const store = open();
    await store.stage('r1', NEW);
    await store.restore('r1');
    expect(await store.current()).toEqual(OLD);
    await store.publish('r1');
    await store.restore('r1');
    await store.restore('r1');
    expect(await store.current()).toEqual(OLD);
    await store.finish('r1');
    expect(await store.current()).toEqual(OLD);
  });
});

/** Another credential in the same place, rotated at the same time. */
const CRM = { client_id: 'crm_id', client_secret: 'crm_secret' };
const TOGETHER: [name: string, open: (names: Record<string, string>) => SecretStore][] = [
  ['a folder', (names) => createFolderStore(folder, names, WANTED)],
  ['an environment file', (names) => createEnvFileStore(join(folder, 'kong.env'), names, WANTED)],
];

describe.each(TOGETHER)('two rotations in %s', (_name, open) => {
  const CRM_OLD = { client_id: 'old-crm', client_secret: 'old-crm-secret' };
  const CRM_NEW = { client_id: 'new-crm', client_secret: 'new-crm-secret' };
  let store: SecretStore;
  let crm: SecretStore;
  beforeEach(() => {
    const values = {
      client_id: 'old-id',
      client_secret: 'old-secret',
      crm_id: 'old-crm',
      crm_secret: 'old-crm-secret',
    };
    for (const [name, value] of Object.entries(values)) writeFileSync(join(folder, name), value);
    const lines = Object.entries(values).map(([name, value]) => `export ${name}="${value}"\n`);
    writeFileSync(join(folder, 'kong.env'), lines.join(''));
    store = open({});
    crm = open(CRM);
  });

  it('each publish their own values, whatever was published since they were staged', async () => {
    await store.stage('r1', NEW);
    await crm.stage('r2', CRM_NEW);
    await crm.publish('r2');
    await store.publish('r1');
    expect([await store.current(), await crm.current()]).toEqual([NEW, CRM_NEW]);
    await crm.publish('r2');
    await crm.finish('r2');
    expect(await store.previous('r1')).toEqual(OLD);
    await store.finish('r1');
    expect([await store.current(), await crm.current()]).toEqual([NEW, CRM_NEW]);
  });

  it.each(['r1', 'r2'])('each go back by themselves, %s first, also when the other is over', async (first) => {
    await store.stage('r1', NEW);
    await store.publish('r1');
    await crm.stage('r2', CRM_NEW);
    await crm.publish('r2');
    const [one, other] = first === 'r1' ? [store, crm] : [crm, store];
    await one.restore(first);
    await one.finish(first);
    expect(await one.current()).toEqual(first === 'r1' ? OLD : CRM_OLD);
    expect(await other.current()).toEqual(first === 'r1' ? CRM_NEW : NEW);
    const second = first === 'r1' ? 'r2' : 'r1';
    await other.restore(second);
    await other.finish(second);
    expect([await store.current(), await crm.current()]).toEqual([OLD, CRM_OLD]);
  });

  it('the one that is over leaves the other its way back', async () => {
    await store.stage('r1', NEW);
    await store.publish('r1');
    await crm.stage('r2', CRM_NEW);
    await crm.publish('r2');
    await store.finish('r1');
    await crm.restore('r2');
    await crm.finish('r2');
    expect([await store.current(), await crm.current()]).toEqual([NEW, CRM_OLD]);
  });
});

describe('a folder', () => {
  it('becomes links through ..data, with the modes that the files had, and all other files', async () => {
    const [, open] = STORES[0] ?? [];
    const store = open?.();
    await store?.stage('r1', NEW);
    chmodSync(join(folder, '..rotation-r1', 'client_id'), 0o644);
    await store?.publish('r1');
    await store?.finish('r1');
    expect(lstatSync(join(folder, 'client_secret')).isSymbolicLink()).toBe(true);
    expect(statSync(join(folder, 'client_secret')).mode & 0o777).toBe(0o640);
    expect(readFileSync(join(folder, 'another'), 'utf8')).toBe('stays');
    expect(readdirSync(folder).sort()).toEqual(['..data', '..rotation-r1', 'another', 'client_id', 'client_secret']);
  });

  it('that is not there is refused before anything is changed', async () => {
    await expect(createFolderStore(join(folder, 'none'), {}, WANTED).check()).rejects.toThrow(/ENOENT/);
    mkdirSync(join(folder, 'empty'));
    expect(await createFolderStore(join(folder, 'empty'), {}, WANTED).current()).toBeUndefined();
  });
});

it('an environment file keeps its other lines, quotes and exports', () => {
  const text = '# kept\nexport A="1"\nB=2\n';
  expect(readEnv(text)).toEqual({ A: '1', B: '2' });
  expect(editEnv(text, { A: 'x', C: 'y' })).toBe('# kept\nexport A=x\nB=2\nC=y\n');
});

describe('Vault', () => {
  it("keeps what others wrote beside the values, and refuses to overwrite another's newer version", async () => {
    const store = STORES[2]?.[1]();
    await store?.stage('r1', NEW);
    await store?.publish('r1');
    expect(kv.get('genesys')?.at(-1)).toMatchObject({ ...NEW, another: 'stays' });
    await store?.finish('r1');
    expect([...kv.keys()]).toEqual(['genesys']);
  });

  it('that refuses the token says so without it', async () => {
    const settings = { address: serverUrl(), token: 'wrong-token', namespace: 'n', mount: 'kv', path: 'genesys' };
    const store = createVaultStore(settings, createHttp(realEffects), {}, WANTED);
    await expect(store.check()).rejects.toThrow(/^POST 127\.0\.0\.1:\d+\/v1\/sys\/capabilities-self answered 403$/);
  });
});

it('a webhook gets each action signed, the values once, and is never read', async () => {
  messages = [];
  const store = createWebhookStore(
    { url: `${serverUrl()}/hook`, key: 'hook-key' },
    createHttp(realEffects),
    {},
    realEffects,
  );
  await store.check();
  await store.stage('r1', NEW);
  await store.publish('r1');
  await store.finish('r1');
  expect(await store.staged('r1')).toBeUndefined();
  expect(messages.map(({ text }) => JSON.parse(text))).toEqual([
    { action: 'check' },
    { action: 'stage', rotation: 'r1', values: NEW },
    { action: 'publish', rotation: 'r1' },
    { action: 'finish', rotation: 'r1' },
  ]);
  for (const { headers, text } of messages) {
    const message = {
      timestamp: String(headers['x-rotation-timestamp']),
      signature: String(headers['x-rotation-signature']),
      body: text,
    };
    expect(verifySignature('hook-key', message, Date.now())).toBe(true);
  }
});
