/** Fields that the schemas of several of Kong's own plugins share (kong/db/schema/typedefs.lua). */
import type { Field } from '../../../plugins/shared/kong-schema/field.js';

/** The `protocols` of a plugin for HTTP only. */
export const protocolsHttp: Field = {
  type: 'set',
  required: true,
  default: ['grpc', 'grpcs', 'http', 'https'],
  elements: { type: 'string', one_of: ['grpc', 'grpcs', 'http', 'https'] },
};

/** The `consumer` of a plugin that cannot be set on a consumer. */
export const noConsumer: Field = { type: 'record', required: false, eq: null };

export const headerName: Field = {
  type: 'string',
  match: '^[%w%-_]+$',
  err: "bad header name, allowed characters are A-Z, a-z, 0-9, '_', and '-'",
};

export const flag = (value: boolean): Field => ({ type: 'boolean', required: true, default: value });

export const strings = (values: string[]): Field => ({ type: 'set', elements: { type: 'string' }, default: values });
