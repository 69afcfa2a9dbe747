/** Reduces error answers of the service to the fields that Genesys' SDKs read. */
import { isUtf8 } from 'node:buffer';
import { BodyFault } from '../json/body-fault.js';
import { arrayOf, SCALAR, withMembers } from './path-tree.js';
import { walkBody } from './walk.js';

/**
 * The fields of `ErrorBody` and `Detail` in Genesys' SDK (npm purecloud-platform-client-v2 262), except two:
 * `entityName` is probably the name of a user, and `messageParams` repeats what `message` says. Only scalars, so that
 * no object goes out with an error.
 */
const DETAIL = withMembers(undefined, scalars('errorCode', 'fieldName', 'entityId'));
/** Which limit a 429 is about. */
const LIMIT = withMembers(undefined, scalars('key', 'namespace', 'value'));
const ERROR_FIELDS = [
  ...scalars('message', 'code', 'status', 'contextId', 'entityId', 'messageWithParams'),
  ['limit', LIMIT] as const,
];
const INNER_ERROR = withMembers(undefined, [...ERROR_FIELDS, ['details', arrayOf(DETAIL)]]);
const ERROR = withMembers(undefined, [...ERROR_FIELDS, ['details', arrayOf(DETAIL)], ['errors', arrayOf(INNER_ERROR)]]);

const PLAN = { envelope: undefined, elementNode: () => ERROR, template: undefined, links: undefined };

/**
 * Reduces the body of an error answer.
 * @throws BodyFault if it is not JSON
 */
export function reduceError(body: Buffer): Buffer {
  if (!isUtf8(body)) throw new BodyFault('not UTF-8');
  return walkBody(body, PLAN);
}

function scalars(...names: string[]) {
  return names.map((name) => [name, SCALAR] as const);
}
