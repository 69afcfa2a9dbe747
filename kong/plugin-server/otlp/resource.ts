/** What is around the items of a request, of whatever signal (opentelemetry-proto). Pure. */
import { lengthPrefix, messageField, textAttribute, textField } from './protobuf.js';

export interface Process {
  /** Its command, or its only plugin's name in Kong. */
  name: string;
  version: string;
  /** Unique, also after a restart. */
  instanceId: string;
  host: string;
}

/** Encodes a process as the `resource` of a request. */
export function encodeResource({ name, version, instanceId, host }: Process): Buffer {
  const attributes = {
    'service.name': name,
    'service.namespace': 'kong-genesys-cloud',
    'service.version': version,
    'service.instance.id': instanceId,
    'host.name': host,
  };
  return messageField(
    1,
    Object.entries(attributes).map(([key, text]) => textAttribute(1, key, text)),
  );
}

const SCOPE = messageField(1, [textField(1, 'kong-genesys-cloud')]);

/** Returns the body of a request. @param items fields of ScopeSpans or ScopeMetrics */
export function encodeRequest(resource: Buffer, items: Buffer): Buffer {
  const scope = lengthPrefix(2, SCOPE.length + items.length);
  const length = resource.length + scope.length + SCOPE.length + items.length;
  return Buffer.concat([lengthPrefix(1, length), resource, scope, SCOPE, items]);
}
