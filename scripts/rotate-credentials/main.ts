/** `npm run rotate`: puts the parts together, and says how it ended: 0 done, 1 refused, 2 rolled back, 3 not finished. */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Audit, openAudit, verifyTrail } from './audit.js';
import { type Command, type Genesys, readCommand, USAGE, valueNames } from './command-line.js';
import { realEffects } from './effects.js';
import { abort, type Engine, figures, mismatch, type Outcome, run } from './engine.js';
import { messageOf, RotationFailure } from './failure.js';
import { readIfThere } from './files.js';
import { createGenesysApi, type GenesysApi } from './genesys-api.js';
import { createHttp, type Http } from './http.js';
import { takeLock } from './lock.js';
import { createReport, createScrubber, figureLines, type Output, type Report } from './report.js';
import { isUnfinished, openStateFile, type RotationState } from './state.js';
import type { SecretStore } from './store.js';
import { createEnvFileStore } from './store-env-file.js';
import { createFolderStore } from './store-folder.js';
import { createVaultStore } from './store-vault.js';
import { createWebhookStore } from './store-webhook.js';
import type { Context, StepName, Strategy } from './strategy.js';
import { CONSUMER } from './strategy-consumer.js';
import { NEW_CLIENT } from './strategy-new-client.js';
import { REGENERATE_SECRET } from './strategy-regenerate-secret.js';
import { SECURITY_KEYS } from './strategy-security-keys.js';
import { readExternalTokens, watchToken } from './watch.js';

type Rotate = Extract<Command, { kind: 'rotate' }>;

const STRATEGIES: Record<string, Strategy> = {
  'new-client': NEW_CLIENT,
  'regenerate-secret': REGENERATE_SECRET,
  'security-keys': SECURITY_KEYS,
  consumer: CONSUMER,
};

const EXIT_CODES: Record<Outcome, number> = { done: 0, refused: 1, 'rolled-back': 2, stuck: 3, 'both-alive': 3 };

const EXPERIMENTAL =
  "security-keys is experimental: no source but guides knows /api/v2/security, and Genesys' SDK does not have it";

const scrubber = createScrubber();
/** On a terminal, a line takes the place of what was shown as going on. */
const erase = process.stdout.isTTY ? '\r\x1b[K' : '';
const output: Output = {
  out: (line) => console.log(erase + line),
  err: (line) => console.error(erase + line),
  ...(process.stdout.isTTY ? { progress: (text: string) => process.stdout.write(erase + text) } : {}),
};

async function main(): Promise<number> {
  const command = readCommand(process.argv.slice(2), process.env);
  const report = createReport(command.json, output, scrubber.scrub);
  switch (command.kind) {
    case 'help':
      console.log(USAGE);
      return 0;
    case 'verify-audit':
      return verifyAudit(command, report);
    case 'watch':
      return watch(command, report);
    case 'rotate':
      return rotate(command, report);
  }
}

async function rotate(command: Rotate, report: Report): Promise<number> {
  const release = takeLock(command.stateDir);
  try {
    return await rotateLocked(command, report);
  } catch (error) {
    if (!(error instanceof RotationFailure)) throw error;
    report.failed('start', error.failure, error.message, error.hint);
    return 1;
  } finally {
    release();
  }
}

async function rotateLocked(command: Rotate, report: Report): Promise<number> {
  const { settings, stateDir } = command;
  const strategy = STRATEGIES[settings.strategy];
  if (strategy === undefined) throw new Error(`no strategy ${settings.strategy}`);
  const http = createHttp(realEffects);
  const file = openStateFile(stateDir, realEffects);
  const digest = settingsDigest(command);
  const found = file.read();
  const problem = mismatch(found, { strategy: settings.strategy, target: settings.target, settings: digest });
  if (problem !== undefined) throw problem;
  const resumed = isUnfinished(found);
  if (command.abort && !resumed) throw new Error('there is no rotation to go back from');
  const state: RotationState = resumed ? found : newState(settings, digest);
  const context: Context = {
    settings,
    state,
    save: command.dryRun ? () => {} : () => file.write(state),
    effects: realEffects,
    http,
    api: openApi(command.genesys, http),
    store: openStore(command, http),
    say: report.note,
    values: undefined,
  };
  if (settings.strategy === 'security-keys') report.note(EXPERIMENTAL);
  if (command.dryRun) return dryRun(context, strategy, report);
  const audit = openRotationAudit(command, http);
  const engine: Engine = {
    strategy,
    audit,
    report,
    ...(command.stepByStep ? { confirm: (step: StepName) => confirm(step, command.json) } : {}),
  };
  const { id, target } = state;
  report.record('rotation', { id, strategy: settings.strategy, target, resumed, done: state.done }, [
    resumed
      ? `going on with rotation ${id} of ${target}, begun ${new Date(state.startedAtMs).toISOString()}`
      : `rotation ${id}: ${settings.strategy} of ${target}`,
  ]);
  context.save();
  audit.append({
    rotation: id,
    strategy: settings.strategy,
    target,
    step: resumed ? 'resume' : 'start',
    event: 'started',
    details: { done: state.done, store: context.store.description },
  });
  const outcome = command.abort ? await abort(context, engine) : await run(context, engine);
  const numbers = figures(context);
  const lines = outcome === 'done' ? figureLines(numbers) : [];
  report.record('end', { outcome, new_id: state.data.newId, ...numbers }, lines);
  return EXIT_CODES[outcome];
}

