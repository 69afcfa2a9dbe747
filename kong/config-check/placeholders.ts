/**
 * Puts stand-ins in the place of what is known only in the gateway, so that a plugin's own check of its configuration can
 * run without the secrets: references to vaults, decK's variables, `file:` secrets. Nothing is resolved or read. Pure.
 */
import { createHash, generateKeyPairSync } from 'node:crypto';
import type { Field, Fields } from '../../plugins/shared/kong-schema/field.js';
import { isPlainObject, type PlainObject } from '../../plugins/shared/plain-object.js';
import { isDeckVariable, isSecretFile, isVaultReference } from './references.js';

/** A reference for which something else stands. */
export interface StandIn {
  reference: string;
  /** So many values may be tried in its place, the likeliest first. */
  candidates: number;
}

export interface Substituted {
  config: PlainObject;
  /** By the path of the field in `config`, as the plugins write it: `clients[1].client_secret`. */
  standIns: ReadonlyMap<string, StandIn>;
  /** What is wrong with the references themselves. */
  problems: { path: string; message: string }[];
}

/**
 * Puts a candidate in the place of each reference.
 * @param choices which candidate, by reference, so that equal references stay equal; the first unless it says otherwise
 */
export function substitute(
  fields: Fields,
  config: PlainObject,
  choices: ReadonlyMap<string, number> = new Map(),
): Substituted {
  const standIns = new Map<string, StandIn>();
  const problems: Substituted['problems'] = [];

  function visit(field: Field | undefined, value: unknown, path: string): unknown {
    if (typeof value === 'string') return text(field, value, path);
    if (Array.isArray(value)) return value.map((item, index) => visit(field?.elements, item, `${path}[${index}]`));
    if (!isPlainObject(value)) return value;
    if (field?.type === 'map') {
      return mapValues(value, (item, key) => visit(field.values, item, `${path}.${key}`));
    }
    return record(field?.fields ?? [], value, `${path}.`);
  }

  function record(ofRecord: Fields, value: PlainObject, prefix: string): PlainObject {
    const known = new Map(ofRecord.flatMap((field) => Object.entries(field)));
    return mapValues(value, (item, key) => visit(known.get(key), item, prefix + key));
  }

  function text(field: Field | undefined, value: string, path: string): unknown {
    if (isVaultReference(value)) {
      if (field !== undefined && field.referenceable !== true) {
        problems.push({ path, message: 'is a vault reference, which Kong does not resolve in this field' });
      }
      return standIn(path, value, [() => 'https://stand-in.invalid', privateKey]);
    }
    if (isDeckVariable(value))
      return standIn(path, value, [() => 'https://stand-in.invalid', privateKey, () => 1, () => true]);
    if (field?.referenceable === true && isSecretFile(value)) {
      if (!value.startsWith('file:/')) problems.push({ path, message: 'must name a file by its absolute path' });
      return standIn(path, value, [privateKey]);
    }
    // A file beside the plugin server, which is not here. Such fields are optional.
    if (path.endsWith('_file')) {
      if (!value.startsWith('/')) problems.push({ path, message: 'must be an absolute path' });
      return undefined;
    }
    return value;
  }

  function standIn(path: string, reference: string, others: readonly (() => unknown)[]): unknown {
    standIns.set(path, { reference, candidates: 1 + others.length });
    const choice = choices.get(reference) ?? 0;
    return choice === 0 ? placeholderFor(reference) : others[choice - 1]?.();
  }

  return { config: record(fields, config, ''), standIns, problems };
}

/** A text that fits nearly every secret: 32 bytes in base64, another one for another reference. */
function placeholderFor(reference: string): string {
  return createHash('sha256').update(reference).digest('base64');
}

let madeKey: string | undefined;

/** For a key that signs. Made when the first one is needed: it takes a while. */
function privateKey(): string {
  madeKey ??= generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
  return madeKey;
}

function mapValues(record: PlainObject, change: (value: unknown, key: string) => unknown): PlainObject {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]));
}
