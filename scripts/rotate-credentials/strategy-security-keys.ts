/**
 * A second security key beside the old one, by the API that guides describe as /api/v2/security/keys. The gateway injects
 * it as a static credential (`credential: bearer` of genesys-token-manager); nodes tell which one by its fingerprint.
 */
import { credentialFingerprint } from '../../plugins/shared/credential-fingerprint.js';
import { checkExpiry, checkFormat, checkPermissions, checkQuota, checkScopes } from './checks.js';
import { RotationFailure } from './failure.js';
import type { SecurityKey } from './genesys-api.js';
import { HttpError, NoAnswerError } from './http.js';
import { askNodes, sampleCredentials } from './nodes.js';
import {
  type Context,
  eventually,
  newValues,
  type Step,
  type Strategy,
  unpublish,
  type Watched,
  waitUntilUnused,
} from './strategy.js';
import { adoptStep, checkStore, graceStep, notInUse, publishStep } from './strategy-new-client.js';

const PERMISSIONS = ['security:key:view', 'security:key:add', 'security:key:delete'];
const CREATE_ATTEMPTS = 4;

const inventory: Step = {
  name: 'inventory',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'nothing was changed',
  plan: ({ target }) => `list the security keys and find ${target}`,
  async run({ api, settings, state }) {
    const keys = await api.keys();
    const key = findKey(keys, settings.target);
    state.target = key.id;
    state.data.oldName = key.name;
    return `${keys.length} security keys, ${active(keys).length} active; the target is ${key.id} (${JSON.stringify(key.name)})`;
  },
};

const check: Step = {
  name: 'check',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'nothing was changed',
  plan: ({ expiresDays, metricsUrls }) =>
    `check scopes, quota, the expiry of ${expiresDays} days, permissions, the store, and that all ${metricsUrls.length} nodes use the target`,
  async run(context) {
    const { api, settings, state, store, effects } = context;
    checkExpiry(settings.expiresDays);
    const keys = await api.keys();
    const key = findKey(keys, state.target);
    checkQuota(active(keys).length);
    checkScopes(scopesOf(key), settings.allowScopes);
    if (!settings.skipPermissionCheck) checkPermissions(await api.grants(), PERMISSIONS);
    await checkStore(context);
    const current = await store.current();
    if (current?.key === undefined) {
      throw new RotationFailure(
        'DEPENDENCY_CHECK_FAILED',
        'the current key cannot be read from the secret store, so its use cannot be seen',
        'use a store that can be read (file, env, vault), with the key that the gateway reads',
      );
    }
    state.data.oldFingerprint = await fingerprintOf(current.key);
    for (const [url, node] of await askNodes(settings.metricsUrls, 'credentials', effects)) {
      const used = node?.credentials.some(({ fingerprint }) => fingerprint === state.data.oldFingerprint);
      if (!used) throw notInUse(url, node !== undefined);
    }
    return 'scopes, quota, expiry, permissions, store and nodes are as they must be';
  },
};

const create: Step = {
  name: 'create',
  failure: 'KEY_CREATION_FAILED',
  hint: 'what was made is removed again; look at the answer of Genesys',
  plan: ({ expiresDays }) => `create a second key with the same scopes for ${expiresDays} days; put it into the store`,
  async run(context) {
    const { api, state, store } = context;
    const keys = await api.keys();
    const staged = await store.staged(state.id);
    const marked = keys.filter((key) => isMarked(key, state.id));
    if (staged?.key !== undefined && marked.length === 1) {
      state.data.newId = marked[0]?.id ?? '';
      context.values = staged;
    } else {
      state.data.newId = (await createMarked(context, findKey(keys, state.target))).id;
    }
    state.data.newFingerprint = await fingerprintOf(context.values?.key ?? '');
    return `key ${state.data.newId}`;
  },
};

const verify: Step = {
  name: 'verify',
  failure: 'FORMAT_VERIFICATION_FAILED',
  hint: 'Genesys does not take the new key: see its scopes, and --verify-path',
  plan: ({ verifyPath }) => `GET ${verifyPath} with the new key`,
  async run(context) {
    const values = await newValues(context);
    checkFormat(values);
    const headers = { Authorization: `Bearer ${values.key}` };
    await eventually(context, () => context.api.tryOut(context.settings.verifyPath, headers));
    return 'an API call with the new key succeeded';
  },
};

