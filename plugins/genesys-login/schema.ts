/**
 * The plugin's configuration in Kong's schema language. Kong's Admin API checks by it, and the type of the parsed
 * configuration is derived from it. Rules that this language cannot express are in config.ts.
 */
import type { Fields } from '../shared/kong-schema/field.js';

/** The fields of `config`. */
export const Schema = [
  {
    key_id: {
      type: 'string',
      required: true,
      len_min: 1,
      len_max: 64,
      // No colon: the issuer is <username>:<key id>, and two consumers must never get the same issuer.
      match: '^[%w._-]+$',
      err: 'must be letters, digits, dots, hyphens, underscores',
      description:
        "Names the signing key: letters, digits, dots, hyphens, underscores. The key of a consumer's jwt credential is `<username>:<key_id>`.",
    },
  },
  {
    signing_key: {
      type: 'string',
      required: true,
      len_min: 1,
      referenceable: true,
      encrypted: true,
      description:
        'RSA private key in PEM without passphrase, 2048 bits or more, in one line with `\\n` for its line breaks if need be; or `file:<absolute path>` below a `--secrets-dir`.',
    },
  },
  {
    token_lifetime_seconds: {
      type: 'integer',
      default: 3600,
      // Genesys' Go SDK asks for a new token a minute before the end. With a lifetime of a minute it would ask
      // endlessly.
      between: [300, 86_400],
      description:
        "How long a token is good for. Genesys' Go SDK asks again a minute before the end, so a minute or less would make it ask for ever.",
    },
  },
] as const satisfies Fields;

/** The fields next to `config`: a token endpoint is HTTP. */
export { HTTP_ONLY as PluginSchema } from '../shared/http-only.js';
