/** The little of protobuf's wire format that OTLP needs. Pure. */

/** Encodes an unsigned number of at most 32 bits. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** The key and the length of a field whose content follows: a message, text or bytes. */
export function lengthPrefix(field: number, length: number): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(length)]);
}

/** Encodes a field with a message, text or bytes. */
export function bytesField(field: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content as Buffer);
  return Buffer.concat([lengthPrefix(field, bytes.length), bytes]);
}

/** Encodes a field with a message of fields. */
export function messageField(field: number, fields: readonly Buffer[]): Buffer {
  return bytesField(field, Buffer.concat(fields));
}

/** Encodes a field with a small number or a boolean. */
export function varintField(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

/** The key of a field of 8 bytes. */
export function fixedKey(field: number): Buffer {
  return varint(field * 8 + 1);
}

/** Encodes a field with a double. */
export function doubleField(field: number, value: number): Buffer {
  return Buffer.concat([fixedKey(field), packed([value], writeDouble)]);
}

/** Encodes a field with a whole number of 8 bytes. */
export function fixedField(field: number, value: number): Buffer {
  return Buffer.concat([fixedKey(field), packed([value], writeFixed64)]);
}

/** Encodes numbers of 8 bytes, one after the other. */
export function packed(values: readonly number[], write: typeof writeFixed64): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) write(bytes, index * 8, value);
  return bytes;
}

/** Writes a whole number above 0. Beyond 2^53 it is as exact as a double: nanoseconds since 1970 to 256. */
export function writeFixed64(into: Buffer, at: number, value: number): void {
  into.writeUInt32LE(value % 2 ** 32, at);
  into.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}

/** Writes a double. */
export function writeDouble(into: Buffer, at: number, value: number): void {
  into.writeDoubleLE(value, at);
}

/** Encodes an attribute with a text (common/v1/common.proto, KeyValue). */
export function textAttribute(field: number, key: string, text: string): Buffer {
  return messageField(field, [bytesField(1, key), messageField(2, [bytesField(1, text)])]);
}
