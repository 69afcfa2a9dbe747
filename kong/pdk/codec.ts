/**
 * Derives codecs of protobuf messages from tables of fields.
 *
 * npm `pbf` reads and writes the primitives. It trusts its input and does not check bounds. A plugin server must not,
 * so each message checks that it ends where it should and that each field has its wire type. Proto3 rules apply: an
 * absent scalar is its default, a default is not written, a set member of a oneof always is. Field numbers are facts of
 * Kong's pluginsocket protocol, "ProtoBuf:1".
 */
import { PbfReader, PbfWriter } from 'pbf';

/** Writes and reads one message type. `read` consumes up to `end` and throws on anything malformed. */
export interface Codec<T> {
  write(value: T, writer: PbfWriter): void;
  read(reader: PbfReader, end: number): T;
}

/** One field: writes a value with its tag, and reads a value after its tag. */
export interface Field<T> {
  readonly number: number;
  readonly wireType: number;
  absent(): T;
  write(value: T, writer: PbfWriter): void;
  read(reader: PbfReader, previous: T): T;
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const NOTHING = new PbfReader(new Uint8Array(0));

/** Decodes a whole frame. @throws Error if the bytes are not exactly one message of that type. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  if (bytes.length === 0) return codec.read(NOTHING, 0);
  return codec.read(new PbfReader(bytes), bytes.length);
}

/** Encodes a message into a new array. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new PbfWriter();
  codec.write(value, writer);
  return writer.finish();
}

/**
 * Starts reading the fields of a message. `reader.nextField` continues, skips unread values, and returns 0 at the end.
 * @throws Error if the message claims to be longer than its frame
 */
export function firstField(reader: PbfReader, end: number): number {
  if (end > reader.length) throw new Error('a message runs past the end of its frame');
  return reader.nextField(end);
}

/** Checks the end of a message. @throws Error if the last field ran past it */
export function expectEnd(reader: PbfReader, end: number): void {
  if (reader.pos !== end) throw new Error('a field runs past the end of its message');
}

/** Checks the wire type of a field. @throws Error if its number calls for another one */
export function expectWireType(actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`wire type ${actual} where ${expected} belongs`);
}

/** Reads an embedded message, length first. */
export function readEmbedded<T>(codec: Codec<T>, reader: PbfReader): T {
  const length = reader.readVarint();
  return codec.read(reader, reader.pos + length);
}

/** Reads a double. @throws Error if the frame ends before its eight bytes do */
export function readDouble(reader: PbfReader): number {
  if (reader.pos + 8 > reader.length) throw new Error('a field runs past the end of its frame');
  return reader.readDouble();
}

/** Derives the codec of a message from its fields. */
export function message<T extends object>(fields: { [K in keyof Required<T>]: Field<T[K & keyof T]> }): Codec<T> {
  const entries = Object.entries(fields).map(([name, field]) => ({
    name: name as keyof T,
    field: field as Field<T[keyof T]>,
  }));
  return {
    write(value, writer) {
      for (const entry of entries) entry.field.write(value[entry.name], writer);
    },
    read(reader, end) {
      const value = {} as T;
      for (const entry of entries) value[entry.name] = entry.field.absent();
      for (let number = firstField(reader, end); number !== 0; number = reader.nextField(end)) {
        for (const { name, field } of entries) {
          if (field.number !== number) continue;
          expectWireType(reader.type, field.wireType);
          value[name] = field.read(reader, value[name]);
          break;
        }
      }
      expectEnd(reader, end);
      return value;
    },
  };
}

/** Makes the codec of a message with the single field `v = 1`. Its value is that field's. */
export function single<T>(field: Field<T>): Codec<T> {
  return {
    write: (value, writer) => field.write(value, writer),
    read(reader, end) {
      let value = field.absent();
      for (let number = firstField(reader, end); number !== 0; number = reader.nextField(end)) {
        if (number !== field.number) continue;
        expectWireType(reader.type, field.wireType);
        value = field.read(reader, value);
      }
      expectEnd(reader, end);
      return value;
    },
  };
}

/** Makes a string field. Bytes that are not UTF-8 become U+FFFD: Kong passes header and path bytes as they came. */
export function stringField(number: number): Field<string> {
  return {
    number,
    wireType: LENGTH_DELIMITED,
    absent: () => '',
    write(value, writer) {
      if (value !== '') writer.writeStringField(number, value);
    },
    read: (reader) => readText(reader),
  };
}

