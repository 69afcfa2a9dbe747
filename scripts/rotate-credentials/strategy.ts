/** What a strategy is to the engine, and what all of its steps work with. */
import { spawn } from 'node:child_process';
import { complaints, createAdoptionTracker, isAdopted, isQuiet, type NodeJudgement } from './adoption.js';
import type { Effects } from './effects.js';
import { type FailureName, RotationFailure } from './failure.js';
import type { GenesysApi } from './genesys-api.js';
import type { Http } from './http.js';
import { askNodes, type Nodes, type Samples } from './nodes.js';
import type { RotationState, StrategyName } from './state.js';
import type { SecretStore, SecretValues } from './store.js';

export const STEPS = [
  'inventory',
  'check',
  'create',
  'admit',
  'verify',
  'publish',
  'adopt',
  'grace',
  'deactivate',
  'soak',
  'delete',
  'revoke',
  'finish',
] as const;
export type StepName = (typeof STEPS)[number];

/** What the command line asks for. Times are in ms. */
export interface Settings {
  strategy: StrategyName;
  /** Id or name of an OAuth client, id of a key, username of a consumer. */
  target: string;
  metricsUrls: string[];
  pollMs: number;
  /** So long must the old one be unused on every node. */
  quietMs: number;
  adoptionTimeoutMs: number;
  graceMs: number;
  soakMs: number;
  /** How long a new credential may be refused at first: Genesys needs a moment to know it everywhere. */
  verifyTimeoutMs: number;
  allowScopes: string[];
  expiresDays: number;
  skipPermissionCheck: boolean;
  /** The API call by which a credential is tried out. */
  verifyPath: string;
  /** Run by a shell when the store has changed. */
  onPublish: string | undefined;
  /** Tokens that live shorter are not relied on while a secret changes. */
  minTokenLifeMs: number;
  /** The administrating OAuth client; not a secret. */
  adminClientId: string;
  consumer: ConsumerSettings | undefined;
}

export interface ConsumerSettings {
  /** The declarative configuration, as decK and DB-less Kong read it. */
  file: string;
  kind: 'key-auth' | 'basic-auth';
  keyHeader: string;
  gatewayUrls: string[];
  /** Admin APIs of DB-less nodes, which get the whole file by POST /config. */
  adminUrls: string[];
  adminToken: string | undefined;
  /** Instead: a command that applies the file, such as `deck gateway sync`. */
  apply: string | undefined;
}

export interface Context {
  settings: Settings;
  state: RotationState;
  /** Writes the state. */
  save(): void;
  effects: Effects;
  http: Http;
  api: GenesysApi;
  store: SecretStore;
  /** Tells how it goes within a step. */
  say(message: string): void;
  /** The new values, while this process has them. */
  values: SecretValues | undefined;
}

export interface Step {
  name: StepName;
  /** What an error without a name of its own is called, and what to do then. */
  failure: FailureName;
  hint: string;
  /** What it is going to do, for the plan. */
  plan(settings: Settings): string;
  /** Does it, again if need be: a crash may have come between its doing and its being noted. Says what came of it. */
  run(context: Context): Promise<string>;
}

export interface Strategy {
  steps: readonly Step[];
  /** Whether everything can still be put back. */
  canRollBack(state: RotationState): boolean;
  /** Puts everything back; may be repeated. */
  rollBack(context: Context): Promise<void>;
  /** After that point: sees to it that old and new both work. Steps that it undoes leave `state.done`. */
  keepBothAlive(context: Context): Promise<string>;
}

/** The store cannot give the new secret back to this process: it is made anew. */
export class LostSecretError extends Error {}

/** The new values: of this process, or of the store. @throws LostSecretError */
export async function newValues(context: Context): Promise<SecretValues> {
  context.values ??= await context.store.staged(context.state.id);
  if (context.values === undefined) throw new LostSecretError('the new secret is not in the store');
  return context.values;
}

/** Puts the new secret where the gateway reads it. */
export async function publish(context: Context): Promise<string> {
  const { state, store, effects, settings } = context;
  if (!state.data.publishing) {
    state.data.publishing = true;
    context.save();
  }
  await store.publish(state.id);
  await runCommand(settings.onPublish, context);
  state.data.publishedAtMs = effects.nowMs();
  return store.description;
}

/** Takes that back. */
export async function unpublish(context: Context): Promise<boolean> {
  if (!context.state.data.publishing) return false;
  await context.store.restore(context.state.id);
  await runCommand(context.settings.onPublish, context);
  return true;
}

/** Names of the environment that a command of the operator's does not get. */
const OWN_SECRETS = /^(GENESYS_|VAULT_TOKEN$|ROTATE_|KONG_ADMIN_TOKEN$)/;

/** Runs an operator's command, without this program's own secrets in its environment. */
export async function runCommand(command: string | undefined, { state, settings }: Context): Promise<void> {
  if (command === undefined) return;
  const inherited = Object.entries(process.env).filter(([name]) => !OWN_SECRETS.test(name));
  const env = { ...Object.fromEntries(inherited), ROTATION_ID: state.id, ROTATION_TARGET: settings.target };
  const child = spawn('/bin/sh', ['-c', command], { stdio: 'ignore', env });
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (exit, signal) => resolve(exit ?? signal ?? 'unknown'));
  });
  if (code !== 0) throw new Error(`the command ${JSON.stringify(command)} ended with ${code}`);
}

