/** What `npm run rotate` is told. Pure: arguments and environment in, settings out. */
import { parseArgs } from 'node:util';
import { parseRegion, regionApiUrl, regionTokenUrl } from '../../plugins/shared/regions.js';
import { secureUrl } from './http.js';
import { STRATEGIES, type StrategyName } from './state.js';
import type { EntryNames } from './store.js';
import type { ConsumerSettings, Settings } from './strategy.js';

/** Where the secret store is. */
export type StoreSpec =
  | { kind: 'file'; folder: string }
  | { kind: 'env'; path: string }
  | { kind: 'vault'; address: string; mount: string; path: string; namespace: string | undefined }
  | { kind: 'webhook'; url: string };

export interface Genesys {
  apiUrl: string;
  tokenUrl: string;
}

interface Common {
  stateDir: string;
  json: boolean;
}

export type Command =
  | (Common & { kind: 'help' })
  | (Common & { kind: 'verify-audit'; expectedHead: string | undefined })
  | (Common & { kind: 'watch'; genesys: Genesys; list: string })
  | (Common & {
      kind: 'rotate';
      /** Undefined: nothing of Genesys is needed. */
      genesys: Genesys | undefined;
      settings: Settings;
      store: StoreSpec;
      entries: EntryNames;
      auditWebhook: string | undefined;
      dryRun: boolean;
      abort: boolean;
      stepByStep: boolean;
    });

