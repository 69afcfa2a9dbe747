/**
 * HashiCorp Vault, secrets engine KV version 2, by its HTTP API. A rotation's values are staged under a path of their own
 * beside the current one; publication writes a new version with check-and-set, so that nobody else's write is lost.
 */
import { property } from '../../plugins/shared/property.js';
import { type Http, HttpError } from './http.js';
import { type EntryNames, fromEntries, type SecretStore, type SecretValues, toEntries } from './store.js';

export interface VaultSettings {
  /** https, or loopback. */
  address: string;
  token: string;
  namespace: string | undefined;
  mount: string;
  path: string;
}

/** A version of a secret. */
interface Version {
  data: Record<string, unknown>;
  number: number;
  /** Which rotation wrote it, kept in the secret's own data since a version has no other place. */
  rotation: string | undefined;
}

/** Beside the values: which rotation wrote them, and the version before. */
const ROTATION = 'rotation_id';
const BEFORE = 'rotation_before';

export function createVaultStore(
  { address, token, namespace, mount, path }: VaultSettings,
  http: Http,
  names: EntryNames,
  wanted: readonly string[],
): SecretStore {
  const headers = { 'X-Vault-Token': token, ...(namespace === undefined ? {} : { 'X-Vault-Namespace': namespace }) };
  const url = (kind: 'data' | 'metadata', name: string, query = ''): string =>
    `${address.replace(/\/$/, '')}/v1/${mount}/${kind}/${name}${query}`;
  const stagedPath = (rotationId: string): string => `${path}-rotation-${rotationId}`;

  async function read(name: string, version?: number): Promise<Version | undefined> {
    try {
      const query = version === undefined ? '' : `?version=${version}`;
      const answer = await http.call({ method: 'GET', url: url('data', name, query), headers });
      const data = property(property(answer, 'data'), 'data');
      const number = property(property(property(answer, 'data'), 'metadata'), 'version');
      if (typeof data !== 'object' || data === null || typeof number !== 'number') return undefined;
      const entries = data as Record<string, unknown>;
      const rotation = entries[ROTATION];
      return { data: entries, number, rotation: typeof rotation === 'string' ? rotation : undefined };
    } catch (error) {
      if (error instanceof HttpError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** @param cas the version that must still be the newest; 0: there is none */
  async function write(name: string, data: Record<string, unknown>, cas?: number): Promise<void> {
    const body = { data, ...(cas === undefined ? {} : { options: { cas } }) };
    await http.call({ method: 'POST', url: url('data', name), headers, body });
  }

  const valuesOf = (version: Version | undefined): SecretValues | undefined =>
    version && fromEntries(version.data, names, wanted);

  /** The version that was current before this rotation published. */
  async function versionBefore(rotationId: string): Promise<Version | undefined> {
    const now = await read(path);
    const number = now?.rotation === rotationId ? now.data[BEFORE] : undefined;
    return typeof number === 'number' && number > 0 ? read(path, number) : undefined;
  }

  return {
    description: `Vault ${address}, ${mount}/${path}`,
    readable: true,
    async check() {
      const answer = await http.call({
        method: 'POST',
        url: `${address.replace(/\/$/, '')}/v1/sys/capabilities-self`,
        headers,
        body: { paths: [`${mount}/data/${path}`] },
      });
      const capabilities = property(property(answer, 'data') ?? answer, 'capabilities');
      const has = (name: string): boolean => Array.isArray(capabilities) && capabilities.includes(name);
      if (!has('root') && !(has('read') && (has('update') || has('create')))) {
        throw new Error(`Vault's token may not read and write ${mount}/data/${path}`);
      }
    },
    current: async () => valuesOf(await read(path)),
    async stage(rotationId, values) {
      await write(stagedPath(rotationId), { ...toEntries(values, names), [ROTATION]: rotationId });
    },
    staged: async (rotationId) => valuesOf(await read(stagedPath(rotationId))),
    async publish(rotationId) {
      const now = await read(path);
      if (now?.rotation === rotationId) return;
      const staged = await read(stagedPath(rotationId));
      if (staged === undefined) throw new Error('Vault does not have the staged secret');
      const before = now?.number ?? 0;
      await write(path, { ...now?.data, ...staged.data, [ROTATION]: rotationId, [BEFORE]: before }, before);
    },
    async restore(rotationId) {
      const now = await read(path);
      const before = await versionBefore(rotationId);
      if (now !== undefined && before !== undefined) await write(path, before.data, now.number);
    },
    previous: async (rotationId) => valuesOf(await versionBefore(rotationId)),
    async finish(rotationId) {
      await http.call({ method: 'DELETE', url: url('metadata', stagedPath(rotationId)), headers });
    },
  };
}