/** What is watched on the nodes. */
export interface Watched {
  what: 'tokens' | 'credentials';
  sample(nodes: Nodes): Samples;
}

/** Asks the nodes until something holds. @throws RotationFailure after `timeoutMs`, with what each node lacks */
async function watchNodes(
  { settings, effects, say }: Context,
  { what, sample }: Watched,
  holds: (nodes: NodeJudgement[], nowMs: number) => boolean,
  timeoutMs: number,
): Promise<NodeJudgement[]> {
  const startedAtMs = effects.nowMs();
  const tracker = createAdoptionTracker(startedAtMs);
  let told = '';
  for (;;) {
    const samples = sample(await askNodes(settings.metricsUrls, what, effects));
    const nowMs = effects.nowMs();
    const nodes = tracker.observe(nowMs, samples);
    if (holds(nodes, nowMs)) return nodes;
    const missing = complaints(nodes, settings.quietMs);
    if (missing !== told && missing !== '') say(`waiting: ${missing}`);
    told = missing;
    if (nowMs - startedAtMs > timeoutMs) {
      throw new RotationFailure(
        'DEPENDENCY_CHECK_FAILED',
        `the nodes had not gone over after ${Math.round(timeoutMs / 1000)} s: ${missing}`,
        'look whether these nodes read the same secret store and get requests, and what their logs say',
      );
    }
    await effects.sleep(settings.pollMs);
  }
}

/** Waits until every node uses the new one and not the old one. */
export async function adopt(context: Context, watched: Watched): Promise<string> {
  const { state, settings, effects } = context;
  const { publishedAtMs = effects.nowMs() } = state.data;
  const beganMs = effects.nowMs();
  const nodes = await watchNodes(
    context,
    watched,
    (seen) => isAdopted(seen, settings.quietMs),
    settings.adoptionTimeoutMs,
  );
  state.data.adoptedAtMs = effects.nowMs();
  state.data.adoptionMs = Object.fromEntries(
    nodes.map(({ url, newUsedAfterMs = 0 }) => [url, beganMs + newUsedAfterMs - publishedAtMs]),
  );
  return `${nodes.length} of ${nodes.length} nodes use the new credential, none the old one`;
}

/** Waits the grace period out, and longer if the old one comes back into use. */
export async function grace(context: Context, watched: Watched): Promise<string> {
  const { state, settings, effects } = context;
  state.data.graceUntilMs ??= effects.nowMs() + settings.graceMs;
  context.save();
  const until = state.data.graceUntilMs;
  await watchNodes(
    context,
    watched,
    (nodes, nowMs) => nowMs >= until && isQuiet(nodes, settings.quietMs),
    Math.max(0, until - effects.nowMs()) + settings.adoptionTimeoutMs,
  );
  return `the old credential stayed unused for the grace period of ${settings.graceMs / 1000} s`;
}

/** Waits the soak period out, and stops it as soon as anybody misses the old one. */
export async function soak(context: Context, watched: Watched): Promise<string> {
  const { state, settings, effects } = context;
  state.data.soakUntilMs ??= effects.nowMs() + settings.soakMs;
  context.save();
  const until = state.data.soakUntilMs;
  await watchNodes(
    context,
    watched,
    (nodes, nowMs) => {
      const user = nodes.find(({ oldUsed }) => oldUsed);
      if (user !== undefined) {
        throw new RotationFailure(
          'DEPENDENCY_CHECK_FAILED',
          `${user.url} used the old credential after it was deactivated`,
          'find out why that node went back to it, then run the same command again',
        );
      }
      return nowMs >= until && isQuiet(nodes, Math.min(settings.quietMs, settings.soakMs));
    },
    Math.max(0, until - effects.nowMs()) + settings.adoptionTimeoutMs,
  );
  return `nobody missed the old credential for the soak period of ${settings.soakMs / 1000} s`;
}

/** Going back: waits until no node uses the new one, which is about to be removed. */
export async function waitUntilUnused(context: Context, watched: Watched): Promise<void> {
  const swapped: Watched = {
    what: watched.what,
    sample: (nodes) =>
      new Map([...watched.sample(nodes)].map(([url, seen]) => [url, seen && { old: seen.new, new: seen.old }])),
  };
  const { settings } = context;
  await watchNodes(context, swapped, (nodes) => isQuiet(nodes, settings.quietMs), settings.adoptionTimeoutMs);
}

/** Tries until it works or time is up: what Genesys has just made is not known everywhere at once. */
export async function eventually<T>({ effects, settings }: Context, attempt: () => Promise<T>): Promise<T> {
  const giveUpAtMs = effects.nowMs() + settings.verifyTimeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (effects.nowMs() >= giveUpAtMs) throw error;
      await effects.sleep(settings.pollMs);
    }
  }
}