const OPTIONS = {
  target: { type: 'string' },
  store: { type: 'string' },
  entry: { type: 'string', multiple: true, default: [] as string[] },
  'metrics-url': { type: 'string', multiple: true, default: [] as string[] },
  region: { type: 'string' },
  'api-url': { type: 'string' },
  'token-url': { type: 'string' },
  'state-dir': { type: 'string' },
  json: { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false },
  abort: { type: 'boolean', default: false },
  'step-by-step': { type: 'boolean', default: false },
  grace: { type: 'string', default: '5m' },
  soak: { type: 'string', default: '5m' },
  quiet: { type: 'string', default: '10s' },
  poll: { type: 'string', default: '1s' },
  'adoption-timeout': { type: 'string', default: '10m' },
  'verify-timeout': { type: 'string', default: '30s' },
  'min-token-life': { type: 'string', default: '10m' },
  'allow-scope': { type: 'string', multiple: true, default: [] as string[] },
  'expires-days': { type: 'string', default: '90' },
  'skip-permission-check': { type: 'boolean', default: false },
  'verify-path': { type: 'string', default: '/api/v2/tokens/me' },
  'on-publish': { type: 'string' },
  'audit-webhook': { type: 'string' },
  watch: { type: 'boolean', default: false },
  external: { type: 'string' },
  head: { type: 'string' },
  file: { type: 'string' },
  credential: { type: 'string', default: 'key-auth' },
  'key-header': { type: 'string', default: 'apikey' },
  'gateway-url': { type: 'string', multiple: true, default: [] as string[] },
  'admin-url': { type: 'string', multiple: true, default: [] as string[] },
  apply: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

export const USAGE = `usage: npm run rotate -- <strategy> --target ID --store STORE --metrics-url URL ...
  new-client, regenerate-secret                  credentials of Genesys Cloud
  security-keys                                  EXPERIMENTAL: an API that only guides describe
  security-keys --watch --external LIST.json     pushes external tokens before they expire
  consumer                                       a consumer's credential at the gateway
  verify-audit                                   looks for any change of the audit trail
options, with their defaults:
  ${Object.entries(OPTIONS)
    .map(
      ([name, option]) =>
        `--${name}${'default' in option && String(option.default || '') ? ` (${option.default})` : ''}`,
    )
    .join('\n  ')}
docs/rotation.md says what they mean.`;

type Values = ReturnType<typeof parse>['values'];

function parse(args: string[]) {
  return parseArgs({ args, options: OPTIONS, allowPositionals: true });
}

/** @throws Error of one line for what does not fit */
export function readCommand(args: string[], env: NodeJS.ProcessEnv): Command {
  const { values, positionals } = parse(args);
  const [word, ...rest] = positionals;
  const common: Common = {
    stateDir: values['state-dir'] ?? `${env.XDG_STATE_HOME || `${env.HOME || '.'}/.local/state`}/genesys-rotate`,
    json: values.json,
  };
  if (values.help || word === undefined) return { ...common, kind: 'help' };
  if (rest.length > 0) throw new Error(`${rest[0]}: one strategy at a time`);
  if (word === 'verify-audit') return { ...common, kind: 'verify-audit', expectedHead: values.head };
  const strategy = STRATEGIES.find((name) => name === word);
  if (strategy === undefined) throw new Error(`${word}: one of ${STRATEGIES.join(', ')}, verify-audit`);
  if (values.watch) {
    if (strategy !== 'security-keys') throw new Error('--watch belongs to security-keys');
    const list = needed(values.external, '--external');
    return { ...common, kind: 'watch', genesys: readGenesys(values, env), list };
  }
  const settings = readSettings(strategy, values, env);
  const abort = values.abort;
  if (abort && values['dry-run']) throw new Error('--abort and --dry-run: one of them');
  return {
    ...common,
    kind: 'rotate',
    genesys: strategy === 'consumer' ? undefined : readGenesys(values, env),
    settings,
    ...readStore(values, env),
    auditWebhook: values['audit-webhook'] && secureUrl(values['audit-webhook'], '--audit-webhook').href,
    dryRun: values['dry-run'],
    abort,
    stepByStep: values['step-by-step'],
  };
}

/** The values that belong together, by strategy. */
export function valueNames({ strategy, consumer }: Pick<Settings, 'strategy' | 'consumer'>): string[] {
  if (strategy === 'security-keys') return ['key'];
  if (strategy !== 'consumer') return ['client_id', 'client_secret'];
  return consumer?.kind === 'basic-auth' ? ['username', 'password'] : ['key'];
}

function readSettings(strategy: StrategyName, values: Values, env: NodeJS.ProcessEnv): Settings {
  const ms = (name: 'grace' | 'soak' | 'quiet' | 'poll' | 'adoption-timeout' | 'verify-timeout' | 'min-token-life') =>
    durationMs(`--${name}`, values[name]);
  const metricsUrls = values['metrics-url'].map((url) => secureUrl(url, '--metrics-url').href);
  if (strategy !== 'consumer' && metricsUrls.length === 0) {
    throw new Error("--metrics-url is missing: the operator's port of genesys-token-manager, once for every node");
  }
  if (!values['verify-path'].startsWith('/')) throw new Error('--verify-path must begin with /');
  return {
    strategy,
    target: needed(values.target, '--target'),
    metricsUrls: [...new Set(metricsUrls)],
    pollMs: Math.max(10, ms('poll')),
    quietMs: ms('quiet'),
    adoptionTimeoutMs: ms('adoption-timeout'),
    graceMs: ms('grace'),
    soakMs: ms('soak'),
    verifyTimeoutMs: ms('verify-timeout'),
    minTokenLifeMs: ms('min-token-life'),
    allowScopes: values['allow-scope'],
    expiresDays: Number(values['expires-days']),
    skipPermissionCheck: values['skip-permission-check'],
    verifyPath: values['verify-path'],
    onPublish: values['on-publish'],
    adminClientId: env.GENESYS_ADMIN_CLIENT_ID ?? '',
    consumer: strategy === 'consumer' ? readConsumer(values, env) : undefined,
  };
}

function readConsumer(values: Values, env: NodeJS.ProcessEnv): ConsumerSettings {
  const { credential: kind, apply } = values;
  if (kind !== 'key-auth' && kind !== 'basic-auth') throw new Error(`--credential ${kind}: key-auth or basic-auth`);
  const gatewayUrls = values['gateway-url'].map((url) => secureUrl(url, '--gateway-url').href);
  const adminUrls = values['admin-url'].map((url) => secureUrl(url, '--admin-url').href);
  if (gatewayUrls.length === 0) throw new Error('--gateway-url is missing: the new credential is tried out there');
  if ((adminUrls.length === 0) === (apply === undefined)) {
    throw new Error('either --admin-url (DB-less nodes, once for each) or --apply "deck gateway sync ..."');
  }
  return {
    file: needed(values.file, '--file'),
    kind,
    keyHeader: values['key-header'],
    gatewayUrls,
    adminUrls,
    adminToken: env.KONG_ADMIN_TOKEN || undefined,
    apply,
  };
}

function readGenesys(values: Values, env: NodeJS.ProcessEnv): Genesys {
  for (const name of ['GENESYS_ADMIN_CLIENT_ID', 'GENESYS_ADMIN_CLIENT_SECRET']) {
    if (!env[name]) throw new Error(`${name} must be set: the OAuth client that administrates the others`);
  }
  const { 'api-url': apiUrl, 'token-url': tokenUrl } = values;
  if (apiUrl !== undefined && tokenUrl !== undefined) {
    return {
      apiUrl: secureUrl(apiUrl, '--api-url').href.replace(/\/$/, ''),
      tokenUrl: secureUrl(tokenUrl, '--token-url').href,
    };
  }
  if (apiUrl !== undefined || tokenUrl !== undefined) throw new Error('--api-url and --token-url: both, or none');
  const text = needed(values.region ?? env.GENESYS_REGION, '--region');
  const region = parseRegion(text);
  if (region === undefined)
    throw new Error(`--region ${text}: no such region; write it as us_east_1 or mypurecloud.com`);
  return { apiUrl: regionApiUrl(region), tokenUrl: regionTokenUrl(region) };
}

function readStore(values: Values, env: NodeJS.ProcessEnv): { store: StoreSpec; entries: EntryNames } {
  const text = needed(values.store, '--store');
  const entries = Object.fromEntries(
    values.entry.map((pair) => {
      const [name = '', called = '', ...more] = pair.split('=');
      if (!/^\w+$/.test(name) || !/^[\w.-]+$/.test(called) || called.startsWith('..') || more.length > 0) {
        throw new Error(`--entry ${pair}: write it as client_secret=NAME`);
      }
      return [name, called];
    }),
  );
  const [, kind, rest = ''] = /^(\w+):(.+)$/.exec(text) ?? [];
  switch (kind) {
    case 'file':
      return { store: { kind, folder: absolute(rest) }, entries };
    case 'env':
      return {
        store: { kind, path: absolute(rest) },
        entries: { client_id: 'GENESYS_CLIENT_ID', client_secret: 'GENESYS_CLIENT_SECRET', ...entries },
      };
    case 'vault': {
      const [mount = '', ...path] = rest.split('/');
      if (path.length === 0 || path.includes('') || path.includes('..')) {
        throw new Error(`--store ${text}: write it as vault:MOUNT/PATH`);
      }
      const address = secureUrl(needed(env.VAULT_ADDR, 'VAULT_ADDR'), 'VAULT_ADDR').href;
      needed(env.VAULT_TOKEN, 'VAULT_TOKEN');
      return { store: { kind, address, mount, path: path.join('/'), namespace: env.VAULT_NAMESPACE }, entries };
    }
    case 'webhook':
      needed(env.ROTATE_WEBHOOK_KEY, 'ROTATE_WEBHOOK_KEY');
      return { store: { kind, url: secureUrl(rest, '--store').href }, entries };
    default:
      throw new Error(`--store ${text.split(':')[0]}: file:FOLDER, env:FILE, vault:MOUNT/PATH or webhook:URL`);
  }
}

function absolute(path: string): string {
  if (!path.startsWith('/')) throw new Error(`--store: ${path} must be an absolute path`);
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function durationMs(option: string, text: string): number {
  const [, digits, unit = 's'] = /^(\d{1,9})(ms|s|m|h|d)?$/.exec(text) ?? [];
  if (digits === undefined) throw new Error(`${option} ${text}: write it as 30s, 10m, 24h or 7d`);
  return Number(digits) * (UNITS[unit] ?? 1000);
}

function needed(value: string | undefined, name: string): string {
  if (value === undefined || value === '') throw new Error(`${name} is missing`);
  return value;
}
