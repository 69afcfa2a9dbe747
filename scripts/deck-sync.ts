/**
 * `npm run deck:sync -- --stage NAME`: the CI step. Renders a stage's state, validates it, says what would change, and
 * changes it. What it prints, and its report, hold counts and names and no values.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { checkDocuments } from '../kong/config-check/check.js';
import { deckVariablesIn } from '../kong/config-check/references.js';
import { readVariants } from '../kong/config-check/suite.js';
import { isUnsupportedKong, KONG_WANTED, versionNumbers } from '../kong/kong-version.js';
import { readDocument } from '../kong/local-gateway/config/document.js';
import { judgeDeckVersion } from '../kong/testbed/deck-version.js';
import type { PlainObject } from '../plugins/shared/plain-object.js';
import { answerHelp } from './arguments.js';
import { type Change, countChanges, type DeckResult, readDeckJson } from './deck/changes.js';
import { createDeck, type Deck } from './deck/deck.js';
import { lintRules, readLintResults } from './deck/lint.js';
import { secretsOfEnvironment, secretsOfState } from './deck/redact.js';
import { changeLines, markdownReport, summaryLine } from './deck/report.js';
import { deckEnvironment, isOnline, readSettings, type Settings, USAGE } from './deck/settings.js';

const KONG = resolve(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '../kong' : '../../kong');
/** Beside success and failure: the gateway is not as it should be. */
const DRIFTED = 2;

/** A run, and where its files are: readable by no one else, and gone with it. */
interface Run {
  settings: Settings;
  deck: Deck;
  folder: string;
}

