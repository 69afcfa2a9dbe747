/** Work on one body, without a gateway, against JSON.parse and JSON.stringify of the same bytes. */

/** Rounds of which the median is told. */
const ROUNDS = 15;

export interface Alone {
  bytes: number;
  workMs: number;
  parseAndStringifyMs: number;
}

/** Measures both in turns, so that what else the machine does falls on both. */
export async function measureAlone(body: Buffer, work: () => unknown): Promise<Alone> {
  // Small bodies take less time than the clock tells well.
  const repeats = Math.max(1, Math.round(2_000_000 / body.length));
  const parse = (): Buffer => Buffer.from(JSON.stringify(JSON.parse(body.toString())));
  const times = { work: [] as number[], parse: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    times.work.push(await timed(repeats, work));
    times.parse.push(await timed(repeats, parse));
  }
  return { bytes: body.length, workMs: middle(times.work), parseAndStringifyMs: middle(times.parse) };
}

async function timed(repeats: number, run: () => unknown): Promise<number> {
  const began = performance.now();
  for (let count = 0; count < repeats; count += 1) await run();
  return (performance.now() - began) / repeats;
}

function middle(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
