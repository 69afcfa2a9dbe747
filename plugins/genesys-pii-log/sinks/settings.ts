/** Turns the `sinks` of a configuration into what sinks are opened with. Reads the files that they name. */
import { createHash } from 'node:crypto';
import { readAuthorities } from '../../shared/authorities.js';
import type { Host } from '../../shared/host.js';
import { ConfigError } from '../../shared/kong-schema/config-error.js';
import type { ConfigOf } from '../../shared/kong-schema/parse-config.js';
import { openSecret } from '../../shared/secret.js';
import { readSecureUrl } from '../../shared/secure-url.js';
import type { Schema } from '../schema.js';
import { faultOfLogPath } from './file.js';
import type { SinkSettings, SinkTarget } from './registry.js';

type RawSink = ConfigOf<typeof Schema>['sinks'][number];

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Headers that frame a message or a connection. The plugin sets them itself. */
const UNUSABLE_HEADERS = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'transfer-encoding',
  'upgrade',
]);

/** Reads all sinks of a configuration. @throws ConfigError that names the field and contains no secret */
export function readSinks(sinks: readonly RawSink[], queueEntries: number, host: Host): SinkSettings[] {
  return sinks.map((sink, index) => {
    const path = `sinks[${index}]`;
    const { name, target, spill } = readTarget(sink, path, host);
    return { key: digest([sink, queueEntries, spill]), name, queueEntries, target };
  });
}

interface Read {
  name: string;
  target: SinkTarget;
  /** The spill's key, which is part of the sink's own. */
  spill?: string;
}

function readTarget(sink: RawSink, path: string, host: Host): Read {
  switch (sink.type) {
    case 'stdout':
      if (host.stdoutPath === undefined) {
        throw new ConfigError(path, 'cannot be used: the plugin server was started without --stdout');
      }
      return { name: 'stdout', target: { type: 'stdout', path: host.stdoutPath } };
    case 'file': {
      const file = needed(sink.path, `${path}.path`);
      return { name: `file ${file}`, target: readFile(file, `${path}.path`, host) };
    }
    case 'http':
      return readHttp(sink, path, host);
    case 'syslog':
      return readSyslog(sink, path, host);
  }
}

function readFile(file: string, path: string, { logDirs }: Host): SinkTarget {
  const fault = faultOfLogPath(file, logDirs);
  if (fault !== undefined) throw new ConfigError(path, `is ${JSON.stringify(file)}, which ${fault}`);
  return { type: 'file', path: file, logDirs: logDirs ?? [] };
}

function readHttp(sink: RawSink, path: string, host: Host): Read {
  const url = readSecureUrl(needed(sink.url, `${path}.url`), `${path}.url`, ': use headers');
  const headers = Object.entries(sink.headers ?? {}).map(([name, value]) => {
    const field = `${path}.headers.${name}`;
    if (!HEADER_NAME.test(name)) throw new ConfigError(`${path}.headers`, 'holds a name that is none of a header');
    if (UNUSABLE_HEADERS.has(name.toLowerCase())) throw new ConfigError(field, 'is set by the plugin itself');
    const secret = openSecret(field, value, host, (text) =>
      /^[\x20-\x7e]+$/.test(text) ? undefined : 'holds characters that no header can carry',
    );
    return { name, value: secret };
  });
  const spillPath = sink.spill_path;
  const spill = spillPath === undefined ? undefined : spillSettings(spillPath, path, host);
  const settings = {
    url,
    headers,
    framing: sink.framing,
    gzip: sink.gzip,
    batchEntries: sink.batch_entries,
    flushMs: sink.flush_ms,
    timeoutMs: sink.timeout_ms,
    ca: sink.ca_file === undefined ? undefined : readAuthorities(sink.ca_file, `${path}.ca_file`, host),
  };
  return {
    name: `http ${url.host}`,
    target: { type: 'http', settings, maxAttempts: sink.max_attempts, spill },
    ...(spill === undefined ? {} : { spill: spill.key }),
  };
}

/**
 * Returns the settings of a spill: a file sink like any other, whose file a configuration may also write to directly.
 * Its queue is bounded by bytes only, so that it can take what several sinks give up at once, as when the process ends.
 */
function spillSettings(file: string, path: string, host: Host): SinkSettings {
  const target = readFile(file, `${path}.spill_path`, host);
  return { key: digest(['spill', file]), name: `spill ${file}`, queueEntries: Number.MAX_SAFE_INTEGER, target };
}

function readSyslog(sink: RawSink, path: string, host: Host): Read {
  const name = needed(sink.host, `${path}.host`);
  if (!/^[0-9A-Za-z.:_-]+$/.test(name)) throw new ConfigError(`${path}.host`, 'is no name or address');
  if (!/^[\x21-\x7e]+$/.test(sink.app_name))
    throw new ConfigError(`${path}.app_name`, 'must be printable ASCII without spaces');
  const port = sink.port ?? (sink.protocol === 'tls' ? 6514 : 514);
  return {
    name: `syslog ${sink.protocol} ${name}:${port}`,
    target: {
      type: 'syslog',
      settings: {
        host: name,
        port,
        protocol: sink.protocol,
        facility: sink.facility,
        appName: sink.app_name,
        maxMessageBytes: sink.protocol === 'udp' ? Math.min(sink.max_message_bytes, 65_000) : sink.max_message_bytes,
        timeoutMs: sink.timeout_ms,
        ca: sink.ca_file === undefined ? undefined : readAuthorities(sink.ca_file, `${path}.ca_file`, host),
      },
    },
  };
}

function needed(value: string | undefined, path: string): string {
  if (value === undefined) throw new ConfigError(path, 'is required');
  return value;
}

function digest(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