const remove: Step = {
  name: 'delete',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'run the same command again',
  plan: () => 'delete the old key, which cannot be undone',
  async run({ api, state }) {
    await api.deleteKey(state.target);
    return `key ${state.target} is deleted`;
  },
};

const finish: Step = {
  name: 'finish',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'Genesys may need a moment: run the same command again',
  plan: () => 'see that the old key is refused, and remove it from the store',
  async run({ api, store, state, settings }) {
    const previous = await store.previous(state.id);
    try {
      await api.tryOut(settings.verifyPath, { Authorization: `Bearer ${previous?.key ?? ''}` });
    } catch (error) {
      if (!(error instanceof HttpError && (error.status === 401 || error.status === 403))) throw error;
      await store.finish(state.id);
      return `the API refuses the old key (${error.status})`;
    }
    throw new Error('the API still accepts the old key');
  },
};

export const SECURITY_KEYS: Strategy = {
  // The API as described knows no inactive keys, so there is no soak period: the grace period is all.
  steps: [inventory, check, create, verify, publishStep, adoptStep(byKey), graceStep(byKey), remove, finish],
  canRollBack: ({ done }) => !done.includes('adopt'),
  async rollBack(context) {
    const { state, store } = context;
    if ((await unpublish(context)) && state.data.newFingerprint !== undefined) {
      await waitUntilUnused(context, byKey(context));
    }
    await removeMarked(context);
    await store.finish(state.id);
  },
  async keepBothAlive({ api, state }) {
    return (await api.keys()).some(({ id }) => id === state.target)
      ? 'both keys are active'
      : 'the old key is deleted already; the new one is in use';
  },
};

function byKey({ state: { data } }: Context): Watched {
  return {
    what: 'credentials',
    sample: (nodes) => sampleCredentials(nodes, data.oldFingerprint ?? '', data.newFingerprint ?? ''),
  };
}

async function createMarked(context: Context, old: SecurityKey): Promise<SecurityKey> {
  const { api, state, store, settings, effects } = context;
  const body = {
    name: old.name,
    description: `[rotation ${state.id} of ${old.id}]`,
    scopes: scopesOf(old),
    expiresInDays: settings.expiresDays,
  };
  for (let attempt = 1; ; attempt++) {
    await removeMarked(context);
    try {
      const { key, value } = await api.createKey(body);
      context.values = { key: value };
      await store.stage(state.id, context.values);
      return key;
    } catch (error) {
      const unsure = error instanceof NoAnswerError || (error instanceof HttpError && error.status >= 500);
      if (!unsure || attempt >= CREATE_ATTEMPTS) throw error;
      await effects.sleep(settings.pollMs * attempt);
    }
  }
}

async function removeMarked({ api, state }: Context): Promise<void> {
  for (const key of await api.keys()) if (isMarked(key, state.id)) await api.deleteKey(key.id);
}

function isMarked(key: SecurityKey, rotationId: string): boolean {
  return typeof key.description === 'string' && key.description.includes(`[rotation ${rotationId} of `);
}

function findKey(keys: readonly SecurityKey[], target: string): SecurityKey {
  if (keys.length === 0) {
    throw new RotationFailure(
      'INVENTORY_EMPTY',
      'Genesys lists no security key',
      'see that the administrating client is of the right organisation and has security:key:view',
    );
  }
  const key = keys.find(({ id }) => id === target);
  if (key !== undefined) return key;
  throw new RotationFailure(
    'TARGET_NOT_FOUND',
    `there is no security key ${JSON.stringify(target)}`,
    'name a key by its id',
  );
}

function active(keys: readonly SecurityKey[]): SecurityKey[] {
  return keys.filter(({ state }) => state === undefined || state === 'active');
}

function scopesOf(key: SecurityKey): string[] {
  return Array.isArray(key.scopes) ? key.scopes.map(String) : [];
}

function fingerprintOf(key: string): Promise<string> {
  return credentialFingerprint(`Bearer ${key}`);
}
