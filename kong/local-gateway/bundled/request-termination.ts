/** Kong's request-termination (kong/plugins/request-termination/handler.lua), without its echo. */
import type { GatewayPlugin } from '../plugin.js';
import type { RequestContext } from '../request-context.js';
import { answer, jsonAnswer } from './answers.js';
import { flag, headerName, protocolsHttp } from './fields.js';
import { headerValues, queryArgs } from './request-values.js';

interface TerminationConfig {
  status_code: number;
  message?: string;
  content_type?: string;
  body?: string;
  trigger?: string;
}

/** Messages by status, if the configuration has none. */
const MESSAGES: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  404: 'Not found',
  405: 'Method not allowed',
  500: 'An unexpected error occurred',
  502: 'Bad Gateway',
  503: 'Service unavailable',
};

export const requestTermination: GatewayPlugin = {
  name: 'request-termination',
  priority: 2,
  fields: [
    { protocols: protocolsHttp },
    {
      config: {
        type: 'record',
        fields: [
          { status_code: { type: 'integer', required: true, default: 503, between: [100, 599] } },
          { message: { type: 'string' } },
          { content_type: { type: 'string' } },
          { body: { type: 'string' } },
          { echo: flag(false) },
          { trigger: headerName },
        ],
      },
    },
  ],
  *check({ message, content_type, body, echo }) {
    if (message && (content_type || body)) yield 'message cannot be used with content_type or body';
    else if (content_type && !body) yield 'content_type requires a body';
    if (echo) yield 'echo: the local gateway does not echo requests';
  },
  access: (context, { config }) => terminate(context, config as unknown as TerminationConfig),
};

function terminate(context: RequestContext, config: TerminationConfig): void {
  const { trigger, status_code: status, body } = config;
  if (trigger !== undefined) {
    const isThere = headerValues(context.headers, trigger).length > 0 || queryArgs(context)[trigger] !== undefined;
    if (!isThere) return;
  }
  const message = config.message ?? MESSAGES[status];
  if (body !== undefined) {
    const type: [string, string][] = config.content_type === undefined ? [] : [['Content-Type', config.content_type]];
    context.exit = answer(context, status, Buffer.from(body), type);
  } else if (message !== undefined) context.exit = jsonAnswer(context, status, { message });
  else context.exit = answer(context, status, Buffer.alloc(0), []);
}
