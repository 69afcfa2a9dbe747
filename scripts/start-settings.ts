/** What `npm start` is told: its options, and real credentials in the environment. Pure. */
import { parseRegion, type Region } from '../plugins/shared/regions.js';
import { readArguments } from './arguments.js';

export const USAGE =
  'usage: npm start -- [--gateway local|kong] [--port N] [--simulator-port N] [--page-port N] [--config FILE]';

/** The command line of `npm start`. */
export interface Settings {
  gateway: 'local' | 'kong';
  port: number;
  simulatorPort: number;
  /** Undefined: the usual one, or any if that is taken. */
  pagePort: number | undefined;
  /** Your own kong.yml, run as it is; undefined: the shipped one. */
  config: string | undefined;
}

/** An OAuth client of Genesys Cloud. */
export interface Credentials {
  clientId: string;
  clientSecret: string;
  region: Region;
}

/** Real credentials from the environment; undefined if none is set. @throws Error if only some are, or the region is none */
export function readCredentials(env: NodeJS.ProcessEnv): Credentials | undefined {
  const names = ['GENESYS_CLIENT_ID', 'GENESYS_CLIENT_SECRET', 'GENESYS_REGION'] as const;
  const missing = names.filter((name) => !env[name]);
  if (missing.length === names.length) return undefined;
  if (missing.length > 0) throw new Error(`${missing.join(' and ')} must be set too, or none of ${names.join(', ')}`);
  const [clientId = '', clientSecret = '', text = ''] = names.map((name) => env[name]);
  const region = parseRegion(text);
  if (region === undefined)
    throw new Error(`GENESYS_REGION ${text}: no such region; write it as us_east_1 or mypurecloud.com`);
  return { clientId, clientSecret, region };
}

const OPTIONS = {
  gateway: { type: 'string', default: 'local' },
  port: { type: 'string', default: '8000' },
  'simulator-port': { type: 'string', default: '8090' },
  'page-port': { type: 'string' },
  config: { type: 'string' },
} as const;

/**
 * @param env the environment, in which npm leaves the options that it took for its own
 * @throws Error of one line, for an option that does not fit
 */
export function readSettings(args: string[], env: NodeJS.ProcessEnv): Settings {
  const taken = Object.keys(OPTIONS).find((name) => env[`npm_config_${name.replaceAll('-', '_')}`] !== undefined);
  if (taken !== undefined) throw new Error(`npm took --${taken} for its own option: put it behind --; ${USAGE}`);
  const { values } = readArguments(USAGE, { args, options: OPTIONS });
  if (values.gateway !== 'local' && values.gateway !== 'kong')
    throw new Error(`--gateway ${values.gateway}: local or kong`);
  return {
    gateway: values.gateway,
    port: readPort('--port', values.port),
    simulatorPort: readPort('--simulator-port', values['simulator-port']),
    pagePort: values['page-port'] === undefined ? undefined : readPort('--page-port', values['page-port']),
    config: values.config,
  };
}

function readPort(option: string, text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`${option} ${text}: a port is 0 to 65535`);
  return port;
}
