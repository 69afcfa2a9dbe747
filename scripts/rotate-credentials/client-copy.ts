/** What a new OAuth client takes over from the old one. Pure. */

/** An OAuth client as Genesys answers it: fields that are not known here are kept, whatever they are called. */
export interface OAuthClient extends Readonly<Record<string, unknown>> {
  id: string;
  name: string;
}

/** Set by Genesys, or a matter of this one client. All else is taken over, an IP allow list under any name too. */
const OWN_FIELDS = new Set([
  'id',
  'secret',
  'dateCreated',
  'dateModified',
  'createdBy',
  'modifiedBy',
  'selfUri',
  'state',
  'dateToDelete',
  'lastTokenIssued',
]);

const MARK = /\[rotation ([\w-]+) of ([^\]\s]+)\]/;

/** What a client is marked by that a rotation made, so that a crash leaves no orphan unknown. */
export interface RotationMark {
  rotationId: string;
  oldId: string;
}

/** The mark in a client's description, if it has one. */
export function markOf(client: OAuthClient): RotationMark | undefined {
  const found = MARK.exec(typeof client.description === 'string' ? client.description : '');
  const [, rotationId, oldId] = found ?? [];
  return rotationId === undefined || oldId === undefined ? undefined : { rotationId, oldId };
}

/** The body of POST /oauth/clients for the successor of a client. */
export function successorOf(old: OAuthClient, mark: RotationMark): Record<string, unknown> {
  return { ...writable(old), state: 'active', description: marked(old.description, mark) };
}

/** The body of PUT /oauth/clients/{id} that changes only what is given: PUT replaces the whole client. */
export function changed(client: OAuthClient, changes: Record<string, unknown>): Record<string, unknown> {
  return { ...writable(client), state: client.state, ...changes };
}

/** A description without any mark. */
export function unmarked(description: unknown): string {
  return typeof description === 'string' ? description.replace(MARK, '').trim() : '';
}

/** The fields that the new client should have taken over and has not. */
export function differences(old: OAuthClient, successor: OAuthClient): string[] {
  return Object.entries(writable(old))
    .filter(([name, value]) => name !== 'description' && canonical(successor[name]) !== canonical(value))
    .map(([name]) => name);
}

function marked(description: unknown, { rotationId, oldId }: RotationMark): string {
  return `${unmarked(description)} [rotation ${rotationId} of ${oldId}]`.trim();
}

function writable(client: OAuthClient): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(client).filter(([name, value]) => !OWN_FIELDS.has(name) && value !== undefined && value !== null),
  );
}

/** Equal for values that mean the same: the order of lists and keys does not count, absent and empty are one. */
function canonical(value: unknown): string {
  if (value === undefined || value === null) return '[]';
  if (Array.isArray(value)) return `[${value.map(canonical).sort().join()}]`;
  if (typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`);
  return `{${entries.sort().join()}}`;
}
