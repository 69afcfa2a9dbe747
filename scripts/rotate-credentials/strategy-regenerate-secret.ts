/**
 * A new secret for the same client. Genesys kills the old one at once, so from there on there is no way back: until every
 * node has the new one, the gateway lives on tokens that it already holds. How long that was is measured.
 */
import { checkFormat } from './checks.js';
import { RotationFailure } from './failure.js';
import { askNodes, sampleTokens } from './nodes.js';
import type { Context, Step, Strategy, Watched } from './strategy.js';
import { adoptStep, checkClient, finishStep, inventoryStep, publishStep, verifyClient } from './strategy-new-client.js';

/** Nodes round ages to tenths of a second. A token taken for new too early does no harm: nothing is deleted here. */
const ROUNDING_MS = 100;

const check: Step = {
  name: 'check',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'nothing was changed',
  plan: ({ minTokenLifeMs }) =>
    `check scopes, permissions, roles, the store, and that every node's token lives ${minTokenLifeMs / 1000} s longer`,
  async run(context) {
    await checkClient(context, await context.api.clients(), ['oauth:client:view', 'oauth:client:edit']);
    const shortest = await checkTokenLife(context);
    return `all is as it must be; the nodes' tokens live ${Math.floor(shortest / 1000)} s longer at least`;
  },
};

/** The tokens bridge the gap, so they must outlast it. */
async function checkTokenLife({ settings, state, effects }: Context): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (const [url, node] of await askNodes(settings.metricsUrls, 'tokens', effects)) {
    const tokens = node?.tokens.filter(({ clientId, uses }) => clientId === state.target && uses > 0) ?? [];
    const left = Math.max(0, ...tokens.map(({ expiresInMs }) => expiresInMs));
    shortest = Math.min(shortest, left);
    if (left >= settings.minTokenLifeMs) continue;
    throw new RotationFailure(
      'DEPENDENCY_CHECK_FAILED',
      `the token of ${url} expires in ${Math.floor(left / 1000)} s, and must bridge the change of the secret`,
      `have it renewed first: curl -X POST '${url}/tokens/purge?client_id=${state.target}', and a request; or use new-client`,
    );
  }
  return shortest;
}

const create: Step = {
  name: 'create',
  failure: 'KEY_CREATION_FAILED',
  hint: 'run the same command again: it makes another secret if this one was lost',
  plan: () => 'have Genesys make a new secret, whereby the old one dies; put it into the store',
  async run(context) {
    const { api, state, store, effects } = context;
    if (state.data.regenerateFromMs === undefined) {
      await checkTokenLife(context);
      state.data.regenerateFromMs = effects.nowMs();
      context.save();
    }
    const staged = await store.staged(state.id);
    if (staged !== undefined) {
      state.data.regeneratedAtMs ??= effects.nowMs();
      return 'the new secret is in the store already';
    }
    const secret = await api.regenerateSecret(state.target);
    state.data.regeneratedAtMs = effects.nowMs();
    context.values = { client_id: state.target, client_secret: secret };
    // Not kept from the store by a wrong form: the old secret is dead, and this is the only one.
    await store.stage(state.id, context.values);
    return 'the old secret is dead, the new one is in the store';
  },
};

const verify: Step = {
  name: 'verify',
  failure: 'FORMAT_VERIFICATION_FAILED',
  hint: 'the old secret is dead, the gateway lives on its tokens: run the same command again at once',
  plan: ({ verifyPath }) => `log in with the new secret, and GET ${verifyPath}`,
  async run(context) {
    const result = await verifyClient(context);
    checkFormat(context.values ?? {});
    return result;
  },
};

const finish: Step = {
  ...finishStep,
  async run(context) {
    const { regeneratedAtMs = 0, adoptedAtMs = 0, publishedAtMs = 0, adoptionMs = {} } = context.state.data;
    const proof = await finishStep.run(context);
    const slowest = Math.max(0, ...Object.values(adoptionMs));
    const gapMs = Math.min(adoptedAtMs, publishedAtMs + slowest) - regeneratedAtMs;
    return `${proof}; without a valid secret in the gateway for ${(gapMs / 1000).toFixed(2)} s, bridged by tokens`;
  },
};

export const REGENERATE_SECRET: Strategy = {
  steps: [inventoryStep, check, create, verify, publishStep, adoptStep(byAge), finish],
  canRollBack: ({ data }) => data.regenerateFromMs === undefined,
  async rollBack({ store, state }) {
    await store.finish(state.id);
  },
  async keepBothAlive({ state }) {
    return state.done.includes('adopt')
      ? 'the new secret is in use'
      : 'the old secret is dead, and the gateway lives on its tokens: run the same command again at once';
  },
};

/** A token that a node got after the change is of the new secret: the old one gets none. */
function byAge({ state, effects }: Context): Watched {
  return {
    what: 'tokens',
    sample: (nodes) => {
      const sinceMs = effects.nowMs() - (state.data.regeneratedAtMs ?? effects.nowMs());
      return sampleTokens(nodes, ({ clientId, ageMs }) => {
        if (clientId !== state.target) return undefined;
        return ageMs <= sinceMs + ROUNDING_MS ? 'new' : 'old';
      });
    },
  };
}
