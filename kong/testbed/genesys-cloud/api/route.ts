/**
 * What an API resource is to the server: a list of routes. The server has read the body, checked the token and counted
 * the rate limit before a handler runs; a handler answers or throws an `ApiError`.
 */
import { type Answer, ApiError, badRequest } from '../answer.js';
import type { ClientStore } from '../clients.js';
import type { OrganizationData } from '../data/organization.js';
import type { SecurityStore } from '../security.js';
import type { IssuedToken, TokenStore } from '../tokens.js';
import type { UsageRecord } from '../usage-record.js';

export interface ApiRequest {
  method: string;
  path: string;
  /** The named segments of the route's path, decoded. */
  parameters: Readonly<Record<string, string>>;
  query: URLSearchParams;
  body: Buffer;
  token: IssuedToken;
}

/** The state that routes work on. */
export interface ApiServices {
  data: OrganizationData;
  clients: ClientStore;
  tokens: TokenStore;
  security: SecurityStore;
  usage: UsageRecord;
}

export interface ApiRoute {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** A path pattern; routes of one resource stand with the literal paths first. */
  path: string;
  handle(request: ApiRequest): Answer | Promise<Answer>;
}

/**
 * Refuses a caller whose roles do not allow it. Only the resources that manage credentials ask.
 * @throws ApiError 403 that names the permission, as Genesys does
 */
export function requirePermission(clients: ClientStore, { token }: ApiRequest, ...anyOf: readonly string[]): void {
  const permissions = clients.get(token.clientId)?.permissions;
  if (permissions === undefined || anyOf.some((permission) => permissions.includes(permission))) return;
  throw new ApiError(
    403,
    'missing.any.permissions',
    `Unable to perform the requested action. You must have at least one of the following permissions assigned: [${anyOf.join(', ')}]`,
  );
}

/** A JSON object whose fields are yet to be read. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Parses a request body.
 * @throws ApiError 400 in Genesys' shape if it is no JSON
 */
export function jsonBody(request: ApiRequest): unknown {
  try {
    return JSON.parse(request.body.toString('utf8'));
  } catch {
    throw badRequest('The request could not be understood by the server due to malformed syntax.', 'invalid.json');
  }
}

/** @throws ApiError 400 if the body is no JSON object */
export function jsonObjectBody(request: ApiRequest): JsonObject {
  const value = jsonBody(request);
  if (!isJsonObject(value)) throw badRequest('The request body must be a JSON object.');
  return value;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws ApiError 400 if the field is absent, no text, or empty */
export function requiredText(body: JsonObject, field: string): string {
  const value = body[field];
  if (typeof value !== 'string' || value === '') throw badRequest(`The field ${field} is required.`, 'missing.field');
  return value;
}

/** @throws ApiError 400 if the field is there and no text */
export function optionalText(body: JsonObject, field: string): string | undefined {
  const value = body[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw badRequest(`The field ${field} must be text.`, 'invalid.value');
  return value;
}

/** The items of a query parameter that may be repeated or hold a comma-separated list. */
export function listParameter(query: URLSearchParams, name: string): Set<string> {
  return new Set(
    query
      .getAll(name)
      .flatMap((value) => value.split(','))
      .map((value) => value.trim())
      .filter((value) => value !== ''),
  );
}

/**
 * A query parameter with a fixed set of values, compared without case as Genesys does.
 * @throws ApiError 400 for any other value
 */
export function choiceParameter<const Choice extends string>(
  query: URLSearchParams,
  name: string,
  choices: readonly Choice[],
  otherwise: NoInfer<Choice>,
): Choice {
  const value = query.get(name);
  if (value === null || value === '') return otherwise;
  const choice = choices.find((candidate) => candidate.toLowerCase() === value.toLowerCase());
  if (choice === undefined) throw badRequest(`Value [${value}] is not valid for parameter [${name}].`, 'invalid.value');
  return choice;
}
