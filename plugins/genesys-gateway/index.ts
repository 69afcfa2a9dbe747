/**
 * genesys-gateway: audit log, quota, tokens and response filter as one plugin, so that Kong sends one event a phase
 * instead of up to nine. The README says when to use it, and when to use the separate plugins.
 */
import { part as piiLog } from '../genesys-pii-log/part.js';
import { part as quota } from '../genesys-quota/part.js';
import { part as responseFilter } from '../genesys-response-filter/part.js';
import { part as tokenManager } from '../genesys-token-manager/part.js';
import { joinParts, member } from '../runtime/join-parts.js';
import { kongModule } from '../runtime/kong-module.js';
import { definePart } from '../runtime/part.js';
import { HTTP_ONLY as pluginFields } from '../shared/http-only.js';

export const { Name, Version, Priority, Schema, PluginSchema, EntityChecks, Plugin, variants, readConfig, start } =
  kongModule({
    name: 'genesys-gateway',
    // After authentication (key-auth 1250, jwt 1450), acl 950 and rate-limiting 910. Before genesys-login 860, which
    // answers on routes of its own.
    priority: 880,
    pluginFields,
    part: definePart(
      joinParts(
        // In the order of the priorities that they have alone.
        [
          member('pii_log', piiLog, 'The audit log, with the fields of genesys-pii-log. Off without it.'),
          member('quota', quota, 'The limits, with the fields of genesys-quota. Off without it.'),
          member(
            'token_manager',
            tokenManager,
            'The tokens, with the fields of genesys-token-manager. Off without it.',
          ),
          member(
            'response_filter',
            responseFilter,
            'The filter of answers, with the fields of genesys-response-filter. Off without it.',
          ),
        ],
        { 'without-bodies': 'response', 'without-log': 'log' },
      ),
    ),
  });
