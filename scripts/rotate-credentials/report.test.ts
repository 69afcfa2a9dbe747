import { expect, it } from 'vitest';
import { createReport, createScrubber, figureLines } from './report.js';

function printed(json: boolean, scrub = (line: string) => line) {
  const out: string[] = [];
  const err: string[] = [];
  return {
    out,
    err,
    report: createReport(json, { out: (line) => out.push(line), err: (line) => err.push(line) }, scrub),
  };
}

it('people get a line per step, and failures with their hint where errors go', () => {
  const { out, err, report } = printed(false);
  report.started('verify', 4, 11);
  report.finished('verify', 1234, 'a token was obtained');
  report.failed('publish', 'DEPENDENCY_CHECK_FAILED', 'the store is gone', 'mend it');
  expect(out).toEqual(['[4/11]  verify        1.23 s  a token was obtained']);
  expect(err).toEqual(['DEPENDENCY_CHECK_FAILED in publish: the store is gone', '  hint: mend it']);
});

it('programs get one JSON object a line, all on standard output', () => {
  const { out, err, report } = printed(true);
  report.started('verify', 4, 11);
  report.alarm('both alive', 'run again');
  report.record('end', { outcome: 'done' }, ['not this']);
  expect(err).toEqual([]);
  expect(out.map((line) => JSON.parse(line))).toEqual([
    { event: 'step', step: 'verify', status: 'started', number: 4, of: 11 },
    { event: 'alarm', message: 'both alive', hint: 'run again' },
    { event: 'end', outcome: 'done' },
  ]);
});

it('a known secret is cut out of every line', () => {
  const scrubber = createScrubber();
  scrubber.learn('very-secret-value');
  scrubber.learn('short');
  const { out, report } = printed(false, scrubber.scrub);
  report.note('it was very-secret-value, in short');
  expect(out).toEqual(['        it was [secret], in short']);
});

it('the figures name each node, and the gap of a regenerated secret', () => {
  const lines = figureLines({
    total_ms: 61_500,
    calls: 20,
    retries: 1,
    latency_ms: { p50: 40, p95: 90, max: 120 },
    adoption_ms: { 'http://127.0.0.1:9500/': 1900 },
    regenerate_to_publish_ms: 310,
  });
  expect(lines).toEqual([
    'done in 61.50 s; 20 calls, 1 repeated, latency 40 ms (median), 90 ms (95 %), 120 ms (longest)',
    '  http://127.0.0.1:9500/ used the new credential 1.90 s after it was published',
    '  the secret was out of the store for 0.31 s after the old one died',
  ]);
});
