/** For the schemas of plugins that run for HTTP only, and have nothing to do for streams or gRPC. */
import type { Fields } from './kong-schema/field.js';

/** The field next to `config` (Kong's `protocols`). */
export const HTTP_ONLY = [
  {
    protocols: {
      type: 'set',
      required: true,
      default: ['http', 'https'],
      elements: { type: 'string', one_of: ['http', 'https'] },
      description: 'The protocols for which the plugin runs.',
    },
  },
] as const satisfies Fields;
