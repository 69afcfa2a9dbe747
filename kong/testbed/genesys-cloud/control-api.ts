/**
 * The controls over HTTP, below /_control, as JSON in the field names of the in-process functions. README.md has a curl
 * line for each.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { type Answer, json } from './answer.js';
import type { Control } from './control.js';
import {
  ControlError,
  optionalFlag,
  optionalNumber,
  parseFault,
  parseFields,
  parseHost,
  parseRequestFilter,
  parseRouteLimits,
  parseStub,
  requiredNumber,
  requiredText,
} from './control-parse.js';
import { compilePathPattern } from './path-pattern.js';

interface ControlRequest {
  parameters: Record<string, string>;
  query: URLSearchParams;
  body: Buffer;
}

type Act = (control: Control, request: ControlRequest) => unknown;

/** Path below /_control, method, and what to do; `undefined` is answered as `{"ok": true}`. */
const ROUTES: [path: string, method: string, act: Act][] = [
  ['/requests', 'GET', (control, { query }) => ({ requests: control.requests(parseRequestFilter(query)) })],
  ['/counts', 'GET', (control) => control.counts()],
  ['/reset', 'POST', (control) => control.reset()],
  ['/faults', 'GET', (control) => ({ faults: control.faults() })],
  [
    '/faults',
    'POST',
    (control, { body }) => {
      const fields = parseFields(body, ['target', 'fault']);
      control.setFault(parseHost(requiredText(fields, 'target'), 'target'), parseFault(fields.fault));
    },
  ],
  [
    '/faults',
    'DELETE',
    (control, { query }) => {
      const target = query.get('target');
      control.clearFaults(...(target === null ? [] : [parseHost(target, 'target')]));
    },
  ],
  ['/stubs', 'GET', (control) => ({ stubs: control.stubs() })],
  ['/stubs', 'POST', (control, { body }) => control.stub(parseStub(body))],
  ['/stubs', 'DELETE', (control) => control.clearStubs()],
  ['/tokens', 'GET', (control) => ({ tokens: control.tokens() })],
  [
    '/tokens/revoke',
    'POST',
    (control, { body }) => {
      const fields = parseFields(body, ['which']);
      const which = fields.which === 'all' ? undefined : optionalNumber(fields, 'which', 1);
      return { revoked: control.revokeTokens(which) };
    },
  ],
  [
    '/token-lifetime',
    'POST',
    (control, { body }) => {
      const fields = parseFields(body, ['seconds']);
      control.setTokenLifetime(fields.seconds === null ? null : requiredNumber(fields, 'seconds'));
    },
  ],
  [
    '/max-tokens-per-client',
    'POST',
    (control, { body }) => {
      const fields = parseFields(body, ['max']);
      control.setMaxTokensPerClient(fields.max === null ? null : requiredNumber(fields, 'max', 1));
    },
  ],
  [
    '/clients/{clientId}/secret',
    'POST',
    (control, { parameters, body }) => {
      const secret = requiredText(parseFields(body, ['secret']), 'secret');
      try {
        control.setClientSecret(decodeURIComponent(parameters.clientId ?? ''), secret);
      } catch (error) {
        throw new ControlError(error instanceof Error ? error.message : 'The client id is not valid.');
      }
    },
  ],
  [
    '/rate-limit',
    'POST',
    (control, { body }) => control.setRateLimit(requiredNumber(parseFields(body, ['perMinute']), 'perMinute')),
  ],
  [
    '/rate-limit/headers',
    'POST',
    (control, { body }) => control.setRateLimitHeaders(optionalFlag(parseFields(body, ['enabled']), 'enabled') ?? true),
  ],
  [
    '/rate-limit/routes',
    'POST',
    (control, { body }) => control.setRouteLimits(parseRouteLimits(parseFields(body, ['limits']))),
  ],
  [
    '/usage-lag',
    'POST',
    (control, { body }) => control.setUsageLag(requiredNumber(parseFields(body, ['days']), 'days')),
  ],
  [
    '/idle-timeout',
    'POST',
    (control, { body }) => {
      const fields = parseFields(body, ['seconds']);
      control.setIdleTimeout(fields.seconds === null ? null : requiredNumber(fields, 'seconds'));
    },
  ],
  ['/rate-limit', 'DELETE', (control) => control.resetRateLimits()],
  [
    '/compression',
    'POST',
    (control, { body }) => control.setCompression(optionalFlag(parseFields(body, ['enabled']), 'enabled') ?? true),
  ],
];

const COMPILED = ROUTES.map(([path, method, act]) => ({
  path,
  method,
  act,
  matches: compilePathPattern(`/_control${path}`),
}));

/**
 * Answers a request to the control API. Errors are `{"error": "..."}`.
 * A request with an Origin header comes from a web page, which has no business here, and is refused.
 */
export function answerControl(
  control: Control,
  method: string,
  path: string,
  query: URLSearchParams,
  headers: IncomingHttpHeaders,
  body: Buffer,
): Answer {
  if (headers.origin !== undefined) return json(403, { error: 'The control API is not for web pages.' });
  const here = COMPILED.filter((route) => route.matches(path) !== undefined);
  const route = here.find((candidate) => candidate.method === method);
  if (route === undefined) {
    const known = (here.length > 0 ? here : COMPILED).map((entry) => `${entry.method} /_control${entry.path}`);
    return json(here.length > 0 ? 405 : 404, { error: `There is no ${method} ${path}.`, known });
  }
  try {
    const result = route.act(control, { parameters: route.matches(path) ?? {}, query, body });
    return json(200, result ?? { ok: true });
  } catch (error) {
    if (error instanceof ControlError) return json(400, { error: error.message });
    throw error;
  }
}
