/**
 * The credential with which a service authenticates at the gateway: a second one beside the old, in the declarative
 * configuration, which is what DB-less Kong and decK have. Kong does not tell which of a consumer's credentials are used,
 * so the service has the grace period to go over.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { parse } from 'yaml';
import { checkFormat } from './checks.js';
import { countCredentials, withCredential, withoutCredentials } from './declarative.js';
import { RotationFailure } from './failure.js';
import { accessOf, readIfThere, replaceFile } from './files.js';
import { HttpError } from './http.js';
import type { SecretValues } from './store.js';
import {
  type ConsumerSettings,
  type Context,
  eventually,
  newValues,
  runCommand,
  type Step,
  type Strategy,
  unpublish,
} from './strategy.js';
import { checkStore, publishStep } from './strategy-new-client.js';

const inventory: Step = {
  name: 'inventory',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'nothing was changed',
  plan: ({ target }) => `find the credential of the consumer ${target} in the declarative file`,
  async run(context) {
    const { file, kind } = consumerOf(context);
    const { others } = countCredentials(readFileSync(file, 'utf8'), context.settings.target, kind, context.state.id);
    if (others !== 1) {
      throw new RotationFailure(
        'DEPENDENCY_CHECK_FAILED',
        `the consumer has ${others} ${kind} credentials, and which one is to go cannot be known`,
        'leave one in the file; the others may be of another rotation',
      );
    }
    context.state.target = context.settings.target;
    return `consumer ${context.settings.target} with one ${kind} credential`;
  },
};

const check: Step = {
  name: 'check',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'nothing was changed',
  plan: ({ consumer }) =>
    `check the secret store, and that ${consumer?.gatewayUrls.length} gateways take the credential that it holds`,
  async run(context) {
    await checkStore(context);
    const { file, adminUrls, gatewayUrls } = consumerOf(context);
    const text = readFileSync(file, 'utf8');
    if (adminUrls.length > 0 && text.includes('${{')) {
      throw new RotationFailure(
        'DEPENDENCY_CHECK_FAILED',
        'the file has decK placeholders, which only decK resolves',
        'use --apply "deck gateway sync ..." instead of --admin-url',
      );
    }
    const current = await context.store.current();
    if (current !== undefined) {
      for (const url of gatewayUrls) {
        const status = await statusWith(context, url, current);
        if (status !== 401) continue;
        throw new RotationFailure(
          'DEPENDENCY_CHECK_FAILED',
          `${url} refuses the credential that the secret store holds`,
          'see --store and --entry, and that the gateway runs with this file',
        );
      }
    }
    return 'store, file and gateways are as they must be';
  },
};

const create: Step = {
  name: 'create',
  failure: 'KEY_CREATION_FAILED',
  hint: 'nothing was changed at the gateway',
  plan: ({ consumer }) => `make a new ${consumer?.kind} credential and put it into the store`,
  async run(context) {
    const { store, state } = context;
    const staged = await store.staged(state.id);
    if (staged !== undefined) return 'the new credential is in the store already';
    const secret = randomBytes(32).toString('base64url');
    const { kind } = consumerOf(context);
    // A user name is of one credential only, so it changes too.
    const username = `${context.settings.target}-${randomBytes(4).toString('hex')}`;
    context.values = kind === 'key-auth' ? { key: secret } : { username, password: secret };
    checkFormat(context.values);
    await store.stage(state.id, context.values);
    return '256 bits of chance, in the store';
  },
};

const admit: Step = {
  name: 'admit',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: "see why the gateway does not take the file: its Admin API's answer, or the command",
  plan: ({ consumer }) => `put it beside the old one into ${consumer?.file}, and apply that`,
  async run(context) {
    const values = await newValues(context);
    const { settings, state } = context;
    if (!state.data.admitting) {
      state.data.admitting = true;
      context.save();
    }
    await edit(context, (text, { kind }) => withCredential(text, settings.target, kind, state.id, values));
    return 'the gateway knows both';
  },
};

const verify: Step = {
  name: 'verify',
  failure: 'FORMAT_VERIFICATION_FAILED',
  hint: 'see that these gateways run with the file, and that the route authenticates by this kind of credential',
  plan: ({ consumer, verifyPath }) => `GET ${verifyPath} with the new one at ${consumer?.gatewayUrls.length} gateways`,
  async run(context) {
    const values = await newValues(context);
    checkFormat(values);
    const { gatewayUrls } = consumerOf(context);
    for (const url of gatewayUrls) {
      await eventually(context, async () => {
        const status = await statusWith(context, url, values);
        if (status === 401 || status === 403 || status >= 500) throw new Error(`${url} answered ${status}`);
      });
    }
    return `${gatewayUrls.length} gateways accept it`;
  },
};

const grace: Step = {
  name: 'grace',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'old and new both work; run the same command again',
  plan: ({ graceMs }) => `leave both alive for ${graceMs / 1000} s, in which the service goes over`,
  async run({ state, settings, effects, save }) {
    state.data.graceUntilMs ??= effects.nowMs() + settings.graceMs;
    save();
    const until = state.data.graceUntilMs;
    while (effects.nowMs() < until) await effects.sleep(Math.min(settings.pollMs, until - effects.nowMs()));
    return `both were alive for ${settings.graceMs / 1000} s`;
  },
};

const revoke: Step = {
  name: 'revoke',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'old and new both work; run the same command again',
  plan: ({ consumer }) => `remove the old one from ${consumer?.file}, and apply that`,
  async run(context) {
    const { settings, state } = context;
    const { file } = consumerOf(context);
    const backup = backupOf(context);
    if (readIfThere(backup) === undefined) replaceFile(backup, readFileSync(file, 'utf8'), accessOf(file));
    await edit(context, (text, { kind }) => withoutCredentials(text, settings.target, kind, state.id, 'others'));
    return 'the gateway knows the new one only';
  },
};

const finish: Step = {
  name: 'finish',
  failure: 'DEPENDENCY_CHECK_FAILED',
  hint: 'run the same command again',
  plan: () => 'see that the old one gets 401, and remove it from the store',
  async run(context) {
    const { store, state } = context;
    const previous = await store.previous(state.id);
    const { gatewayUrls } = consumerOf(context);
    for (const url of previous === undefined ? [] : gatewayUrls) {
      await eventually(context, async () => {
        const status = await statusWith(context, url, previous ?? {});
        if (status !== 401) throw new Error(`${url} answers ${status} to the old credential`);
      });
    }
    rmSync(backupOf(context), { force: true });
    await store.finish(state.id);
    return previous === undefined
      ? 'the old credential could not be read back and tried'
      : `${gatewayUrls.length} gateways refuse the old credential (401)`;
  },
};

export const CONSUMER: Strategy = {
  steps: [inventory, check, create, admit, verify, publishStep, grace, revoke, finish],
  // The service may have the new one from `publish` on.
  canRollBack: ({ done }) => !done.includes('publish'),
  async rollBack(context) {
    const { settings, state, store } = context;
    await unpublish(context);
    if (state.data.admitting) {
      await edit(context, (text, { kind }) => withoutCredentials(text, settings.target, kind, state.id, 'own'));
    }
    await store.finish(state.id);
  },
  async keepBothAlive(context) {
    const backup = readIfThere(backupOf(context));
    if (backup === undefined) return 'both credentials are in the file';
    const { state, save } = context;
    await edit(context, () => backup);
    rmSync(backupOf(context), { force: true });
    state.done = state.done.filter((step) => step !== 'revoke');
    save();
    return 'the old credential was put back into the file and applied; both work';
  },
};

function consumerOf({ settings }: Context): ConsumerSettings {
  if (settings.consumer === undefined) throw new Error('no settings of a consumer');
  return settings.consumer;
}

function backupOf(context: Context): string {
  return `${consumerOf(context).file}.before-${context.state.id}`;
}

/** Changes the file and has the gateways take it. */
async function edit(context: Context, change: (text: string, settings: ConsumerSettings) => string): Promise<void> {
  const settings = consumerOf(context);
  const before = readFileSync(settings.file, 'utf8');
  const text = change(before, settings);
  context.effects.checkpoint('before the declarative file');
  if (text !== before) replaceFile(settings.file, text, accessOf(settings.file));
  context.effects.checkpoint('after the declarative file');
  await runCommand(settings.apply, context);
  for (const url of settings.adminUrls) {
    const headers: Record<string, string> =
      settings.adminToken === undefined ? {} : { 'Kong-Admin-Token': settings.adminToken };
    await context.http.call({ method: 'POST', url: `${url.replace(/\/$/, '')}/config`, headers, body: parse(text) });
  }
}

async function statusWith(context: Context, gatewayUrl: string, values: SecretValues): Promise<number> {
  const { kind, keyHeader } = consumerOf(context);
  const basic = Buffer.from(`${values.username}:${values.password}`).toString('base64');
  const headers: Record<string, string> =
    kind === 'key-auth' ? { [keyHeader]: values.key ?? '' } : { Authorization: `Basic ${basic}` };
  const url = gatewayUrl.replace(/\/$/, '') + context.settings.verifyPath;
  try {
    await context.http.call({ method: 'GET', url, headers });
    return 200;
  } catch (error) {
    if (error instanceof HttpError) return error.status;
    throw error;
  }
}
