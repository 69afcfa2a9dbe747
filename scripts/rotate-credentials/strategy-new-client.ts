/**
 * A second OAuth client beside the old one, which is deleted last: no moment without a working credential. The new client
 * is marked in its description, so that one that a crash left behind is known and removed.
 */
import { checkFormat, checkPermissions, checkRoles, checkScopes } from './checks.js';
import { changed, differences, markOf, type OAuthClient, successorOf } from './client-copy.js';
import { asFailure, RotationFailure } from './failure.js';
import type { Credentials, GenesysApi } from './genesys-api.js';
import { HttpError, NoAnswerError } from './http.js';
import { askNodes, sampleTokens } from './nodes.js';
import type { SecretValues } from './store.js';
import {
  adopt,
  type Context,
  eventually,
  grace,
  newValues,
  publish,
  type Step,
  type Strategy,
  soak,
  unpublish,
  type Watched,
  waitUntilUnused,
} from './strategy.js';

const PERMISSIONS = ['oauth:client:view', 'oauth:client:add', 'oauth:client:edit', 'oauth:client:delete'];
const CREATE_ATTEMPTS = 4;

/** Finds the OAuth client that is to be rotated. */
export const inventoryStep: Step = {
  name: 'inventory',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'nothing was changed',
  plan: ({ target }) => `list the OAuth clients and find ${target}`,
  async run(context) {
    const clients = await context.api.clients();
    const client = findClient(clients, context.settings.target);
    context.state.target = client.id;
    context.state.data.oldName = client.name;
    return `${clients.length} OAuth clients; the target is ${client.id} (${JSON.stringify(client.name)})`;
  },
};

const check: Step = {
  name: 'check',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'nothing was changed',
  plan: ({ metricsUrls }) =>
    `check scopes, permissions, roles, the secret store, and that all ${metricsUrls.length} nodes use the target`,
  async run(context) {
    const clients = await context.api.clients();
    const target = await checkClient(context, clients, PERMISSIONS);
    const other = clients.find((client) => {
      const mark = markOf(client);
      return mark?.oldId === target.id && mark.rotationId !== context.state.id;
    });
    if (other !== undefined) {
      throw new RotationFailure(
        'DEPENDENCY_CHECK_FAILED',
        `the client ${other.id} is of another rotation of this target, under way or left behind`,
        'finish that rotation or abort it where it was started; if it is lost, delete that client at Genesys',
      );
    }
    return 'scopes, permissions, roles, store and nodes are as they must be';
  },
};

const create: Step = {
  name: 'create',
  failure: 'KEY_CREATION_FAILED',
  hint: 'what was made is removed again; look at the answer of Genesys',
  plan: () => 'create a second client with the same roles, scopes and IP allow list; put its secret into the store',
  async run(context) {
    const { api, state, store } = context;
    const old = await api.client(state.target);
    if (old === undefined) throw targetNotFound(state.target);
    const staged = await store.staged(state.id);
    const kept = staged && (await api.client(staged.client_id ?? ''));
    const successor = kept ?? (await createMarked(context, old));
    state.data.newId = successor.id;
    const missing = differences(old, successor);
    if (missing.length > 0) {
      throw new RotationFailure(
        'KEY_CREATION_FAILED',
        `the new client has not taken over: ${missing.join(', ')}`,
        'Genesys ignored these fields: see whether the administrating client may set them',
      );
    }
    return `client ${successor.id}`;
  },
};

const verify: Step = {
  name: 'verify',
  failure: 'FORMAT_VERIFICATION_FAILED',
  hint: "if the client has an IP allow list, this machine's address must be in it",
  plan: ({ verifyPath }) => `log in as the new client, and GET ${verifyPath}`,
  run: verifyClient,
};

/** The secret's form, a login and a call. */
export async function verifyClient(context: Context): Promise<string> {
  const values = await newValues(context);
  checkFormat(values);
  const { api, settings } = context;
  await eventually(context, async () => {
    const token = await api.login(credentialsOf(values));
    await api.tryOut(settings.verifyPath, { Authorization: `Bearer ${token}` });
  });
  return 'a token was obtained, and an API call succeeded';
}

export const publishStep: Step = {
  name: 'publish',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'see why the secret store, or the command after it, failed',
  plan: ({ onPublish }) =>
    `make the new secret the current one${onPublish === undefined ? '' : `, then run ${onPublish}`}`,
  run: publish,
};

