/** Kong's key-auth (kong/plugins/key-auth/handler.lua), keys in a header or the query. */
import { toText } from '../headers.js';
import type { GatewayPlugin } from '../plugin.js';
import type { Answer, RequestContext } from '../request-context.js';
import { removeArg } from '../uri.js';
import { errorAnswer } from './answers.js';
import { type Authenticated, authenticate } from './authentication.js';
import { flag, headerName, noConsumer, protocolsHttp } from './fields.js';
import { headerValues, queryArgs } from './request-values.js';

interface KeyAuthConfig {
  key_names: string[];
  hide_credentials: boolean;
  anonymous?: string;
  key_in_header: boolean;
  key_in_query: boolean;
  run_on_preflight: boolean;
  realm?: string;
}

const FIELDS: GatewayPlugin['fields'] = [
  { consumer: noConsumer },
  { protocols: protocolsHttp },
  {
    config: {
      type: 'record',
      fields: [
        { key_names: { type: 'array', required: true, elements: headerName, default: ['apikey'] } },
        { hide_credentials: flag(false) },
        { anonymous: { type: 'string' } },
        { key_in_header: flag(true) },
        { key_in_query: flag(true) },
        { key_in_body: flag(false) },
        { run_on_preflight: flag(true) },
        { realm: { type: 'string' } },
      ],
    },
  },
];

export const keyAuth: GatewayPlugin = {
  name: 'key-auth',
  priority: 1250,
  fields: FIELDS,
  *check(config) {
    if (config.key_in_body === true) yield 'key_in_body: the local gateway does not look for keys in bodies';
  },
  async access(context, entity) {
    const config = entity.config as unknown as KeyAuthConfig;
    if (!config.run_on_preflight && context.method === 'OPTIONS') return;
    await authenticate(context, config.anonymous, () => byKey(context, config));
  },
};

function byKey(context: RequestContext, config: KeyAuthConfig): Authenticated | Answer {
  const realm = config.realm === undefined ? 'Key' : `Key realm="${config.realm}"`;
  const refuse = (message: string): Answer => errorAnswer(context, 401, message, [['WWW-Authenticate', realm]]);
  const query = queryArgs(context);
  let key = '';
  for (const name of config.key_names) {
    let values: readonly (string | true)[] = config.key_in_header
      ? headerValues(context.headers, name).map(toText)
      : [];
    if (values.length === 0 && config.key_in_query) values = query[name] ?? [];
    const [value] = values;
    if (values.length > 1) return refuse('Duplicate API key found');
    if (value === undefined || value === true) continue;
    key = value;
    if (config.hide_credentials) {
      context.headers.remove(name);
      context.upstream.query = removeArg(context.upstream.query, name);
    }
    break;
  }
  if (key === '') return refuse('No API key found in request');
  const credential = context.snapshot.keyCredentials.get(key);
  const consumer = credential && context.snapshot.consumers.get(credential.consumer.id);
  if (credential === undefined || consumer === undefined) return refuse('Unauthorized');
  return { consumer, credentialId: credential.id, identifier: credential.id };
}
