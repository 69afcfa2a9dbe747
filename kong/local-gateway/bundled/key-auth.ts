/** Kong's key-auth (kong/plugins/key-auth/handler.lua), keys in a header, the query or not at all. */
import type { GatewayPlugin } from '../plugin.js';
import { kongError, type RequestContext } from '../request-context.js';
import { decodeArgs, removeArg } from '../uri.js';

interface KeyAuthConfig {
  key_names: string[];
  hide_credentials: boolean;
  key_in_header: boolean;
  key_in_query: boolean;
  key_in_body: boolean;
  realm?: string;
}

const FIELDS: GatewayPlugin['fields'] = [
  { protocols: { type: 'set', elements: { type: 'string' } } },
  {
    config: {
      type: 'record',
      fields: [
        { key_names: { type: 'array', required: true, elements: { type: 'string' }, default: ['apikey'] } },
        { hide_credentials: { type: 'boolean', required: true, default: false } },
        { key_in_header: { type: 'boolean', required: true, default: true } },
        { key_in_query: { type: 'boolean', required: true, default: true } },
        { key_in_body: { type: 'boolean', required: true, default: false } },
        { run_on_preflight: { type: 'boolean', required: true, default: true } },
        { realm: { type: 'string' } },
      ],
    },
  },
];

export const keyAuth: GatewayPlugin = {
  name: 'key-auth',
  priority: 1250,
  fields: FIELDS,
  access: (context, { config }) => authenticate(context, config as unknown as KeyAuthConfig),
};

/** Authenticates a request, or ends it with Kong's 401. */
function authenticate(context: RequestContext, config: KeyAuthConfig): void {
  const { snapshot } = context;
  const query = decodeArgs(context.upstream.query);
  let key: string | undefined;
  for (const name of config.key_names) {
    const fromHeader = config.key_in_header ? context.headers.get(name) : undefined;
    const [fromQuery] = config.key_in_query ? (query[name] ?? []) : [];
    const found = fromHeader ?? (fromQuery === true ? undefined : fromQuery);
    if (found === undefined) continue;
    key = found;
    if (config.hide_credentials) {
      context.headers.remove(name);
      if (config.key_in_query) context.upstream.query = removeArg(context.upstream.query, name);
    }
    break;
  }
  const realm = config.realm === undefined ? 'Key' : `Key realm="${config.realm}"`;
  if (key === undefined || key === '') {
    context.exit = kongError(context, 401, 'No API key found in request', [['WWW-Authenticate', realm]]);
    return;
  }
  const credential = snapshot.keyCredentials.get(key);
  const consumer = credential && snapshot.consumers.get(credential.consumer.id);
  if (credential === undefined || consumer === undefined) {
    context.exit = kongError(context, 401, 'Unauthorized', [['WWW-Authenticate', realm]]);
    return;
  }
  context.consumer = consumer;
  context.credentialId = credential.id;
  const set = (name: string, value: string | undefined): void =>
    context.headers.set(name, value === undefined ? [] : [value]);
  set('X-Consumer-ID', consumer.id);
  set('X-Consumer-Custom-ID', consumer.custom_id);
  set('X-Consumer-Username', consumer.username);
  set('X-Credential-Identifier', credential.id);
  set('X-Anonymous-Consumer', undefined);
}
