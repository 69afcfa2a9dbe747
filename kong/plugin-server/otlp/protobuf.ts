/** Fields of protobuf messages, as OTLP needs them one by one. Pure. */
import { PbfWriter } from 'pbf';

/** Wire types (protobuf.dev, encoding). */
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;

function written(write: (writer: PbfWriter) => void): Buffer {
  const writer = new PbfWriter();
  write(writer);
  return Buffer.from(writer.finish());
}

/** The key and the length of a field whose content follows: a message, text or bytes. */
export function lengthPrefix(field: number, length: number): Buffer {
  return written((writer) => {
    writer.writeTag(field, LENGTH_DELIMITED);
    writer.writeVarint(length);
  });
}

/** Encodes a field with a text. */
export function textField(field: number, text: string): Buffer {
  return written((writer) => writer.writeStringField(field, text));
}

/** Encodes a field with a message of fields. */
export function messageField(field: number, fields: readonly Buffer[]): Buffer {
  return written((writer) => writer.writeBytesField(field, Buffer.concat(fields)));
}

/** Encodes a field with a small number or a boolean. */
export function varintField(field: number, value: number): Buffer {
  return written((writer) => writer.writeVarintField(field, value));
}

/** The key of a field of 8 bytes. */
export function fixedKey(field: number): Buffer {
  return written((writer) => writer.writeTag(field, FIXED64));
}

/** Encodes a field with a double. */
export function doubleField(field: number, value: number): Buffer {
  return written((writer) => writer.writeDoubleField(field, value));
}

/** Encodes a field with a whole number of 8 bytes. */
export function fixedField(field: number, value: number): Buffer {
  return written((writer) => writer.writeFixed64Field(field, value));
}

/** Encodes a field with whole numbers of 8 bytes. */
export function fixedList(field: number, values: readonly number[]): Buffer {
  return written((writer) => writer.writePackedFixed64(field, [...values]));
}

/** Encodes a field with doubles. */
export function doubleList(field: number, values: readonly number[]): Buffer {
  return written((writer) => writer.writePackedDouble(field, [...values]));
}

/**
 * Writes a whole number above 0 of 8 bytes into memory that is there. Beyond 2^53 it is as exact as a double: nanoseconds
 * since 1970 to 256.
 */
export function writeFixed64(into: Buffer, at: number, value: number): void {
  into.writeUInt32LE(value % 2 ** 32, at);
  into.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}

/** Encodes an attribute with a text (common/v1/common.proto, KeyValue). */
export function textAttribute(field: number, key: string, text: string): Buffer {
  return messageField(field, [textField(1, key), messageField(2, [textField(1, text)])]);
}
