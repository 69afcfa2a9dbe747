/**
 * Makes one declarative configuration of the files in kong/config: for a region, a stage, limits and consumers that are
 * given. Comments and anchors of the files stay. Pure.
 */
import { type Document, isMap, isScalar, isSeq, type Node, parseDocument, visit, type YAMLMap } from 'yaml';
import { type Region, regionApiUrl } from '../../../plugins/shared/regions.js';
import { combineText, withSpacesOf } from '../combine/yaml.js';
import { applyPatches } from './patch.js';

/** The regions that the files name. Each is found by its name, its name with hyphens and the host of its API. */
const PRIMARY: Region = 'us_east_1';
const SECOND: Region = 'us_west_2';

/** The texts of the files, in YAML. */
export interface RenderSources {
  gateway: string;
  /** Has `consumers`, and no entity that the other files have. */
  consumers: string;
  authorities: string;
  /** decK's patches for a second region. */
  failover: string;
}

/** A file of decK's patches. */
export interface PatchFile {
  name: string;
  text: string;
}

export interface RenderSettings {
  region: Region;
  /** A region that serves reads while the first one is down. */
  failoverRegion?: Region | undefined;
  /** What differs in a stage, and whatever else. */
  patches: readonly PatchFile[];
  form: 'separate' | 'combined';
  /** Requests of the organisation a minute. The other limits keep their share of it. */
  organisationLimit?: number | undefined;
}

/**
 * Renders the configuration.
 * @returns its text, in YAML
 * @throws Error of one line if a file is no YAML, or does not fit to the others
 */
export function render(sources: RenderSources, settings: RenderSettings): string {
  const { region, failoverRegion = SECOND, organisationLimit } = settings;
  const inRegions = (text: string): string => replaceRegions(text, { [PRIMARY]: region, [SECOND]: failoverRegion });
  const gateway = inRegions(sources.gateway);
  const document = read(gateway, 'gateway.yml');
  append(document, read(sources.consumers, 'the consumers'));
  append(document, read(sources.authorities, 'authorities.yml'));
  if (organisationLimit !== undefined) setLimits(document, organisationLimit);
  for (const { name, text } of settings.patches) applyPatches(document, text, name);
  if (settings.failoverRegion !== undefined) applyPatches(document, inRegions(sources.failover), 'failover.yml');
  const original = [gateway, sources.consumers, sources.authorities].join('\n');
  const text = withSpacesOf(original, document.toString({ lineWidth: 0 }));
  return settings.form === 'combined' ? combineText(text).text : text;
}

function read(text: string, name: string): Document {
  const document = parseDocument(text, { merge: true });
  const [fault] = document.errors;
  if (fault !== undefined) throw new Error(`${name}: ${fault.message.split('\n')[0]}`);
  if (!isMap(document.contents)) throw new Error(`${name}: expected a mapping`);
  return document;
}

/** Adds the entities of another file, after those of their kind. */
function append(document: Document, other: Document): void {
  for (const pair of (other.contents as YAMLMap).items) {
    const key = isScalar(pair.key) ? String(pair.key.value) : '';
    const there = document.get(key);
    if (key.startsWith('_')) continue;
    if (isSeq<Node>(there) && isSeq<Node>(pair.value)) {
      const [first] = pair.value.items;
      const comments = [isScalar(pair.key) && pair.key.commentBefore, pair.value.commentBefore, first?.commentBefore];
      if (first !== undefined) first.commentBefore = comments.filter(Boolean).join('\n') || null;
      there.items.push(...pair.value.items);
    } else (document.contents as YAMLMap).items.push(pair);
  }
}

/** Names a region's upstream, API and name by those of another one. */
function replaceRegions(text: string, regions: Partial<Record<Region, Region>>): string {
  const words = new Map(
    Object.entries(regions).flatMap(([from, to]) =>
      formsOf(from as Region).map((form, index): [string, string] => [form, formsOf(to)[index] ?? '']),
    ),
  );
  const pattern = new RegExp([...words.keys()].map((word) => word.replaceAll('.', '\\.')).join('|'), 'g');
  return text.replace(pattern, (word) => words.get(word) ?? word);
}

function formsOf(region: Region): string[] {
  return [region, region.toUpperCase(), region.replaceAll('_', '-'), new URL(regionApiUrl(region)).hostname];
}

/** Changes the limits of the entry with the anchor `quota`: the organisation's, and the others in proportion. */
function setLimits(document: Document, organisationLimit: number): void {
  visit(document, {
    Map(_, map) {
      if (map.anchor !== 'quota') return undefined;
      const limits = map.getIn(['config', 'limits']);
      if (!isSeq<YAMLMap>(limits)) throw new Error('gateway.yml: quota has no limits');
      const whole = Number(limits.items.find((limit) => limit.get('name') === 'organisation')?.get('limit'));
      for (const limit of limits.items) {
        limit.set('limit', Math.max(1, Math.floor((Number(limit.get('limit')) * organisationLimit) / whole)));
      }
      return visit.BREAK;
    },
  });
}
