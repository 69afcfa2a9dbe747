/** Kong's jwt (kong/plugins/jwt/handler.lua and jwt_parser.lua); signatures are checked by jose. */
import { createPublicKey } from 'node:crypto';
import { compactVerify, errors } from 'jose';
import { isPlainObject, type PlainObject } from '../../../plugins/shared/plain-object.js';
import type { JwtCredential } from '../config/types.js';
import type { GatewayPlugin } from '../plugin.js';
import type { Answer, RequestContext } from '../request-context.js';
import { jsonAnswer } from './answers.js';
import { type Authenticated, authenticate } from './authentication.js';
import { jwtSchema } from './jwt-schema.js';
import { decodeBase64, headerValues, queryArgs } from './request-values.js';

interface JwtConfig {
  uri_param_names?: string[];
  cookie_names?: string[];
  header_names?: string[];
  key_claim_name: string;
  secret_is_base64: boolean;
  claims_to_verify?: ('exp' | 'nbf')[];
  anonymous?: string;
  run_on_preflight: boolean;
  maximum_expiration?: number;
  realm?: string;
}

interface Token {
  text: string;
  algorithm: string;
  header: PlainObject;
  claims: PlainObject;
  signature: Buffer;
}

const FAMILIES = ['HS', 'RS', 'ES', 'PS'];
const ALGORITHMS = new Set([...FAMILIES.flatMap((kind) => ['256', '384', '512'].map((bits) => kind + bits)), 'EdDSA']);
/** Signature lengths in bytes. For another length Kong raises an error instead of refusing the token. */
const SIGNATURE_BYTES: Readonly<Record<string, number>> = {
  ...{ ES256: 64, ES384: 96, ES512: 132 },
  ...{ PS256: 256, PS384: 256, PS512: 256 },
};

export const jwt: GatewayPlugin = {
  ...jwtSchema,
  async access(context, entity) {
    const config = entity.config as unknown as JwtConfig;
    if (!config.run_on_preflight && context.method === 'OPTIONS') return;
    await authenticate(context, config.anonymous, () => byToken(context, config));
  },
};

async function byToken(context: RequestContext, config: JwtConfig): Promise<Authenticated | Answer> {
  const base = config.realm === undefined ? 'Bearer' : `Bearer realm="${config.realm}"`;
  const refuse = (body: PlainObject, challenge = `${base} error="invalid_token"`): Answer =>
    jsonAnswer(context, 401, body, [['WWW-Authenticate', challenge]]);
  const found = findTokens(context, config);
  const [text] = found;
  if (text === undefined) return refuse({ message: 'Unauthorized' }, base);
  if (found.size > 1) return refuse({ message: 'Multiple tokens provided' });
  if (text === true) return refuse({ message: 'Unrecognizable token' });
  const token = parseToken(text);
  if (typeof token === 'string') return refuse({ message: `Bad token; ${token}` });
  const name = config.key_claim_name;
  const key = truthy(token.claims[name]) ? token.claims[name] : token.header[name];
  if (!truthy(key)) return refuse({ message: `No mandatory '${name}' in claims` });
  if (key === '') return refuse({ message: `Invalid '${name}' in claims` });
  if (typeof key !== 'string') throw new Error(`the claim '${name}' is no string`);
  const credential = context.snapshot.jwtCredentials.get(key);
  const consumer = credential && context.snapshot.consumers.get(credential.consumer.id);
  if (credential === undefined || consumer === undefined) {
    return refuse({ message: `No credentials found for given '${name}'` });
  }
  if (token.algorithm !== credential.algorithm) return refuse({ message: 'Invalid algorithm' });
  const secret = keyOf(credential, config.secret_is_base64);
  if (secret === undefined) return refuse({ message: 'Invalid key/secret' });
  if (!(await isSigned(token, secret))) return refuse({ message: 'Invalid signature' });
  const faults = claimFaults(token.claims, config);
  if (faults !== undefined) return refuse(faults);
  context.shared.set('authenticated_jwt_token', text);
  return { consumer, credentialId: credential.id, identifier: credential.key };
}

