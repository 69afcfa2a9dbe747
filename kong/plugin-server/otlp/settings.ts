/** The flags of OpenTelemetry, read. Pure. */
import { isSecureUrl } from '../../../plugins/shared/secure-url.js';

export interface OtlpSettings {
  /** The collector, without the paths of its signals. */
  url: URL;
  /** The share of requests that is traced, of those whose client does not decide. */
  ratio: number;
  sendsMetrics: boolean;
  /** Headers of each request. A value is `file:<absolute path>`. */
  headers: { name: string; value: string }[];
}

export interface OtlpFlags {
  otlp?: string | undefined;
  'otlp-sample'?: string | undefined;
  'otlp-metrics': boolean;
  'otlp-header': string[];
}

export const OTLP_OPTIONS = {
  otlp: { type: 'string' },
  'otlp-sample': { type: 'string' },
  'otlp-metrics': { type: 'boolean', default: false },
  'otlp-header': { type: 'string', multiple: true, default: [] as string[] },
} as const;

/** With all requests, those of plugins that read no bodies take a quarter more of the processor's time; with this, a tenth. */
const DEFAULT_RATIO = '0.1';

export const OTLP_USAGE = '[--otlp URL [--otlp-sample RATIO] [--otlp-metrics] [--otlp-header NAME=file:PATH]...]';

/** Names of headers, but for those that the process sets. */
const HEADER = /^(?!content-(?:type|length)=)([!#$%&'*+.^_`|~0-9a-z-]+)=(file:\/.+)$/i;

/** Reads the flags. @returns undefined if it is off; @throws Error with one line that says what is wrong */
export function readOtlpFlags(flags: OtlpFlags): OtlpSettings | undefined {
  const { otlp, 'otlp-sample': sample = DEFAULT_RATIO, 'otlp-metrics': sendsMetrics } = flags;
  if (otlp === undefined) {
    const alone = ['otlp-sample', 'otlp-metrics', 'otlp-header'] as const;
    const one = alone.find((flag) => flags[flag] !== undefined && flags[flag] !== false && String(flags[flag]) !== '');
    if (one !== undefined) throw new Error(`--${one} needs --otlp URL`);
    return undefined;
  }
  if (!/^https?:\/\//.test(otlp) || !URL.canParse(otlp))
    throw new Error('--otlp: the URL of a collector, such as http://127.0.0.1:4318');
  const url = new URL(otlp);
  if (url.username !== '' || url.password !== '')
    throw new Error('--otlp: no credentials in the URL: use --otlp-header');
  if (url.search !== '' || url.hash !== '') throw new Error('--otlp: no query and no fragment');
  const ratio = Number(sample);
  if (sample.trim() === '' || !(ratio >= 0 && ratio <= 1)) throw new Error(`--otlp-sample ${sample}: from 0 to 1`);
  const headers = flags['otlp-header'].map((text) => {
    const [, name, value] = HEADER.exec(text) ?? [];
    // A value that is no file is a secret on a command line: not repeated here.
    if (name === undefined || value === undefined) throw new Error('--otlp-header: NAME=file:<absolute path>');
    return { name, value };
  });
  if (headers.length > 0 && !isSecureUrl(url))
    throw new Error(`--otlp ${otlp}: with --otlp-header https, or http on a loopback host`);
  return { url, ratio, sendsMetrics, headers };
}
