/** The schema of Kong's jwt (kong/plugins/jwt/schema.lua), apart from its work, which needs a library that the check does not. */
import type { GatewayPlugin } from '../plugin.js';
import { flag, noConsumer, protocolsHttp, strings } from './fields.js';

export const jwtSchema: GatewayPlugin = {
  name: 'jwt',
  priority: 1450,
  fields: [
    { consumer: noConsumer },
    { protocols: protocolsHttp },
    {
      config: {
        type: 'record',
        fields: [
          { uri_param_names: strings(['jwt']) },
          { cookie_names: strings([]) },
          { key_claim_name: { type: 'string', default: 'iss' } },
          { secret_is_base64: flag(false) },
          { claims_to_verify: { type: 'set', elements: { type: 'string', one_of: ['exp', 'nbf'] } } },
          { anonymous: { type: 'string' } },
          { run_on_preflight: flag(true) },
          { maximum_expiration: { type: 'number', default: 0, between: [0, 31_536_000] } },
          { header_names: strings(['authorization']) },
          { realm: { type: 'string' } },
        ],
      },
    },
  ],
  // Kong accepts `maximum_expiration` without any claims to verify (measured).
  *check({ maximum_expiration, claims_to_verify }) {
    if (!(Number(maximum_expiration) > 0) || claims_to_verify === undefined) return;
    if (Array.isArray(claims_to_verify) && claims_to_verify.includes('exp')) return;
    yield "failed conditional validation given value of field 'config.maximum_expiration'";
  },
};