export function adoptStep(watched: (context: Context) => Watched): Step {
  return {
    name: 'adopt',
    failure: 'DEPENDENCY_CHECK_FAILED',
    hint: 'see what the nodes say',
    plan: ({ metricsUrls, quietMs }) =>
      `wait until ${metricsUrls.length} nodes use the new one, and not the old one for ${quietMs / 1000} s`,
    run: (context) => adopt(context, watched(context)),
  };
}

export function graceStep(watched: (context: Context) => Watched): Step {
  return {
    name: 'grace',
    failure: 'DEPENDENCY_CHECK_FAILED',
    hint: 'old and new both work; run the same command again',
    plan: ({ graceMs }) => `leave both alive for ${graceMs / 1000} s`,
    run: (context) => grace(context, watched(context)),
  };
}

const deactivate: Step = {
  name: 'deactivate',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'run the same command again',
  plan: () => 'deactivate the old client, which can be undone',
  async run(context) {
    const { api, state } = context;
    const old = await api.client(state.target);
    if (old === undefined) return 'the old client is gone already';
    if (!state.data.deactivated) {
      state.data.deactivated = true;
      context.save();
    }
    await api.updateClient(old.id, changed(old, { state: 'inactive' }));
    return `client ${old.id} is inactive`;
  },
};

const soakStep: Step = {
  name: 'soak',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'the old client was activated again; run the same command again',
  plan: ({ soakMs }) => `see for ${soakMs / 1000} s that nobody misses it`,
  run: (context) => soak(context, byClient(context)),
};

const remove: Step = {
  name: 'delete',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'run the same command again',
  plan: () => 'delete the old client, which cannot be undone',
  async run({ api, state }) {
    const successor = await api.client(state.data.newId ?? '');
    if (successor === undefined || successor.state === 'inactive') {
      throw new RotationFailure(
        'DEPENDENCY_CHECK_FAILED',
        `the new client ${state.data.newId} is not active any more`,
        'somebody else has changed it: activate it at Genesys, then run the same command again',
      );
    }
    await api.deleteClient(state.target);
    return `client ${state.target} is deleted`;
  },
};

export const finishStep: Step = {
  name: 'finish',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'run the same command again',
  plan: () => 'see that the old credential is refused, and remove it from the store',
  async run(context) {
    const { store, state, api } = context;
    const previous = await store.previous(state.id);
    const proof =
      previous === undefined ? 'the old secret could not be read back and tried' : await refused(api, previous);
    await store.finish(state.id);
    return proof;
  },
};

/** @throws RotationFailure if login still takes these credentials */
async function refused(api: GenesysApi, values: SecretValues): Promise<string> {
  try {
    await api.login(credentialsOf(values));
  } catch (error) {
    if (error instanceof HttpError && (error.status === 400 || error.status === 401)) {
      return `login refuses the old credential (${error.status})`;
    }
    throw error;
  }
  throw new RotationFailure(
    'DEPENDENCY_CHECK_FAILED',
    'login still accepts the old credential',
    'Genesys may need a moment: run the same command again',
  );
}

export const NEW_CLIENT: Strategy = {
  steps: [
    inventoryStep,
    check,
    create,
    verify,
    publishStep,
    adoptStep(byClient),
    graceStep(byClient),
    deactivate,
    soakStep,
    remove,
    finishStep,
  ],
  canRollBack: ({ done }) => !done.includes('adopt'),
  async rollBack(context) {
    const { state, store } = context;
    if ((await unpublish(context)) && state.data.newId !== undefined) {
      await waitUntilUnused(context, byClient(context));
    }
    await removeMarked(context);
    await store.finish(state.id);
  },
  async keepBothAlive({ api, state, save }) {
    if (!state.data.deactivated) return 'both clients are active';
    const old = await api.client(state.target);
    if (old === undefined) return 'the old client is deleted already; the new one is in use';
    await api.updateClient(old.id, changed(old, { state: 'active' }));
    state.data.deactivated = false;
    delete state.data.soakUntilMs;
    state.done = state.done.filter((step) => step !== 'deactivate' && step !== 'soak');
    save();
    return 'the old client was activated again; both clients are active';
  },
};

/** Makes the client. A call without an answer may have made one whose secret nobody knows: it is removed first. */
async function createMarked(context: Context, old: OAuthClient): Promise<OAuthClient> {
  const { api, state, store, effects, settings } = context;
  for (let attempt = 1; ; attempt++) {
    await removeMarked(context);
    try {
      const { client, secret } = await api.createClient(successorOf(old, { rotationId: state.id, oldId: old.id }));
      context.values = { client_id: client.id, client_secret: secret };
      await store.stage(state.id, context.values);
      return client;
    } catch (error) {
      const unsure = error instanceof NoAnswerError || (error instanceof HttpError && error.status >= 500);
      if (!unsure || attempt >= CREATE_ATTEMPTS) throw error;
      await effects.sleep(settings.pollMs * attempt);
    }
  }
}

