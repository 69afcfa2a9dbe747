/**
 * Edits the credentials of a consumer in a declarative configuration (decK, DB-less Kong). Comments and all else stay as
 * they are. Pure.
 */
import { type Document, isMap, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import { RotationFailure } from './failure.js';
import type { SecretValues } from './store.js';

export type CredentialKind = 'key-auth' | 'basic-auth';

const LISTS: Record<CredentialKind, string> = {
  'key-auth': 'keyauth_credentials',
  'basic-auth': 'basicauth_credentials',
};

/** How a credential is told that a rotation put in. */
export function tagOf(rotationId: string): string {
  return `rotation-${rotationId}`;
}

/** How many credentials a consumer has: those of this rotation, and others. */
export function countCredentials(
  text: string,
  consumer: string,
  kind: CredentialKind,
  rotationId: string,
): { own: number; others: number } {
  const { items } = find(text, consumer, kind).list;
  const own = items.filter((item) => isOwn(item, rotationId)).length;
  return { own, others: items.length - own };
}

/** Puts the new credential beside the old one; again, if it is there already. */
export function withCredential(
  text: string,
  consumer: string,
  kind: CredentialKind,
  rotationId: string,
  values: SecretValues,
): string {
  const { document, list } = find(text, consumer, kind);
  list.items = list.items.filter((item) => !isOwn(item, rotationId));
  list.add(document.createNode({ ...values, tags: [tagOf(rotationId)] }));
  return print(document);
}

/** Leaves out the credential of this rotation, or all others. */
export function withoutCredentials(
  text: string,
  consumer: string,
  kind: CredentialKind,
  rotationId: string,
  leftOut: 'own' | 'others',
): string {
  const { document, list } = find(text, consumer, kind);
  list.items = list.items.filter((item) => isOwn(item, rotationId) === (leftOut === 'others'));
  return print(document);
}

function isOwn(item: unknown, rotationId: string): boolean {
  const tags = isMap(item) ? item.get('tags') : undefined;
  return isSeq(tags) && tags.items.some((tag) => String(tag) === tagOf(rotationId));
}

function print(document: Document): string {
  return document.toString({ lineWidth: 0 });
}

function find(text: string, consumer: string, kind: CredentialKind): { document: Document; list: YAMLSeq } {
  const document = parseDocument(text);
  const consumers = document.get('consumers');
  if (document.errors.length > 0 || !isSeq(consumers) || consumers.items.length === 0) {
    throw new RotationFailure('INVENTORY_EMPTY', 'the declarative file has no consumers', 'see --file');
  }
  const found = consumers.items.find((item): item is YAMLMap => isMap(item) && item.get('username') === consumer);
  const list = found?.get(LISTS[kind]);
  if (!isSeq(list) || list.items.length === 0) {
    throw new RotationFailure(
      'TARGET_NOT_FOUND',
      found === undefined
        ? `the declarative file has no consumer ${JSON.stringify(consumer)}`
        : `the consumer ${JSON.stringify(consumer)} has no ${kind} credential`,
      `it must stand below its consumer, as ${LISTS[kind]}`,
    );
  }
  return { document, list };
}
