/**
 * The messages for arguments and replies of PDK methods in ProtoBuf:1, with their field numbers. A message with the
 * single field `v` is read as that value. Header and query structs are read as maps.
 */
import type {
  Consumer,
  Credential,
  HeaderMap,
  PdkValue,
  QueryMap,
  Route,
  Service,
  UriCaptures,
} from '../../plugins/shared/pdk.js';
import {
  boolField,
  bytesField,
  type Codec,
  doubleField,
  expectEnd,
  expectWireType,
  type Field,
  firstField,
  intField,
  message,
  messageField,
  oneofBytesField,
  oneofStringField,
  readDouble,
  readEmbedded,
  repeatedField,
  single,
  stringField,
  stringsField,
} from './codec.js';

/** A message without fields: an empty frame. */
export const emptyMessage: Codec<undefined> = {
  write() {},
  read(reader, end) {
    while (firstField(reader, end) !== 0);
    expectEnd(reader, end);
    return undefined;
  },
};

export const boolMessage = single(boolField(1));
export const intMessage = single(intField(1));
export const numberMessage = single(doubleField(1));
export const stringMessage = single(stringField(1));
export const bytesMessage = single(bytesField(1));

/** Returns the length of a `bytesMessage`: a byte for the field, a varint of 7 bits a byte, and this many bytes. */
export function bytesMessageLength(bytes: number): number {
  return bytes === 0 ? 0 : 1 + Math.ceil((32 - Math.clz32(bytes)) / 7) + bytes;
}

/** Returns how many bytes are in a `bytesMessage` of this length. */
export function bytesInMessage(length: number): number {
  let bytes = length;
  while (bytesMessageLength(bytes) > length) bytes -= 1;
  return bytes;
}

/** A string that may be absent. On the wire, absent and empty are the same. */
export const optionalStringMessage: Codec<string | undefined> = {
  write: (value, writer) => stringMessage.write(value ?? '', writer),
  read: (reader, end) => stringMessage.read(reader, end) || undefined,
};

// google.protobuf.Value, Struct and ListValue: wire types by member of the oneof (struct.proto).
const NULL = 1;
const NUMBER = 2;
const STRING = 3;
const BOOL = 4;
const STRUCT = 5;
const LIST = 6;
const VALUE_WIRE_TYPES: Record<number, number> = {
  [NULL]: 0,
  [NUMBER]: 1,
  [STRING]: 2,
  [BOOL]: 0,
  [STRUCT]: 2,
  [LIST]: 2,
};
const valueString = stringField(STRING);

/** google.protobuf.Value. Reads as null if no member is set. */
export const valueMessage: Codec<PdkValue> = {
  write(value, writer) {
    if (value === null) writer.writeVarintField(NULL, 0);
    else if (typeof value === 'number') writer.writeDoubleField(NUMBER, value);
    else if (typeof value === 'string') writer.writeStringField(STRING, value);
    else if (typeof value === 'boolean') writer.writeBooleanField(BOOL, value);
    else if (Array.isArray(value)) writer.writeMessage(LIST, listMessage.write, value);
    else if (typeof value === 'object') writer.writeMessage(STRUCT, structMessage.write, value);
    else throw new TypeError(`a ${typeof value} cannot be sent to Kong`);
  },
  read(reader, end) {
    let value: PdkValue = null;
    for (let field = firstField(reader, end); field !== 0; field = reader.nextField(end)) {
      const expected = VALUE_WIRE_TYPES[field];
      if (expected === undefined) continue;
      expectWireType(reader.type, expected);
      if (field === NULL) {
        reader.readVarint();
        value = null;
      } else if (field === NUMBER) value = readDouble(reader);
      else if (field === STRING) value = valueString.read(reader, '');
      else if (field === BOOL) value = reader.readBoolean();
      else if (field === STRUCT) value = readEmbedded(structMessage, reader);
      else value = readEmbedded(listMessage, reader);
    }
    expectEnd(reader, end);
    return value;
  },
};

/** google.protobuf.ListValue. */
export const listMessage: Codec<PdkValue[]> = single(repeatedField(1, valueMessage));

function mapField<T>(number: number, valueField: Field<T>): Field<Record<string, T>> {
  const entry = message<{ key: string; value: T }>({ key: stringField(1), value: valueField });
  return {
    number,
    wireType: 2,
    absent: () => Object.create(null) as Record<string, T>,
    write(value, writer) {
      for (const key in value) writer.writeMessage(number, entry.write, { key, value: value[key] as T });
    },
    read(reader, previous) {
      const { key, value } = readEmbedded(entry, reader);
      previous[key] = value;
      return previous;
    },
  };
}

const structFields = mapField(1, messageField(2, valueMessage));

/** google.protobuf.Struct, read into an object without prototype. */
export const structMessage: Codec<Record<string, PdkValue>> = single(structFields);

