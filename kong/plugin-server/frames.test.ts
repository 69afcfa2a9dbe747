import { expect, it } from 'vitest';
import { stringMessage } from '../pdk/messages.js';
import { FrameReader, FrameWriter } from './frames.js';

function frame(text: string): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(text.length);
  return Buffer.concat([head, Buffer.from(text)]);
}

function read(chunks: Buffer[], maxFrameBytes = 1000): (string | number)[] {
  const seen: (string | number)[] = [];
  const reader = new FrameReader(
    (frame) => seen.push(typeof frame === 'number' ? frame : frame.toString()),
    () => maxFrameBytes,
  );
  for (const chunk of chunks) reader.push(chunk);
  return seen;
}

const stream = Buffer.concat([frame('one'), frame(''), frame('three'.repeat(100)), frame('four')]);
const expected = ['one', '', 'three'.repeat(100), 'four'];

it('frames are the same wherever the stream is cut', () => {
  for (let size = 1; size <= stream.length; size += 1) {
    const chunks = [];
    for (let start = 0; start < stream.length; start += size) chunks.push(stream.subarray(start, start + size));
    expect(read(chunks)).toEqual(expected);
  }
});

it('a frame over the limit is skipped, and those behind it are read', () => {
  const long = Buffer.concat([frame('a'), frame('b'.repeat(50)), frame('c')]);
  for (let size = 1; size <= long.length; size += 1) {
    const chunks = [];
    for (let start = 0; start < long.length; start += size) chunks.push(long.subarray(start, start + size));
    expect(read(chunks, 10)).toEqual(['a', 50, 'c']);
  }
});

it('what was taken from a writer stays as it was, and a value that does not fit leaves nothing behind', () => {
  const writer = new FrameWriter();
  const taken: Buffer[] = [];
  const texts = Array.from({ length: 500 }, (_, index) => `${index}`.repeat(1 + (index % 90)));
  for (const text of texts) {
    const before = writer.isEmpty;
    expect(() =>
      writer.frame(
        {
          ...stringMessage,
          write: () => {
            throw new TypeError('no');
          },
        },
        text,
      ),
    ).toThrow('no');
    expect(writer.isEmpty).toBe(before);
    writer.frame(stringMessage, text);
    taken.push(writer.take());
  }
  const seen = read([Buffer.concat(taken)]);
  expect(seen).toHaveLength(500);
  expect(seen.map((bytes, index) => String(bytes).endsWith(texts[index] ?? ''))).toEqual(texts.map(() => true));
});
