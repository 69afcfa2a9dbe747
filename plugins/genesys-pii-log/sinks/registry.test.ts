/** The sinks of a process, with real files: what several of them spill at once is there in the end. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { testConfig } from '../testing/config.js';
import { testLine } from '../testing/lines.js';
import { createSinkRegistry } from './registry.js';

const dir = mkdtempSync(join(tmpdir(), 'sinks-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('a spill that several sinks share has room for all that they give up when the process ends', async () => {
  const path = join(dir, 'spill.log');
  // Nothing listens there.
  const http = (port: number) => ({ type: 'http', url: `http://127.0.0.1:${port}/`, spill_path: path });
  const host = { secretsDirs: [], logDirs: [dir], stdoutPath: undefined };
  const { sinks: settings } = testConfig({ sinks: [http(9), http(19)], queue_entries: 50 }, host);
  const registry = createSinkRegistry(() => 0);
  for (const [index, sink] of settings.map((each) => registry.sinkOf(each)).entries()) {
    for (let n = 0; n < 50; n++) sink.write(testLine(index * 50 + n));
  }
  await registry.flush(500, new AbortController().signal);
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  expect(new Set(lines).size).toBe(100);
  expect(registry.stats.map(({ dropped }) => dropped)).toEqual([0, 0, 0]);
});