async function removeMarked({ api, state }: Context): Promise<void> {
  for (const client of await api.clients()) {
    if (markOf(client)?.rotationId === state.id && client.id !== state.target) await api.deleteClient(client.id);
  }
}

/** Which token of a node is of which client. */
function byClient({ state }: Context): Watched {
  return {
    what: 'tokens',
    sample: (nodes) =>
      sampleTokens(nodes, ({ clientId }) =>
        clientId === state.target ? 'old' : clientId === state.data.newId ? 'new' : undefined,
      ),
  };
}

export function credentialsOf(values: SecretValues): Credentials {
  return { clientId: values.client_id ?? '', clientSecret: values.client_secret ?? '' };
}

/** By id or, if only one has it, by name. */
export function findClient(clients: readonly OAuthClient[], target: string): OAuthClient {
  if (clients.length === 0) {
    throw new RotationFailure(
      'INVENTORY_EMPTY',
      'Genesys lists no OAuth client',
      'see that the administrating client is of the right organisation and has oauth:client:view',
    );
  }
  const byId = clients.find(({ id }) => id === target);
  const named = clients.filter(({ name }) => name === target);
  if (byId !== undefined) return byId;
  if (named.length > 1) {
    throw new RotationFailure(
      'TARGET_NOT_FOUND',
      `${named.length} OAuth clients have the name ${JSON.stringify(target)}`,
      `name one by its id: ${named.map(({ id }) => id).join(', ')}`,
    );
  }
  const [only] = named;
  if (only === undefined) throw targetNotFound(target);
  return only;
}

function targetNotFound(target: string): RotationFailure {
  return new RotationFailure(
    'TARGET_NOT_FOUND',
    `there is no OAuth client ${JSON.stringify(target)}`,
    'see its id at Genesys: Admin, Integrations, OAuth; and that the region is the right one',
  );
}

/** What must hold before a client, or its secret, is changed. */
export async function checkClient(
  context: Context,
  clients: readonly OAuthClient[],
  permissions: readonly string[],
): Promise<OAuthClient> {
  const { api, settings, store, state, effects } = context;
  const target = findClient(clients, state.target);
  if (target.id === settings.adminClientId) {
    throw new RotationFailure(
      'DEPENDENCY_CHECK_FAILED',
      'the target is the client that this rotation itself works with',
      'administrate with another OAuth client: this one dies on the way',
    );
  }
  if (target.state === 'inactive') {
    throw new RotationFailure('DEPENDENCY_CHECK_FAILED', 'the target is inactive', 'activate it, or choose another');
  }
  checkScopes(Array.isArray(target.scope) ? target.scope.map(String) : [], settings.allowScopes);
  if (!settings.skipPermissionCheck) {
    const grants = await api.grants();
    checkPermissions(grants, permissions);
    checkRoles(grants, Array.isArray(target.roleDivisions) ? target.roleDivisions : []);
  }
  await checkStore(context);
  const current = await store.current();
  if (store.readable && current?.client_id !== target.id) {
    throw new RotationFailure(
      'DEPENDENCY_CHECK_FAILED',
      'the secret store does not hold this client as the current one',
      'see --store and --entry: client_id and client_secret must be those that the gateway reads',
    );
  }
  const nodes = await askNodes(settings.metricsUrls, 'tokens', effects);
  for (const [url, node] of nodes) {
    const used = node?.tokens.some(({ clientId, uses }) => clientId === target.id && uses > 0);
    if (!used) throw notInUse(url, node !== undefined);
  }
  return target;
}

export async function checkStore({ store }: Context): Promise<void> {
  try {
    await store.check();
  } catch (error) {
    const hint = 'see that it is there, and that this user may write it';
    const failure = asFailure(error, 'DEPENDENCY_CHECK_FAILED', hint);
    throw new RotationFailure('DEPENDENCY_CHECK_FAILED', `${store.description}: ${failure.message}`, hint);
  }
}

export function notInUse(url: string, reachable: boolean): RotationFailure {
  return reachable
    ? new RotationFailure(
        'DEPENDENCY_CHECK_FAILED',
        `the node ${url} does not use the target`,
        'send a request through it; if it still does not, it is configured with another credential',
      )
    : new RotationFailure(
        'DEPENDENCY_CHECK_FAILED',
        `the node ${url} cannot be asked`,
        "start genesys-token-manager's plugin server with --metrics, and reach it through a tunnel from this machine",
      );
}
