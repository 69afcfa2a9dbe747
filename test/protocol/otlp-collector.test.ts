/**
 * A real collector of OpenTelemetry takes spans, metrics and log records. Needs `OTELCOL_BIN`, or `otelcol` on PATH, with
 * the receiver `otlp` and the exporter `debug`, as the core distribution has.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { KongDriver } from '../../kong/kong-side/protobuf.js';
import { freePort } from '../../kong/testbed/free-port.js';
import { startPluginServer } from '../../kong/testbed/plugin-server.js';
import { runs } from '../../kong/testbed/runs.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { createHttpTransport } from '../../plugins/genesys-pii-log/sinks/http.js';

const BINARY = process.env.OTELCOL_BIN ?? 'otelcol';
const MISSING = runs(BINARY, '--version') ? undefined : 'no collector of OpenTelemetry: OTELCOL_BIN';

async function startCollector(folder: string) {
  const port = await freePort();
  const config = join(folder, 'collector.yml');
  const pipeline = { receivers: ['otlp'], exporters: ['debug'] };
  const content = {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { debug: { verbosity: 'detailed' } },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: { traces: pipeline, metrics: pipeline, logs: pipeline },
    },
  };
  writeFileSync(config, JSON.stringify(content));
  const child = spawn(BINARY, ['--config', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  await waitFor('the collector', () => output.includes('Everything is ready'), 30_000);
  return {
    url: `http://127.0.0.1:${port}`,
    output: () => output,
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

it('a collector takes what is sent', { ...unless(MISSING), timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'collector-'));
  const collector = await startCollector(folder);
  const flags = ['--plugins', 'genesys-quota', '--otlp', collector.url, '--otlp-sample', '1', '--otlp-metrics'];
  const server = await startPluginServer('bin/genesys-plugins.js', flags);
  try {
    const id = randomBytes(16).toString('hex');
    const kong = await KongDriver.connect(server.socketPath);
    const limits = [{ name: 'all', limit: 10, window: 'day', by: 'global' }];
    const instance = await kong.startInstance({ namespace: 'collector', limits }, 'genesys-quota');
    await kong.event(instance, 'access', ({ argument }) => (argument === 'kong_request_id' ? id : new Uint8Array(0)));
    kong.close();
    server.process.kill('SIGTERM');
    await server.exited;
    const settings = { headers: [], gzip: true, batchEntries: 1, flushMs: 0, timeoutMs: 5000, ca: undefined };
    const sink = createHttpTransport({ ...settings, url: new URL(`${collector.url}/v1/logs`), framing: 'otlp' });
    const line = { json: '{"entry":"of the audit log"}', timeMs: Date.now(), status: 200, traceId: id };
    await sink.send([{ ...line, within: () => line.json }]);
    sink.close();
    await waitFor('all signals', () => /Str\({"entry":"of the audit log"}\)/.test(collector.output()));
    const output = collector.output();
    expect(output).toMatch(new RegExp(`Trace ID\\s*: ${id}`));
    expect(output).toMatch(/Name\s*: genesys-quota access/);
    expect(output).toMatch(/Name: kong_plugin_event_duration_seconds.*?DataType: Histogram/s);
    expect(output).toMatch(/Name: genesys_quota_decisions_total.*?DataType: Sum/s);
    expect(output).toMatch(new RegExp(`Trace ID: ${id}`));
  } finally {
    await server.stop();
    await collector.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
