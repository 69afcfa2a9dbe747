/**
 * /api/v2/usage/query and the same below /oauth/clients/{id}/usage: a query is executed, and its results are asked for
 * until they are complete. The report ends with yesterday (UTC).
 */
import { randomUUID } from 'node:crypto';
import type { Models } from 'purecloud-platform-client-v2';
import { type Answer, badRequest, json, notFound } from '../answer.js';
import type { UsageEntry } from '../usage-record.js';
import { parseInterval, textList } from './analytics.js';
import {
  type ApiRequest,
  type ApiRoute,
  type ApiServices,
  jsonObjectBody,
  optionalText,
  requiredText,
  requirePermission,
} from './route.js';

/** Of which either is enough. */
const PERMISSIONS = ['oauth:client:view', 'usage:organization:view'];
const METRICS = ['Status200', 'Status300', 'Status400', 'Status500', 'Status429', 'Requests'] as const;
const GROUPS = ['OAuthClientId', 'OrganizationId', 'UserId', 'TemplateUri', 'HttpMethod'] as const;
const DAY_MS = 86_400_000;

interface Query {
  clientId: string | undefined;
  startMs: number;
  endMs: number;
  granularity: string | undefined;
  metrics: readonly string[];
  groupBy: readonly string[];
}

export function usageRoutes({ clients, data, usage }: ApiServices): ApiRoute[] {
  /** Queries by the id of their execution, and whether they were asked for before. */
  const executions = new Map<string, { query: Query; wasAsked: boolean }>();

  function execute(query: Query, resultsUri: (id: string) => string): Answer {
    const executionId = randomUUID();
    executions.set(executionId, { query, wasAsked: false });
    const result: Models.UsageExecutionResult = { executionId, resultsUri: resultsUri(executionId) };
    return json(200, result);
  }

  function results(executionId: string | undefined): Answer {
    const execution = executions.get(executionId ?? '');
    if (execution === undefined) throw notFound();
    const result: Models.ApiUsageQueryResult = execution.wasAsked
      ? { results: rows(execution.query), queryStatus: 'Complete' }
      : { queryStatus: 'Running' };
    execution.wasAsked = true;
    return json(200, result);
  }

  function rows({ clientId, startMs, endMs, granularity, metrics, groupBy }: Query): Models.ApiUsageRow[] {
    const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    const groups = new Map<string, Models.ApiUsageRow>();
    for (const entry of usage.entries()) {
      const dayMs = Date.parse(entry.day);
      if (dayMs < startMs || dayMs >= endMs || dayMs > today - usage.lagDays * DAY_MS) continue;
      if (clientId !== undefined && entry.clientId !== clientId) continue;
      const group: Models.ApiUsageRow = {
        ...(groupBy.includes('OAuthClientId') && {
          clientId: entry.clientId,
          clientName: clients.get(entry.clientId)?.name ?? '',
        }),
        ...(groupBy.includes('OrganizationId') && { organizationId: data.organization.id }),
        ...(groupBy.includes('TemplateUri') && { templateUri: entry.templateUri }),
        ...(groupBy.includes('HttpMethod') && { httpMethod: entry.httpMethod }),
        ...(granularity !== undefined && { date: new Date(beginningOf(dayMs, granularity)).toISOString() }),
      };
      const key = JSON.stringify(group);
      const row = groups.get(key) ?? group;
      for (const metric of METRICS.filter((name) => metrics.length === 0 || metrics.includes(name))) {
        const field = `${metric.charAt(0).toLowerCase()}${metric.slice(1)}` as 'requests' | 'status200';
        row[field] = (row[field] ?? 0) + (counts(metric, entry) ? entry.requests : 0);
      }
      groups.set(key, row);
    }
    return [...groups.values()];
  }

  function queryOf(request: ApiRequest, clientId?: string): Query {
    const body = jsonObjectBody(request);
    const granularity = optionalText(body, 'granularity');
    if (granularity !== undefined && !['Day', 'Week', 'Month'].includes(granularity)) {
      throw badRequest('The field granularity is not valid.', 'invalid.value');
    }
    const [metrics, groupBy] = [textList(body, 'metrics'), textList(body, 'groupBy')];
    const unknown = [...without(metrics, METRICS), ...without(groupBy, GROUPS)];
    if (unknown.length > 0) throw badRequest(`The value ${unknown[0]} is not valid.`, 'invalid.value');
    return { clientId, ...parseInterval(requiredText(body, 'interval')), granularity, metrics, groupBy };
  }

  const ofClient = (clientId = ''): string => {
    if (!clients.has(clientId)) throw notFound();
    return clientId;
  };
  const clientResults = (clientId: string) => (id: string) =>
    `/api/v2/oauth/clients/${clientId}/usage/query/results/${id}`;

  const routes: ApiRoute[] = [
    {
      method: 'POST',
      path: '/api/v2/usage/query',
      handle: (request) => execute(queryOf(request), (id) => `/api/v2/usage/query/${id}/results`),
    },
    {
      method: 'GET',
      path: '/api/v2/usage/query/{executionId}/results',
      handle: ({ parameters }) => results(parameters.executionId),
    },
    {
      method: 'POST',
      path: '/api/v2/oauth/clients/{clientId}/usage/query',
      handle(request) {
        const clientId = ofClient(request.parameters.clientId);
        return execute(queryOf(request, clientId), clientResults(clientId));
      },
    },
    {
      method: 'GET',
      path: '/api/v2/oauth/clients/{clientId}/usage/query/results/{executionId}',
      handle: ({ parameters }) => results(parameters.executionId),
    },
    {
      method: 'GET',
      path: '/api/v2/oauth/clients/{clientId}/usage/summary',
      handle({ parameters, query }) {
        const clientId = ofClient(parameters.clientId);
        const days = Number(query.get('days') ?? 7);
        if (!Number.isInteger(days) || days < 1) throw badRequest('The parameter days is not valid.', 'invalid.value');
        const endMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
        const span = { startMs: endMs - days * DAY_MS, endMs };
        return execute(
          { clientId, ...span, granularity: undefined, metrics: [], groupBy: [...GROUPS] },
          clientResults(clientId),
        );
      },
    },
  ];
  return routes.map((route) => ({
    ...route,
    handle(request) {
      requirePermission(clients, request, ...PERMISSIONS);
      return route.handle(request);
    },
  }));
}

/** Returns whether an entry counts for a metric. A 429 is a 4xx too. */
function counts(metric: (typeof METRICS)[number], { status }: UsageEntry): boolean {
  if (metric === 'Requests') return true;
  const number = Number(metric.slice('Status'.length));
  return number === 429 ? status === 429 : Math.floor(status / 100) * 100 === number;
}

function beginningOf(dayMs: number, granularity: string): number {
  const date = new Date(dayMs);
  if (granularity === 'Month') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  // Weeks begin on Monday.
  return granularity === 'Week' ? dayMs - ((date.getUTCDay() + 6) % 7) * DAY_MS : dayMs;
}

function without(values: readonly string[], known: readonly string[]): string[] {
  return values.filter((value) => !known.includes(value));
}
