/** Kong's basic-auth (kong/plugins/basic-auth/access.lua). */
import { timingSafeEqual } from 'node:crypto';
import { hashPassword } from '../config/snapshot.js';
import type { BasicCredential } from '../config/types.js';
import { toText } from '../headers.js';
import type { GatewayPlugin } from '../plugin.js';
import type { Answer, RequestContext } from '../request-context.js';
import { errorAnswer } from './answers.js';
import { type Authenticated, authenticate } from './authentication.js';
import { flag, noConsumer, protocolsHttp } from './fields.js';
import { decodeBase64 } from './request-values.js';

interface BasicAuthConfig {
  anonymous?: string;
  hide_credentials: boolean;
  realm: string;
}

export const basicAuth: GatewayPlugin = {
  name: 'basic-auth',
  priority: 1100,
  fields: [
    { consumer: noConsumer },
    { protocols: protocolsHttp },
    {
      config: {
        type: 'record',
        fields: [
          { anonymous: { type: 'string' } },
          { hide_credentials: flag(false) },
          { realm: { type: 'string', required: true, default: 'service' } },
        ],
      },
    },
  ],
  async access(context, entity) {
    const config = entity.config as unknown as BasicAuthConfig;
    await authenticate(context, config.anonymous, () => byPassword(context, config));
  },
};

/** Authenticates by Proxy-Authorization, or by Authorization if the first names no known user, as Kong does. */
function byPassword(context: RequestContext, config: BasicAuthConfig): Authenticated | Answer {
  const { basicCredentials, consumers } = context.snapshot;
  const refusal = (): Answer =>
    errorAnswer(context, 401, 'Unauthorized', [['WWW-Authenticate', `Basic realm="${config.realm}"`]]);
  let credential: BasicCredential | undefined;
  let given: { username: string; password: string } | undefined;
  if (!context.headers.has('authorization') && !context.headers.has('proxy-authorization')) return refusal();
  for (const header of ['proxy-authorization', 'authorization']) {
    given = readCredentials(context.headers.get(header));
    if (config.hide_credentials) context.headers.remove(header);
    credential = given && basicCredentials.get(given.username);
    if (credential !== undefined) break;
  }
  const consumer = credential && consumers.get(credential.consumer.id);
  if (credential === undefined || consumer === undefined || given === undefined) return refusal();
  if (!isSame(hashPassword(consumer.id, given.password), credential.password)) return refusal();
  return { consumer, credentialId: credential.id, identifier: credential.username };
}

function readCredentials(header: string | undefined): { username: string; password: string } | undefined {
  const [, encoded] = /\s*[Bb]asic\s*(.+)/.exec(header ?? '') ?? [];
  const decoded = encoded === undefined ? undefined : decodeBase64(encoded, 'base64');
  const [, username, password] = /([^:]+):([^\n]*)/.exec(decoded?.toString('latin1') ?? '') ?? [];
  if (username === undefined || password === undefined) return undefined;
  return { username: toText(username), password: toText(password) };
}

function isSame(hash: string, stored: string): boolean {
  const [left, right] = [Buffer.from(hash), Buffer.from(stored)];
  return left.length === right.length && timingSafeEqual(left, right);
}
