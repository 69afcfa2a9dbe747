/** What `npm run deck:sync` is told: options, and what decK takes from the environment. Pure. */

import { STAGES } from '../../kong/stages.js';
import { isLoopback } from '../../plugins/shared/loopback.js';
import { readArguments } from '../arguments.js';

/**
 * How far to go: print the rendered state; check it without a gateway; say what would change; the same, and fail if
 * anything would; change it.
 */
const MODES = ['render', 'check', 'diff', 'drift', 'sync'] as const;
export type Mode = (typeof MODES)[number];

export const USAGE = [
  `usage: npm run deck:sync -- --stage ${STAGES.join('|')} [--mode ${MODES.join('|')}] [--report FILE] [--state FILE]`,
  '[--overlay FILE]... [--no-overlay] [--select-tag TAG] [--max-deletions N] [--approve-deletions N] [--variant NAME=PLUGIN]...',
  '[--konnect CONTROL_PLANE]',
].join(' ');

export interface Settings {
  mode: Mode;
  stage: string;
  /** The state that all stages share. */
  state: string;
  /** Merged into it or applied to it, in this order. */
  overlays: string[];
  /** Only entities with this tag are looked at and deleted; decK puts it on all that it creates. */
  selectTag: string;
  /** A sync that would delete more is refused, unless so many are approved. */
  maxDeletions: number;
  approvedDeletions: number;
  /** A file for the report in Markdown. */
  report: string | undefined;
  /** Names given by `--name`, as check-config takes them. */
  variants: string[];
  /** The control plane in Konnect, by its name; undefined: an Admin API of one's own. */
  konnect: string | undefined;
}

/** Modes that speak to a gateway. */
export function isOnline(mode: Mode): boolean {
  return mode === 'diff' || mode === 'drift' || mode === 'sync';
}

/**
 * Reads the command line.
 * @param kongFolder where kong.yml and the stages are
 * @throws Error of one line
 */
export function readSettings(args: string[], kongFolder: string): Settings {
  const { values } = readArguments(USAGE, {
    args,
    options: {
      mode: { type: 'string', default: 'sync' },
      stage: { type: 'string' },
      state: { type: 'string', default: `${kongFolder}/kong.yml` },
      overlay: { type: 'string', multiple: true },
      'no-overlay': { type: 'boolean', default: false },
      'select-tag': { type: 'string', default: 'kong-genesys-cloud' },
      'max-deletions': { type: 'string', default: '5' },
      'approve-deletions': { type: 'string', default: '0' },
      report: { type: 'string' },
      variant: { type: 'string', multiple: true, default: [] },
      konnect: { type: 'string' },
    },
  });
  const mode = MODES.find((name) => name === values.mode);
  if (mode === undefined) throw new Error(`--mode ${values.mode}: one of ${MODES.join(', ')}`);
  const stage = STAGES.find((name) => name === values.stage);
  if (stage === undefined) throw new Error(`--stage ${values.stage ?? ''}: one of ${STAGES.join(', ')}`);
  if (!/^[A-Za-z0-9_.~-]+$/.test(values['select-tag'])) throw new Error('--select-tag: letters, digits, _ . ~ -');
  if (values.konnect !== undefined && values.konnect.trim() === '')
    throw new Error('--konnect: the name of a control plane');
  return {
    mode,
    stage,
    state: values.state,
    overlays: values['no-overlay'] ? [] : (values.overlay ?? [`${kongFolder}/stages/${stage}.yml`]),
    selectTag: values['select-tag'],
    maxDeletions: readCount('--max-deletions', values['max-deletions']),
    approvedDeletions: readCount('--approve-deletions', values['approve-deletions']),
    report: values.report,
    variants: values.variant,
    konnect: values.konnect,
  };
}

function readCount(option: string, text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new Error(`${option} ${text}: a number`);
  return Number(text);
}

const PASSED_ON = /^(PATH|(HTTPS?|NO)_PROXY|(https?|no)_proxy|SSL_CERT_(FILE|DIR)|DECK_.*)$/;

/** What is for an Admin API of one's own, and must not be sent to Konnect. */
const FOR_ADMIN_API = /^DECK_(KONG_ADDR|HEADERS|CA_CERT|TLS_)/;

/**
 * What decK may know of the environment: its own variables, and the way to the gateway. No decK file of whoever runs this,
 * and nothing of Konnect's unless it is asked for: a token there would lead decK to another gateway.
 * @param home an empty folder
 * @throws Error of one line, if it cannot or should not be spoken to
 */
export function deckEnvironment(
  env: NodeJS.ProcessEnv,
  home: string,
  { mode, konnect }: Pick<Settings, 'mode' | 'konnect'>,
): NodeJS.ProcessEnv {
  const others = konnect === undefined ? /^DECK_(KONNECT_|BIN$)/ : /^DECK_BIN$/;
  const kept = Object.entries(env).filter(
    ([name]) => PASSED_ON.test(name) && !others.test(name) && (konnect === undefined || !FOR_ADMIN_API.test(name)),
  );
  if (isOnline(mode)) (konnect === undefined ? checkAddress : checkKonnect)(env);
  const controlPlane = konnect === undefined ? {} : { DECK_KONNECT_CONTROL_PLANE_NAME: konnect };
  return { ...Object.fromEntries(kept), ...controlPlane, HOME: home };
}

function checkKonnect({
  DECK_KONNECT_TOKEN: token,
  DECK_KONNECT_TOKEN_FILE: file,
  DECK_KONNECT_ADDR: address,
}: NodeJS.ProcessEnv): void {
  if (!token && !file) throw new Error('DECK_KONNECT_TOKEN or DECK_KONNECT_TOKEN_FILE is not set: a token of Konnect');
  if (!address) return;
  if (!URL.canParse(address)) throw new Error('DECK_KONNECT_ADDR is no URL, such as https://eu.api.konghq.com');
  const { protocol, hostname } = new URL(address);
  if (protocol !== 'https:' && !isLoopback(hostname)) {
    throw new Error('DECK_KONNECT_ADDR is not https, and the token would be sent in clear');
  }
}

function checkAddress(env: NodeJS.ProcessEnv): void {
  const { DECK_KONG_ADDR: address, DECK_HEADERS: headers, DECK_TLS_SKIP_VERIFY: skip } = env;
  if (!address) throw new Error("DECK_KONG_ADDR is not set: the address of the gateway's Admin API");
  // The text may hold a password, so it is not repeated.
  if (!URL.canParse(address)) throw new Error('DECK_KONG_ADDR is no URL');
  if (skip !== undefined && !/^(false|0|f|)$/i.test(skip)) {
    throw new Error('DECK_TLS_SKIP_VERIFY is set: name the authority by DECK_CA_CERT_FILE instead');
  }
  const { protocol, hostname, username } = new URL(address);
  const hasCredentials = Boolean(headers) || username !== '';
  if (protocol !== 'https:' && hasCredentials && !isLoopback(hostname)) {
    throw new Error('DECK_KONG_ADDR is not https, and credentials would be sent in clear');
  }
}
