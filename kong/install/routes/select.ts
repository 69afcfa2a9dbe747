/** Which operations are chosen. Pure. */

import { didYouMean } from '../../config-check/suggest.js';
import { type Api, compare, type Operation } from './api.js';
import { covers, isGranted } from './permissions.js';

export interface Selection {
  /** Ids, or a method and a path: `GET /api/v2/users`. */
  operations: readonly string[];
  tags: readonly string[];
  permissions: readonly string[];
}

/**
 * Returns the operations that a selection names, by any of its words.
 * @throws Error of one line for a word that chooses nothing
 */
export function select(api: Api, { operations, tags, permissions }: Selection): Operation[] {
  const chosen = new Set<Operation>();
  for (const name of operations) chosen.add(operationOf(api, name));
  for (const tag of tags) for (const operation of ofTag(api, tag)) chosen.add(operation);
  if (permissions.length > 0) {
    if (!api.isDescription) {
      throw new Error(
        `--permission: ${api.source} does not say what operations ask for; name its description: --api FILE`,
      );
    }
    const names = api.operations.flatMap((operation) => operation.permissions?.names ?? []);
    for (const permission of permissions) {
      if (names.some((name) => covers(permission, name))) continue;
      throw new Error(`--permission ${permission}: no operation asks for it${didYouMean(permission, names)}`);
    }
    for (const operation of api.operations) if (isGranted(operation, permissions)) chosen.add(operation);
  }
  return api.operations.filter((operation) => chosen.has(operation));
}

function operationOf(api: Api, name: string): Operation {
  const [, method, path] = /^([A-Z]+) +(\/\S*)$/.exec(name) ?? [];
  const found = api.operations.find((operation) =>
    method === undefined
      ? operation.id === name
      : operation.method === method && sameTemplate(operation.path, path ?? ''),
  );
  if (found !== undefined) return found;
  const ids = api.operations.map(({ id }) => id);
  throw new Error(`--operations ${name}: ${api.source} has no such operation${didYouMean(name, ids)}`);
}

/** Compares templates: names of parameters do not matter. */
function sameTemplate(a: string, b: string): boolean {
  const plain = (path: string): string => path.replace(/\{[^}]*\}/g, '{}');
  return plain(a) === plain(b);
}

/** A tag is `ExternalContacts` to the SDK and `External Contacts` to the description. */
function ofTag(api: Api, tag: string): Operation[] {
  const plain = (text: string): string => text.replace(/[^a-z0-9]/gi, '').toLowerCase();
  const found = api.operations.filter(({ tags }) => tags.some((one) => plain(one) === plain(tag)));
  if (found.length > 0) return found;
  const tags = [...new Set(api.operations.flatMap((operation) => operation.tags))].sort(compare);
  throw new Error(`--tag ${tag}: ${api.source} has no such tag${didYouMean(tag, tags)}`);
}