/** Unwraps lists of one item, as Kong writes them. */
function singlesUnwrapped(lists: Record<string, PdkValue[]>): Record<string, PdkValue> {
  const struct: Record<string, PdkValue> = Object.create(null);
  for (const [name, values] of Object.entries(lists)) {
    const [only, ...others] = values;
    struct[name] = only !== undefined && others.length === 0 ? only : values;
  }
  return struct;
}

/** A Struct of headers. Each value is read as a list of strings, whatever its form on the wire. */
export const headersMessage: Codec<HeaderMap> = {
  write(headers, writer) {
    structMessage.write(singlesUnwrapped(headers), writer);
  },
  read(reader, end) {
    const headers: HeaderMap = Object.create(null);
    const struct = structMessage.read(reader, end);
    for (const name in struct) {
      const value = struct[name];
      headers[name.toLowerCase()] = Array.isArray(value) ? value.map(String) : [String(value)];
    }
    return headers;
  },
};

/** A Struct of query arguments: strings, lists of them, or true for an argument without a value. */
export const queryMessage: Codec<QueryMap> = {
  write(query, writer) {
    structMessage.write(singlesUnwrapped(query), writer);
  },
  read(reader, end) {
    const query: QueryMap = Object.create(null);
    const struct = structMessage.read(reader, end);
    for (const name in struct) {
      const value = struct[name];
      query[name] = (Array.isArray(value) ? value : [value]).map((item) => (item === true ? true : String(item)));
    }
    return query;
  },
};

export interface KeyValue {
  k: string;
  /** Absent for null. Otherwise Kong stores the name of protobuf's null constant. */
  v: PdkValue;
}

/** A key and a value. Null is sent as absent. */
export const keyValueMessage: Codec<KeyValue> = {
  write({ k, v }, writer) {
    if (k !== '') writer.writeStringField(1, k);
    if (v !== null) writer.writeMessage(2, valueMessage.write, v);
  },
  read: (reader, end) => readKeyValue.read(reader, end),
};
const readKeyValue = message<KeyValue>({ k: stringField(1), v: messageField(2, valueMessage) });

export interface ExitArgs {
  status: number;
  body: Buffer;
  headers: Record<string, PdkValue>;
}
export const exitArgsMessage = message<ExitArgs>({
  status: intField(1),
  body: bytesField(2),
  headers: messageField(3, structMessage),
});

export const targetMessage = message<{ host: string; port: number }>({ host: stringField(1), port: intField(2) });

export interface RawBodyResult {
  content: Buffer | undefined;
  body_filepath: string | undefined;
  error: string | undefined;
}
export const rawBodyResultMessage = message<RawBodyResult>({
  content: oneofBytesField(1),
  body_filepath: oneofStringField(2),
  error: oneofStringField(3),
});

const consumerMessage = message<Consumer>({
  id: stringField(1),
  created_at: intField(2),
  username: stringField(3),
  custom_id: stringField(4),
  tags: stringsField(5),
});

const credentialMessage = message<Credential>({ id: stringField(1), consumer_id: stringField(2) });

/** Makes the codec of an entity that Kong sends without any field if there is none. */
function optionalEntity<T extends { id: string }>(codec: Codec<T>): Codec<T | undefined> {
  return {
    write(value, writer) {
      if (value !== undefined) codec.write(value, writer);
    },
    read(reader, end) {
      const entity = codec.read(reader, end);
      return entity.id === '' ? undefined : entity;
    },
  };
}

export const optionalConsumerMessage = optionalEntity(consumerMessage);
export const optionalCredentialMessage = optionalEntity(credentialMessage);

export const consumerSpecMessage = message<{ id: string; by_username: boolean }>({
  id: stringField(1),
  by_username: boolField(2),
});

export const authenticateArgsMessage = message<{ consumer: Consumer; credential: Credential }>({
  consumer: messageField(1, consumerMessage),
  credential: messageField(2, credentialMessage),
});

export const uriCapturesMessage = message<UriCaptures>({
  unnamed: stringsField(1),
  named: mapField(2, stringField(2)),
});

export const optionalRouteMessage = optionalEntity(
  message<Route>({
    id: stringField(1),
    created_at: intField(2),
    updated_at: intField(3),
    name: stringField(4),
    protocols: stringsField(5),
    methods: stringsField(6),
    hosts: stringsField(7),
    paths: stringsField(8),
    headers: stringsField(9),
    https_redirect_status_code: intField(10),
    regex_priority: intField(11),
    strip_path: boolField(12),
    preserve_host: boolField(13),
    snis: stringsField(14),
    sources: stringsField(15),
    destinations: stringsField(16),
    tags: stringsField(17),
    service: messageField(18, message<{ id: string }>({ id: stringField(1) })),
  }),
);

export const optionalServiceMessage = optionalEntity(
  message<Service>({
    id: stringField(1),
    created_at: intField(2),
    updated_at: intField(3),
    name: stringField(4),
    retries: intField(5),
    protocol: stringField(6),
    host: stringField(7),
    port: intField(8),
    path: stringField(9),
    connect_timeout: intField(10),
    write_timeout: intField(11),
    read_timeout: intField(12),
    tags: stringsField(13),
  }),
);