/** Makes an int32 or int64 field. Values beyond 2^53 lose digits, and Kong sends none. */
export function intField(number: number): Field<number> {
  return {
    number,
    wireType: VARINT,
    absent: () => 0,
    write(value, writer) {
      if (value !== 0) writer.writeVarintField(number, value);
    },
    read: (reader) => reader.readVarint(true),
  };
}

/** Makes a double field. */
export function doubleField(number: number): Field<number> {
  return {
    number,
    wireType: FIXED64,
    absent: () => 0,
    write(value, writer) {
      if (value !== 0) writer.writeDoubleField(number, value);
    },
    read: (reader) => readDouble(reader),
  };
}

/** Makes a bool field. */
export function boolField(number: number): Field<boolean> {
  return {
    number,
    wireType: VARINT,
    absent: () => false,
    write(value, writer) {
      if (value) writer.writeBooleanField(number, true);
    },
    read: (reader) => reader.readBoolean(),
  };
}

/** Makes a bytes field. What is read shares the memory of its frame. */
export function bytesField(number: number): Field<Buffer> {
  return {
    number,
    wireType: LENGTH_DELIMITED,
    absent: () => Buffer.alloc(0),
    write(value, writer) {
      if (value.length > 0) writer.writeBytesField(number, value);
    },
    read: (reader) => readBuffer(reader),
  };
}

/** Makes a field of repeated strings. */
export function stringsField(number: number): Field<string[]> {
  return {
    number,
    wireType: LENGTH_DELIMITED,
    absent: () => [],
    write(value, writer) {
      for (const item of value) writer.writeStringField(number, item);
    },
    read(reader, previous) {
      previous.push(readText(reader));
      return previous;
    },
  };
}

/** Makes a field of repeated messages. */
export function repeatedField<T>(number: number, codec: Codec<T>): Field<T[]> {
  return {
    number,
    wireType: LENGTH_DELIMITED,
    absent: () => [],
    write(value, writer) {
      for (const item of value) writer.writeMessage(number, codec.write, item);
    },
    read(reader, previous) {
      previous.push(readEmbedded(codec, reader));
      return previous;
    },
  };
}

/** Makes a field of an embedded message. If absent, it is read as an empty message. */
export function messageField<T>(number: number, codec: Codec<T>): Field<T> {
  return {
    number,
    wireType: LENGTH_DELIMITED,
    absent: () => codec.read(NOTHING, 0),
    write: (value, writer) => writer.writeMessage(number, codec.write, value),
    read: (reader) => readEmbedded(codec, reader),
  };
}

/** Makes a oneof member: undefined if another or none is set, and written even if it holds its type's default. */
export function oneofField<T>(number: number, codec: Codec<T>): Field<T | undefined> {
  return {
    number,
    wireType: LENGTH_DELIMITED,
    absent: () => undefined,
    write(value, writer) {
      if (value !== undefined) writer.writeMessage(number, codec.write, value);
    },
    read: (reader) => readEmbedded(codec, reader),
  };
}

/** Makes a oneof member of type string. */
export function oneofStringField(number: number): Field<string | undefined> {
  return {
    number,
    wireType: LENGTH_DELIMITED,
    absent: () => undefined,
    write(value, writer) {
      if (value !== undefined) writer.writeStringField(number, value);
    },
    read: (reader) => readText(reader),
  };
}

/** Makes a oneof member of type bytes. What is read shares the memory of its frame. */
export function oneofBytesField(number: number): Field<Buffer | undefined> {
  return {
    number,
    wireType: LENGTH_DELIMITED,
    absent: () => undefined,
    write(value, writer) {
      if (value !== undefined) writer.writeBytesField(number, value);
    },
    read: (reader) => readBuffer(reader),
  };
}

function readBuffer(reader: PbfReader): Buffer {
  const start = skipBytes(reader);
  return Buffer.from(reader.buf.buffer, reader.buf.byteOffset + start, reader.pos - start);
}

function readText(reader: PbfReader): string {
  const start = skipBytes(reader);
  if (reader.pos === start) return '';
  // A frame is a Buffer. Any other array is wrapped in one.
  const { buf } = reader;
  return Buffer.isBuffer(buf)
    ? buf.toString('utf8', start, reader.pos)
    : Buffer.from(buf.buffer, buf.byteOffset + start, reader.pos - start).toString('utf8');
}

/** Skips a length and that many bytes. Returns where the bytes start. */
function skipBytes(reader: PbfReader): number {
  const length = reader.readVarint();
  const start = reader.pos;
  reader.pos = start + length;
  if (reader.pos > reader.length) throw new Error('a field runs past the end of its frame');
  return start;
}
