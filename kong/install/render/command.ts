/** `kong-genesys-cloud render`: prints a complete kong.yml for a region, a stage, limits and consumers. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { parseRegion, REGIONS, type Region } from '../../../plugins/shared/regions.js';
import { STAGES } from '../../stages.js';
import { readText } from '../read-text.js';
import { type RenderSettings, render } from './render.js';

export const RENDER_USAGE = `usage: kong-genesys-cloud render [--region REGION] [--failover-region REGION] [--stage STAGE]
                                 [--patch FILE]... [--form separate|combined] [--organisation-limit N]
                                 [--consumers FILE] [--output FILE]
  prints a configuration for Kong: routes to Genesys Cloud with tokens, limits and the audit log
  --region              where the organisation is: us_east_1 (default), eu_central_1, mypurecloud.de, ...
  --failover-region     where a second organisation is that serves reads while the first one is down (docs/deck.md)
  --stage               dev, staging or prod: secrets are named after it (prod-genesys-client-id)
  --patch               a file of decK's patches, to change anything else; may be repeated
  --form                separate plugins (default), or one entry of genesys-gateway for those of a route
  --organisation-limit  requests a minute of the organisation (280); the other limits keep their share of it
  --consumers           a file with consumers, instead of kong/config/consumers.yml
  --output              a file instead of standard output`;

/** What also holds for other commands that render. */
export const COMMON_OPTIONS = {
  region: { type: 'string', default: 'us_east_1' },
  stage: { type: 'string' },
  patch: { type: 'string', multiple: true, default: [] as string[] },
  form: { type: 'string', default: 'separate' },
  'organisation-limit': { type: 'string' },
  consumers: { type: 'string' },
  output: { type: 'string' },
} as const satisfies ParseArgsConfig['options'];

/** Their values. */
type Values = ReturnType<typeof parseArgs<{ options: typeof COMMON_OPTIONS }>>['values'];

/**
 * Renders by the command line.
 * @param packageFolder the folder that has kong/config
 * @returns what to print on standard output
 * @throws Error of one line that says what is wrong
 */
export function renderCommand(args: readonly string[], packageFolder: string): { text: string } {
  const options = { ...COMMON_OPTIONS, 'failover-region': { type: 'string' } } as const;
  const { values } = parseArgs({ args: [...args], options });
  return renderValues(values, packageFolder, `kong-genesys-cloud ${['render', ...withoutOutput(args)].join(' ')}`);
}

/**
 * Renders.
 * @param packageFolder the folder that has kong/config
 * @param command for the first line
 * @param change what to do with kong/config/gateway.yml before
 * @throws Error of one line that says what is wrong
 */
export function renderValues(
  values: Values & { 'failover-region'?: string | undefined },
  packageFolder: string,
  command: string,
  change: (gateway: string) => string = (gateway) => gateway,
): { text: string } {
  const shipped = (path: string): string => join(packageFolder, 'kong', path);
  const { stage, form, output } = values;
  if (stage !== undefined && !STAGES.some((one) => one === stage))
    throw new Error(`--stage ${stage}: one of ${STAGES.join(', ')}`);
  if (form !== 'separate' && form !== 'combined') throw new Error(`--form ${form}: separate or combined`);
  const region = readRegion('region', values.region);
  const failoverRegion = values['failover-region'] && readRegion('failover-region', values['failover-region']);
  if (failoverRegion === region) throw new Error(`--failover-region ${region}: is the first region`);
  const patches = [...(stage === undefined ? [] : [shipped(`stages/${stage}.yml`)]), ...values.patch];
  const settings: RenderSettings = {
    region,
    failoverRegion: failoverRegion || undefined,
    patches: patches.map((name) => ({ name, text: readText(name) })),
    form,
    organisationLimit: readLimit(values['organisation-limit']),
  };
  const text = render(
    {
      gateway: withStage(change(readText(shipped('config/gateway.yml'))), stage),
      consumers: readText(values.consumers ?? shipped('config/consumers.yml')),
      authorities: readText(shipped('config/authorities.yml')),
      failover: withStage(readText(shipped('failover.yml')), stage),
    },
    settings,
  );
  const headed = `# Made by \`${command}\`: change what it is made of, and make it again.\n${text}`;
  if (output === undefined) return { text: headed };
  writeFileSync(output, headed);
  return { text: '' };
}

/** Names the secrets of Genesys' OAuth clients after the stage, and their variables. */
function withStage(text: string, stage: string | undefined): string {
  if (stage === undefined) return text;
  return text
    .replace(/(?<=\{vault:\/\/env\/)genesys-(?=[\w-]*client-)/g, `${stage}-genesys-`)
    .replace(/GENESYS_(?=\w*CLIENT_)/g, `${stage.toUpperCase()}_GENESYS_`);
}

/** Leaves out where the result goes. */
export function withoutOutput(args: readonly string[]): string[] {
  return args.filter((arg, index) => !arg.startsWith('--output') && args[index - 1] !== '--output');
}

function readRegion(option: string, text: string): Region {
  const region = parseRegion(text);
  if (region === undefined) throw new Error(`--${option} ${text}: one of ${REGIONS.join(', ')}, or its domain`);
  return region;
}

function readLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1) throw new Error(`--organisation-limit ${text}: a whole number, above 0`);
  return limit;
}