/** Makes the checks for real, which change nothing, and tells the rest. */
async function dryRun(context: Context, strategy: Strategy, report: Report): Promise<number> {
  const { settings, state } = context;
  for (const step of strategy.steps) {
    const isCheck = step.name === 'inventory' || step.name === 'check';
    const detail = isCheck && !state.done.includes(step.name) ? await step.run(context) : undefined;
    const plan = step.plan(settings);
    report.record('plan', { step: step.name, plan, ...(detail === undefined ? {} : { checked: detail }) }, [
      `${step.name.padEnd(11)} ${plan}${detail === undefined ? '' : `\n${' '.repeat(12)}-> ${detail}`}`,
    ]);
  }
  report.record('end', { outcome: 'planned' }, ['nothing was changed']);
  return 0;
}

async function verifyAudit(
  { stateDir, expectedHead }: Extract<Command, { kind: 'verify-audit' }>,
  report: Report,
): Promise<number> {
  const path = join(stateDir, 'audit.jsonl');
  const text = readIfThere(path);
  if (text === undefined) throw new Error(`${path} is not there`);
  const head = readIfThere(join(stateDir, 'audit.head.json'));
  const verdict = verifyTrail(text, head, process.env.ROTATE_AUDIT_KEY || undefined, expectedHead);
  report.record('audit', { ...verdict }, [
    verdict.intact
      ? `${path}: ${verdict.entries} entries, intact; the last is ${verdict.head}`
      : `${path}: ${verdict.problem}`,
  ]);
  return verdict.intact ? 0 : 1;
}

async function watch(command: Extract<Command, { kind: 'watch' }>, report: Report): Promise<number> {
  const tokens = readExternalTokens(readFileSync(command.list, 'utf8'), secretOf);
  const http = createHttp(realEffects);
  const api = openApi(command.genesys, http);
  report.note(EXPERIMENTAL);
  process.once('SIGTERM', () => process.exit(0));
  process.once('SIGINT', () => process.exit(0));
  await Promise.all(
    tokens.map((token) => watchToken(token, { api, http, effects: realEffects, report, stopped: () => false })),
  );
  return 0;
}

function newState(settings: Rotate['settings'], digest: string): RotationState {
  return {
    version: 1,
    id: randomUUID(),
    strategy: settings.strategy,
    target: settings.target,
    settings: digest,
    phase: 'running',
    startedAtMs: Date.now(),
    done: [],
    timings: {},
    data: {},
  };
}

/** Over what must be the same when a rotation is gone on with. */
function settingsDigest({ store, entries, genesys, settings }: Rotate): string {
  const fixed = [store, entries, genesys ?? null, settings.consumer?.file ?? null, settings.consumer?.kind ?? null];
  return createHash('sha256').update(JSON.stringify(fixed)).digest('hex');
}

function openApi(genesys: Genesys | undefined, http: Http): GenesysApi {
  const admin = {
    clientId: process.env.GENESYS_ADMIN_CLIENT_ID ?? '',
    clientSecret: genesys === undefined ? '' : secretOf('env:GENESYS_ADMIN_CLIENT_SECRET'),
  };
  return createGenesysApi(genesys ?? { apiUrl: '', tokenUrl: '' }, admin, http, scrubber.learn);
}

/** Resolves `env:NAME` and `file:PATH`; a variable may hold the latter. */
function secretOf(reference: string): string {
  const value = reference.startsWith('env:') ? (process.env[reference.slice(4)] ?? '') : reference;
  const secret = value.startsWith('file:') ? readFileSync(value.slice(5), 'utf8').replace(/\r?\n$/, '') : value;
  if (secret === '') throw new Error(`${reference} is empty`);
  scrubber.learn(secret);
  return secret;
}

function openStore({ store, entries, settings }: Rotate, http: Http): SecretStore {
  const wanted = valueNames(settings);
  switch (store.kind) {
    case 'file':
      return createFolderStore(store.folder, entries, wanted);
    case 'env':
      return createEnvFileStore(store.path, entries, wanted);
    case 'vault':
      return createVaultStore({ ...store, token: secretOf('env:VAULT_TOKEN') }, http, entries, wanted);
    case 'webhook':
      return createWebhookStore(
        { url: store.url, key: secretOf('env:ROTATE_WEBHOOK_KEY') },
        http,
        entries,
        realEffects,
      );
  }
}

function openRotationAudit({ stateDir, auditWebhook }: Rotate, http: Http): Audit {
  const webhook =
    auditWebhook === undefined ? undefined : { url: auditWebhook, key: secretOf('env:ROTATE_AUDIT_WEBHOOK_KEY') };
  return openAudit(stateDir, { key: process.env.ROTATE_AUDIT_KEY || undefined, webhook }, http, realEffects);
}

let answers: AsyncIterator<string> | undefined;

async function confirm(step: StepName, json: boolean): Promise<boolean> {
  answers ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  if (json) console.log(JSON.stringify({ event: 'confirm', step }));
  else process.stdout.write(`go on with ${step}? [y/N] `);
  const { value, done } = await answers.next();
  return done !== true && /^y(es)?$/i.test(value.trim());
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(scrubber.scrub(messageOf(error)));
    process.exit(1);
  },
);
