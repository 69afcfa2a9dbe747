/** The suite's plugins by themselves, and as parts of genesys-gateway. Pure. */
import { isPlainObject, type PlainObject } from '../../plugins/shared/plain-object.js';
import type { Entity } from './entities.js';

/** The parts of genesys-gateway, each with its plugin. */
export const PARTS = {
  pii_log: 'genesys-pii-log',
  quota: 'genesys-quota',
  token_manager: 'genesys-token-manager',
  response_filter: 'genesys-response-filter',
} as const;
export type Part = keyof typeof PARTS;

export const GATEWAY = 'genesys-gateway';

/** Returns the settings of a part, by itself or in genesys-gateway, with the path in front of their fields. */
export function partOf({ value }: Entity, part: Part): [prefix: string, settings: PlainObject] | undefined {
  const { name, config } = value;
  if (!isPlainObject(config)) return undefined;
  if (isNamed(name, PARTS[part])) return ['config.', config];
  const record = config[part];
  return isNamed(name, GATEWAY) && isPlainObject(record) ? [`config.${part}.`, record] : undefined;
}

/** Returns whether a plugin has its own name, or one that `--name` gave it. */
export function isNamed(name: unknown, plugin: string): boolean {
  return name === plugin || String(name).startsWith(`${plugin}-`);
}
