/** Kong's acl (kong/plugins/acl/handler.lua). */
import { fromText } from '../headers.js';
import type { GatewayPlugin } from '../plugin.js';
import type { RequestContext } from '../request-context.js';
import { errorAnswer } from './answers.js';
import { flag, noConsumer, protocolsHttp } from './fields.js';

interface AclConfig {
  allow?: string[];
  deny?: string[];
  hide_groups_header: boolean;
  always_use_authenticated_groups: boolean;
}

const LISTS = ['config.allow', 'config.deny'];

export const acl: GatewayPlugin = {
  name: 'acl',
  priority: 950,
  fields: [
    { consumer: noConsumer },
    { protocols: protocolsHttp },
    {
      config: {
        type: 'record',
        fields: [
          { allow: { type: 'array', elements: { type: 'string' } } },
          { deny: { type: 'array', elements: { type: 'string' } } },
          { hide_groups_header: flag(false) },
          { always_use_authenticated_groups: flag(false) },
        ],
      },
    },
  ],
  entityChecks: [{ only_one_of: LISTS }, { at_least_one_of: LISTS }],
  access: (context, { config }) => decide(context, config as unknown as AclConfig),
};

function decide(context: RequestContext, config: AclConfig): void {
  const { consumer, credentialId, snapshot } = context;
  const denies = (config.deny?.length ?? 0) > 0;
  const useAuthenticated =
    consumer === undefined || credentialId === undefined || config.always_use_authenticated_groups;
  const authenticated = useAuthenticated ? authenticatedGroups(context) : undefined;
  const ofConsumer = consumer && (snapshot.groups.get(consumer.id) ?? (denies ? [] : undefined));
  const groups = authenticated ?? ofConsumer;
  if (groups === undefined) {
    context.exit =
      credentialId === undefined
        ? errorAnswer(context, 401, 'Unauthorized')
        : errorAnswer(context, 403, 'You cannot consume this service');
    return;
  }
  const listed = (denies ? config.deny : config.allow)?.some((group) => groups.includes(group)) ?? false;
  if (listed === denies) {
    context.exit = errorAnswer(context, 403, 'You cannot consume this service');
    return;
  }
  if (config.hide_groups_header) return;
  const header = authenticated === undefined ? 'X-Consumer-Groups' : 'X-Authenticated-Groups';
  context.headers.set(header, [fromText(groups.join(', ') || ' ')]);
}

/** Returns the groups that another plugin found. Kong reads them from `kong.ctx.shared` or nginx's context. */
function authenticatedGroups({ shared, nginxCtx }: RequestContext): string[] | undefined {
  const own = shared.get('authenticated_groups');
  const groups = Array.isArray(own) ? own : nginxCtx.get('authenticated_groups');
  return Array.isArray(groups) ? groups.map(String) : undefined;
}