/** Collects every token of the request once. `true` is a query argument without a value. */
function findTokens(context: RequestContext, config: JwtConfig): Set<string | true> {
  const args = queryArgs(context);
  const bearer = (header: string | undefined): string | undefined =>
    /\s*[Bb]earer\s+(.+)/.exec(header ?? '')?.[1] ?? undefined;
  const tokens = [
    ...(config.uri_param_names ?? []).flatMap((name) => args[name] ?? []),
    ...(config.cookie_names ?? []).map((name) => cookie(context, name)),
    ...(config.header_names ?? []).map((name) => bearer(headerValues(context.headers, name)[0])),
  ];
  return new Set(tokens.flatMap((token) => (token === undefined || token === '' ? [] : [token])));
}

/** Finds a cookie as nginx's $cookie_name does: the first match, in any case. */
function cookie(context: RequestContext, name: string): string | undefined {
  for (const header of context.headers.all('cookie')) {
    let rest = header;
    while (rest !== '') {
      const value = /^ *= *([^;]*)/.exec(rest.slice(name.length))?.[1];
      if (value !== undefined && rest.slice(0, name.length).toLowerCase() === name.toLowerCase()) return value;
      const next = /[;,] */.exec(rest);
      rest = next === null ? '' : rest.slice(next.index + next[0].length);
    }
  }
  return undefined;
}

/** Parses a token, or returns Kong's message for what is wrong. @throws Error where Kong's parser raises one: a 500 */
function parseToken(text: string): Token | string {
  const [header64, claims64, ...rest] = text.split('.');
  let header: unknown;
  let claims: unknown;
  try {
    header = decodeJson(header64);
    claims = decodeJson(claims64);
  } catch {
    return 'invalid JSON';
  }
  if (rest.length === 0) return 'invalid JSON';
  if (!isTable(header) && typeof header !== 'string') throw new Error('the header of the token is no object');
  const algorithm = isPlainObject(header) ? header.alg : undefined;
  if (typeof algorithm !== 'string' || !ALGORITHMS.has(algorithm)) return 'invalid alg';
  if (claims === false) return 'invalid claims';
  const signature = decodeBase64(rest.join('.'), 'base64url');
  if (signature === undefined) return 'invalid signature';
  if (!isTable(claims) && typeof claims !== 'string') throw new Error('the claims of the token are no object');
  return {
    text,
    algorithm,
    header: isPlainObject(header) ? header : {},
    claims: isPlainObject(claims) ? claims : {},
    signature,
  };
}

function decodeJson(part: string | undefined): unknown {
  const bytes = part === undefined ? undefined : decodeBase64(part, 'base64url');
  if (bytes === undefined) throw new SyntaxError('no base64');
  return JSON.parse(bytes.toString('utf8'));
}

function keyOf(credential: JwtCredential, secretIsBase64: boolean): Uint8Array | string | undefined {
  if (!credential.algorithm.startsWith('HS')) return credential.rsa_public_key;
  if (credential.secret === undefined) return undefined;
  return secretIsBase64 ? decodeBase64(credential.secret, 'base64url') : Buffer.from(credential.secret);
}

/** Checks the signature. @throws Error for an invalid key, or a signature length that Kong asserts: a 500 */
async function isSigned({ text, algorithm, signature }: Token, secret: Uint8Array | string): Promise<boolean> {
  const bytes = SIGNATURE_BYTES[algorithm];
  if (bytes !== undefined && signature.length !== bytes) throw new Error(`Signature must be ${bytes} bytes.`);
  try {
    const key = typeof secret === 'string' ? createPublicKey(secret) : secret;
    await compactVerify(text, key, { algorithms: [algorithm] });
    return true;
  } catch (error) {
    if (error instanceof errors.JOSEError) return false;
    throw error;
  }
}

function claimFaults(claims: PlainObject, config: JwtConfig): PlainObject | undefined {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const faults: PlainObject = {};
  for (const name of config.claims_to_verify ?? []) {
    const value = claims[name];
    if (typeof value !== 'number') faults[name] = 'must be a number';
    else if (name === 'nbf' && value > nowSeconds) faults[name] = 'token not valid yet';
    else if (name === 'exp' && value <= nowSeconds) faults[name] = 'token expired';
  }
  if (Object.keys(faults).length > 0) return faults;
  const maximum = config.maximum_expiration ?? 0;
  const tooLong = typeof claims.exp !== 'number' || claims.exp - nowSeconds > maximum;
  return maximum > 0 && tooLong ? { exp: 'exceeds maximum allowed expiration' } : undefined;
}

function isTable(value: unknown): boolean {
  return isPlainObject(value) || Array.isArray(value);
}

function truthy(value: unknown): boolean {
  return value !== undefined && value !== false;
}
