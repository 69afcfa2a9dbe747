import { expect, it } from 'vitest';
import { BUCKETS_SECONDS, createDurations } from './durations.js';
import { createMetrics } from './metrics.js';

it('counts an observation in its bucket and in all above, by plugin, phase and outcome', () => {
  const durations = createDurations();
  durations.observe('one', 'access', 'ended', 0.05);
  durations.observe('one', 'access', 'ended', 5);
  durations.observe('one', 'access', 'ended', 40_000);
  durations.observe('one', 'log', 'failed', 5.01);
  const { values } = durations.read();
  const of = (phase: string) =>
    values.filter(({ labels }) => labels.phase === phase).map(({ labels: { le }, value }) => [le, value]);
  const [first, second] = [of('access'), of('log')];
  expect(first.slice(0, 6).map(([, count]) => count)).toEqual([1, 1, 1, 1, 1, 2]);
  expect(first.slice(-3)).toEqual([
    ['+Inf', 3],
    [undefined, 40.00505],
    [undefined, 3],
  ]);
  expect(second.find(([, count]) => count === 1)?.[0]).toBe(0.01);
});

it('has the text of Prometheus, next to metrics of prom-client', async () => {
  const metrics = await createMetrics('genesys-plugins', []);
  metrics.observeEvent('genesys-quota', 'access', 'exit', 3);
  const { text } = await metrics.render();
  const name = 'kong_plugin_event_duration_seconds';
  expect(text).toContain(`# TYPE ${name} histogram\n`);
  const labels = 'phase="access",outcome="exit",plugin="genesys-quota"';
  expect(text).toContain(`${name}_bucket{le="0.002",${labels}} 0\n`);
  expect(text).toContain(`${name}_bucket{le="0.005",${labels}} 1\n`);
  expect(text).toContain(`${name}_bucket{le="+Inf",${labels}} 1\n`);
  expect(text).toContain(`${name}_sum{${labels}} 0.003\n${name}_count{${labels}} 1\n`);
});

it('has buckets in steps of at most two and a half where an event usually ends', () => {
  const steps = BUCKETS_SECONDS.slice(1).map((bound, index) => bound / (BUCKETS_SECONDS[index] ?? 1));
  expect(Math.max(...steps)).toBeLessThanOrEqual(3);
});
