/** What masking costs, and that no body holds up the process for long. */

import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { allowedMs } from '../../../test/support/allowed-time.js';
import { testMasking } from '../testing/config.js';
import { createRandom } from '../testing/secrets.js';
import { logBody } from './body.js';

const TEN_MB = 10 * 1024 * 1024;
/** Of the issue. */
const LONGEST_BLOCK_MS = 50;

const random = createRandom('speed');

/** A list of conversations, in the shape of Genesys Cloud's. */
function conversations(bytes: number): string {
  const list: string[] = [];
  for (let length = 0; length < bytes; length += list.at(-1)?.length ?? 0) {
    list.push(
      JSON.stringify({
        id: random.uuid(),
        startTime: '2026-01-12T09:00:00.000Z',
        participants: [
          {
            id: random.uuid(),
            name: 'Amber Anvil 0001',
            ani: 'tel:+12125550100',
            purpose: 'customer',
            attributes: { 'Caller Note': 'Asked to be called back on +12125550100' },
          },
          {
            id: random.uuid(),
            queueId: random.uuid(),
            queueName: 'Support',
            purpose: 'agent',
            wrapup: { notes: 'mail to a.b@example.com', durationSeconds: 17 },
          },
        ],
        divisions: [{ division: { id: random.uuid(), selfUri: `/api/v2/authorization/divisions/${random.uuid()}` } }],
        duration: 123_456,
      }),
    );
  }
  return `{"entities":[${list.join(',')}],"pageSize":25,"nextUri":"/api/v2/conversations?pageSize=25&pageNumber=2"}`;
}

/** The longest time that nothing else could be done. */
async function longestBlock(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  let going = true;
  const beat = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (going) setImmediate(beat);
  };
  setImmediate(beat);
  await work();
  beat();
  going = false;
  return longest;
}

const big = (text: string): Buffer => Buffer.from(text);
const cases: [string, () => Buffer, string, string | undefined][] = [
  ['JSON', () => big(conversations(TEN_MB)), 'application/json', undefined],
  ['compressed JSON', () => gzipSync(conversations(TEN_MB)), 'application/json', 'gzip'],
  [
    'one long string',
    () => big(`{"text":"${'call 212-555-0100 or a@b.de, '.repeat(TEN_MB / 29)}"}`),
    'application/json',
    undefined,
  ],
  [
    'nothing but a masked field',
    () => big(`{"attributes":{"a":"${'x'.repeat(TEN_MB)}"},"b":1}`),
    'application/json',
    undefined,
  ],
  ['text', () => big('call 212-555-0100 or a@b.de, '.repeat(TEN_MB / 29)), 'text/plain', undefined],
  ['digits', () => big('4-'.repeat(TEN_MB / 2)), 'text/plain', undefined],
  ['escapes', () => big('%2540'.repeat(TEN_MB / 5)), 'text/plain', undefined],
  [
    'a form',
    () => big(`a=1&${'b=call+212-555-0100&'.repeat(TEN_MB / 20)}`),
    'application/x-www-form-urlencoded',
    undefined,
  ],
  ['JSON that is broken at its end', () => big(`${conversations(500_000)},`), 'application/json', undefined],
  ...['a-b.c-d.e = ', '<name ', '<name>x', 'ani=1 ', String.raw`\"ani\": `].map(
    (label): [string, () => Buffer, string, string | undefined] => [
      `strings full of ${label}`,
      () => big(`[${`"${label.repeat(2000)}",`.repeat(TEN_MB / label.length / 2000)}1]`),
      'application/json',
      undefined,
    ],
  ),
  ['deep JSON', () => big('['.repeat(TEN_MB)), 'application/json', undefined],
  [
    'many keys',
    () => big(`{${Array.from({ length: 500_000 }, (_, i) => `"key${i}":"${i}"`).join()}}`),
    'application/json',
    undefined,
  ],
];

const inBothWays = cases.flatMap(([what, ...rest]) =>
  (['detect', 'allow'] as const).map((values) => [what, values, ...rest] as const),
);

it.each(inBothWays)(
  '10 MB of %s do not hold up the process (%s)',
  async (_, values, make, contentType, contentEncoding) => {
    const bytes = make();
    const masking = testMasking({ values });
    const run = (): Promise<unknown> =>
      logBody({ bytes, size: bytes.length, contentType, contentEncoding }, masking, 16384);
    // The first one pays for compiling.
    await run();
    const blocks: number[] = [];
    for (let round = 0; round < 5; round++) blocks.push(await longestBlock(run));
    const shortest = Math.min(...blocks);
    if (process.env.PII_BENCH)
      process.stdout.write(`${_}, ${values}: ${blocks.map((ms) => ms.toFixed(1)).join(' ')} ms\n`);
    expect(shortest).toBeLessThan(allowedMs(LONGEST_BLOCK_MS));
  },
);

it.each([1, 14])('masks a page of %i KB in twice what it takes to parse and write it', async (kilobytes) => {
  const bytes = big(conversations(kilobytes * 900));
  const masking = testMasking();
  const about = { size: bytes.length, contentType: 'application/json', contentEncoding: undefined };
  const timesOf = async (work: () => unknown): Promise<number> => {
    const begun = performance.now();
    for (let count = 0; count < 2000 / kilobytes; count++) await work();
    return performance.now() - begun;
  };
  const ratios: number[] = [];
  for (let round = 0; round < 15; round++) {
    const masked = await timesOf(() => logBody({ bytes, ...about }, masking, 131_072));
    ratios.push(masked / (await timesOf(() => JSON.stringify(JSON.parse(bytes.toString())))));
  }
  if (process.env.PII_BENCH) process.stdout.write(`${ratios.map((ratio) => ratio.toFixed(2)).join(' ')}\n`);
  expect(Math.min(...ratios)).toBeLessThan(allowedMs(2.5));
});

it.each(['detect', 'allow'])('masks at some MB a second (%s)', async (values) => {
  const bytes = big(conversations(900_000));
  const run = async (): Promise<number> => {
    const start = performance.now();
    await logBody(
      { bytes, size: bytes.length, contentType: 'application/json', contentEncoding: undefined },
      testMasking({ values }),
      10_000_000,
    );
    return bytes.length / 1e6 / ((performance.now() - start) / 1000);
  };
  await run();
  const rate = Math.max(await run(), await run(), await run());
  if (process.env.PII_BENCH) process.stdout.write(`${rate.toFixed(1)} MB/s\n`);
  expect(rate).toBeGreaterThan(1);
});
