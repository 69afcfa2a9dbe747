/** What `npm start` is told: its options, and real credentials in the environment. Pure. */
import { parseRegion, type Region } from '../plugins/shared/regions.js';
import { readArguments } from './arguments.js';

export const USAGE = 'usage: npm start -- [--gateway local|kong] [--port N] [--simulator-port N]';

/** The command line of `npm start`. */
export interface Settings {
  gateway: 'local' | 'kong';
  port: number;
  simulatorPort: number;
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

/** @throws Error of one line, for an option that does not fit */
export function readSettings(args: string[]): Settings {
  const { values } = readArguments(USAGE, {
    args,
    options: {
      gateway: { type: 'string', default: 'local' },
      port: { type: 'string', default: '8000' },
      'simulator-port': { type: 'string', default: '8090' },
    },
  });
  if (values.gateway !== 'local' && values.gateway !== 'kong')
    throw new Error(`--gateway ${values.gateway}: local or kong`);
  return {
    gateway: values.gateway,
    port: readPort('--port', values.port),
    simulatorPort: readPort('--simulator-port', values['simulator-port']),
  };
}

function readPort(option: string, text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`${option} ${text}: a port is 0 to 65535`);
  return port;
}