async function main(args: string[]): Promise<number> {
  const settings = readSettings(args, relative('.', KONG) || '.');
  const folder = mkdtempSync(join(tmpdir(), 'deck-'));
  try {
    const env = deckEnvironment(process.env, folder, settings);
    const deck = createDeck(process.env.DECK_BIN ?? 'deck', env, secretsOfEnvironment(process.env));
    const newer = judgeDeckVersion(await deck.need('version'));
    if (newer !== undefined) console.error(newer);
    return await act({ settings, deck, folder });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function act(run: Run): Promise<number> {
  const { mode, stage, report } = run.settings;
  const state = await render(run);
  if (mode === 'render') {
    process.stdout.write(readFileSync(state, 'utf8'));
    return 0;
  }
  const faults = await check(run, state);
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) return 1;
  console.log(`${stage}: valid`);
  if (mode === 'check') return 0;

  if (run.settings.konnect === undefined) await refuseOldKong(run.deck);
  // decK's diff knows nothing of what Kong refuses, and its sync stops half way.
  await run.deck.need('gateway', 'validate', state);
  const { changes } = await planned(run, state);
  for (const line of changeLines(changes)) console.log(run.deck.redact(line));
  console.log(`${stage}: ${summaryLine(changes)}`);
  if (report !== undefined) writeFileSync(report, run.deck.redact(markdownReport(stage, changes)));
  if (mode === 'drift') return changes.length > 0 ? DRIFTED : 0;
  if (mode === 'diff' || changes.length === 0) return 0;
  refuseDeletions(run.settings, changes);
  await sync(run, state);
  console.log(`${stage}: in sync`);
  return 0;
}

/** Of data planes in Konnect it is not known here. */
async function refuseOldKong(deck: Deck): Promise<void> {
  const [, version] = /Kong version:\s*(\S+)/.exec(await deck.need('gateway', 'ping')) ?? [];
  if (version === undefined || !isUnsupportedKong(versionNumbers(version))) return;
  throw new Error(`Kong ${version} is not supported: install ${KONG_WANTED}`);
}

/** One state of one stage: what all share, with the overlays that decK merges or applies. */
async function render({ settings, deck, folder }: Run): Promise<string> {
  let current = settings.state;
  for (const [index, overlay] of settings.overlays.entries()) {
    const next = join(folder, `overlay-${index}.yml`);
    if (Array.isArray(readDocument(overlay).patches)) {
      await deck.need('file', 'patch', '-s', current, '-o', next, overlay);
    } else {
      await deck.need('file', 'merge', '-o', next, current, overlay);
    }
    current = next;
  }
  const { _ignore, ...state } = readDocument(current) as PlainObject;
  const file = join(folder, `${settings.stage}.yml`);
  // decK fills its variables into the text: within single quotes, so that a key of digits stays a text.
  const text = stringify(state, { defaultStringType: 'QUOTE_SINGLE', defaultKeyType: 'PLAIN', lineWidth: 0 });
  writeFileSync(file, text, { mode: 0o600 });
  deck.addSecrets(secretsOfState(state));
  return file;
}

/** All that can be said without a gateway, one line each. */
async function check({ settings, deck, folder }: Run, state: string): Promise<string[]> {
  const { mode, stage, variants } = settings;
  const document = { file: `${stage} (rendered)`, value: readDocument(state) };
  const { faults } = checkDocuments([document], { stage, variants: readVariants(variants), skipRules: new Set() });
  const lines = faults.map(({ file, path, message }) => `${file}: ${path}: ${message}`);
  const validated = await deck.runWith(standIns(document.value, isOnline(mode)), 'file', 'validate', state);
  if (validated.failed) lines.push(...validated.errors.map((line) => `${document.file}: ${line}`));
  const rules = join(folder, 'rules.json');
  writeFileSync(rules, JSON.stringify(lintRules(parse(readFileSync(join(KONG, 'deck-lint.yml'), 'utf8')), stage)));
  const linted = await deck.run('file', 'lint', '--format', 'json', '-s', state, rules);
  const results = readLintResults(linted.stdout);
  if (results === undefined) throw new Error(`deck file lint: ${linted.errors.join('; ') || 'printed no JSON'}`);
  lines.push(...results.map((message) => `${document.file}: ${message}`));
  return lines.map(deck.redact);
}

/** Without a gateway, as for a pull request from a fork, there are no secrets either: something stands for them. */
function standIns(state: PlainObject, online: boolean): NodeJS.ProcessEnv {
  return online
    ? {}
    : Object.fromEntries(deckVariablesIn(JSON.stringify(state)).map((name) => [name, `stand-in-${name}`]));
}

async function planned({ settings, deck }: Run, state: string): Promise<DeckResult> {
  const result = readDeckJson(await deck.need('gateway', 'diff', ...jsonOptions(settings), state));
  failOn(deck, 'diff', result);
  return result;
}

function refuseDeletions({ maxDeletions, approvedDeletions }: Settings, changes: readonly Change[]): void {
  const { delete: deletions } = countChanges(changes);
  if (deletions <= Math.max(maxDeletions, approvedDeletions)) return;
  throw new Error(
    `${deletions} deletions are more than ${maxDeletions}: approve them with --approve-deletions ${deletions}`,
  );
}

/**
 * Changes the gateway. decK knows no transactions: what a failed run has changed is put back from what was there before.
 */
async function sync(run: Run, state: string): Promise<void> {
  const { deck, folder } = run;
  const before = join(folder, 'before.yml');
  await deck.need('gateway', 'dump', '--with-id', '--yes', '-o', before, '--select-tag', run.settings.selectTag);
  deck.addSecrets(secretsOfState(readDocument(before)));
  try {
    await syncOnce(run, state);
  } catch (error) {
    const restored = await syncOnce(run, before).then(
      ({ changes }) => ['the gateway is as it was before', ...passwordsLost(changes)].join('\n'),
      (second: Error) => `and it could not be put back: ${second.message}`,
    );
    throw new Error(`${(error as Error).message}\n${restored}`);
  }
}

async function syncOnce({ settings, deck }: Run, state: string): Promise<DeckResult> {
  const result = readDeckJson(await deck.need('gateway', 'sync', ...jsonOptions(settings), state));
  failOn(deck, 'sync', result);
  return result;
}

/** Kong gives out passwords as hashes only, so one that was deleted cannot be put back (measured). */
function passwordsLost(changes: readonly Change[]): string[] {
  return changes
    .filter(({ action, kind }) => action === 'create' && kind === 'basic-auth')
    .map(({ name }) => `except basic-auth ${name}: delete it, and sync, to set its password anew`);
}

/**
 * decK masks the values of its variables by replacing text, and a variable that is `true` or `10` then breaks the JSON
 * (measured). Nothing but what changes.ts and redact.ts leave of it is shown.
 */
function jsonOptions({ selectTag }: Settings): string[] {
  return ['--json-output', '--no-mask-deck-env-vars-value', '--yes', '--select-tag', selectTag];
}

/** decK 1.56 prints its errors into the JSON, and ends with success (measured). */
function failOn(deck: Deck, command: string, { errors }: DeckResult): void {
  if (errors.length > 0) throw new Error(`deck gateway ${command}: ${errors.map(deck.redact).join('; ')}`);
}

answerHelp(USAGE);
main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
