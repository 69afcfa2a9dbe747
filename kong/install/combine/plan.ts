/**
 * Decides which entries of a declarative configuration can become one entry of genesys-gateway, without a request that is
 * treated differently. What cannot is left separate, with the reason. Pure.
 */
import { isPlainObject, type PlainObject } from '../../../plugins/shared/plain-object.js';
import { type Context, type Entry, isFor, keyOf, listPlaces, mostSpecific, type Path } from './places.js';

/** The audit log without a response phase: it logs no bodies of answers. */
const UNBUFFERED_LOG = 'genesys-pii-log-unbuffered';

/** The parts in the order in which they decide, each with its plugin and that plugin's priority. */
const PARTS = [
  { record: 'pii_log', plugin: 'genesys-pii-log', priority: 905, buffers: true },
  { record: 'pii_log', plugin: UNBUFFERED_LOG, priority: 905, buffers: false },
  { record: 'quota', plugin: 'genesys-quota', priority: 890, buffers: false },
  { record: 'token_manager', plugin: 'genesys-token-manager', priority: 850, buffers: false },
  { record: 'response_filter', plugin: 'genesys-response-filter', priority: 790, buffers: true },
] as const;

type Part = (typeof PARTS)[number];

/** The plugins that can be combined. */
export const PART_PLUGINS: readonly string[] = PARTS.map(({ plugin }) => plugin);

const COMBINED = 'genesys-gateway';
const COMBINED_PRIORITY = 880;
/** The variant without a response phase: none of its parts makes Kong buffer, and neither must the combined entry. */
const UNBUFFERED = 'genesys-gateway-unbuffered';

/** Other plugins that run between parts, and so between which parts decide. Those that come with Kong 3.9, and genesys-login. */
const BETWEEN: Readonly<Record<string, number>> = {
  'genesys-login': 860,
  'request-transformer': 801,
  'request-transformer-advanced': 802,
  'response-ratelimiting': 900,
};

/** Entries that become one. */
export interface Combination {
  /** The name of the combined entry. */
  name: string;
  /** In the order in which they decide. The combined entry takes the place of the first in the file. */
  members: readonly { record: string; path: Path; label: string }[];
  /** Fields next to `config`, the same in all members but the tags, which are joined. */
  fields: PlainObject;
}

/** An entry that stays as it is although another one is at its place. */
export interface Separate {
  label: string;
  reason: string;
}

export interface Plan {
  combinations: Combination[];
  separate: Separate[];
}

/** An entry of a part's plugin. */
interface Member extends Entry {
  part: Part;
  /** The same for entries at the same place. */
  place: string;
  /** Why it must stay separate; undefined if it can be combined. */
  reason: string | undefined;
}

/**
 * Plans what to combine in a document.
 * @param kept entries that must stay separate, by their path in JSON, and why
 */
export function planCombinations(document: PlainObject, kept: ReadonlyMap<string, string> = new Map()): Plan {
  const { entries, contexts } = listPlaces(document);
  const active = entries.filter(({ value }) => value.enabled !== false);
  const members = entries.flatMap((entry): Member[] => {
    const part = PARTS.find(({ plugin }) => plugin === entry.name);
    return part === undefined
      ? []
      : [
          {
            ...entry,
            part,
            place: keyOf(entry.scope),
            reason: kept.get(JSON.stringify(entry.path)) ?? reasonOf(entry),
          },
        ];
  });
  const foreign = active.filter(({ name }) => name in BETWEEN || name === COMBINED || name === UNBUFFERED);
  separateDiffering(members);
  separateUnbuffered(members);
  // Each round separates at least one member, so this ends.
  while (contexts.some((context) => separateConflicts(members, foreign, context)));
  const groups = groupsOf(members);
  return {
    combinations: groups.map(combinationOf),
    separate: members.flatMap(({ label, place, reason, part }) => {
      const hasCompany = members.some((other) => other.place === place && other.part !== part);
      return reason === undefined || !hasCompany ? [] : [{ label, reason }];
    }),
  };
}

const FIELDS = new Set(['config', 'enabled', 'name', 'protocols', 'tags']);
const SCOPES = new Set(['consumer', 'consumer_group', 'route', 'service']);

/** Returns why an entry cannot be combined, whatever is next to it. */
function reasonOf({ value }: Entry): string | undefined {
  if (value.enabled === false) return 'it is not enabled';
  if (!isPlainObject(value.config)) return 'it has no config of its own';
  const field = Object.keys(value).find((key) => !FIELDS.has(key) && !SCOPES.has(key));
  return field === undefined ? undefined : `it has ${field}, which belongs to one plugin`;
}

/** Separates members that are there twice, or for other protocols than the first at their place. */
function separateDiffering(members: readonly Member[]): void {
  for (const member of members) {
    const [first] = members.filter(({ place, reason }) => place === member.place && reason === undefined);
    if (first === undefined || member.reason !== undefined) continue;
    if (JSON.stringify(first.value.protocols) !== JSON.stringify(member.value.protocols)) {
      member.reason = `its protocols are not those of ${first.name}`;
    } else if (
      members.some((other) => other !== member && other.place === member.place && other.part === member.part)
    ) {
      member.reason = 'it is configured twice here';
    }
  }
}

/** Separates an audit log of no answers where another part makes Kong hold them: combined with it, it would log them. */
function separateUnbuffered(members: readonly Member[]): void {
  for (const member of members.filter(({ name }) => name === UNBUFFERED_LOG)) {
    const buffering = members.find(({ place, part }) => place === member.place && part.buffers);
    if (buffering !== undefined) member.reason ??= `with ${buffering.name} it would log answers`;
  }
}

/** Returns the members that are combined, by place. */
function groupsOf(members: readonly Member[]): Member[][] {
  const combinable = members.filter(({ reason }) => reason === undefined);
  const places = [...new Set(combinable.map(({ place }) => place))];
  return places
    .map((place) => combinable.filter((member) => member.place === place))
    .filter((group) => group.length > 1)
    .map((group) => group.sort((a, b) => b.part.priority - a.part.priority));
}

function nameOf(group: readonly Member[]): string {
  return group.some(({ part }) => part.buffers) ? COMBINED : UNBUFFERED;
}

/**
 * Separates members whose combination would change what happens to requests of a kind.
 * @returns whether it separated one
 */
function separateConflicts(members: readonly Member[], foreign: readonly Entry[], context: Context): boolean {
  const groups = groupsOf(members);
  const enabled = members.filter(({ value }) => value.enabled !== false);
  const isCombined = (member: Member): boolean => groups.some((group) => group.includes(member));
  /** Kong chooses among entries of one name, so a group competes with the groups of its name. */
  const chosen = [COMBINED, UNBUFFERED].flatMap((name) => {
    const named = groups.filter((group) => nameOf(group) === name);
    const first = mostSpecific(named.flat(), context);
    return named.filter((group) => group.some((member) => member.place === first?.place));
  });
  const separate = PARTS.flatMap(({ plugin }) => {
    const single = enabled.filter((member) => member.name === plugin && !isCombined(member));
    return mostSpecific(single, context) ?? [];
  });
  const others = [...new Set(foreign.map(({ name }) => name))].flatMap(
    (name) =>
      mostSpecific(
        foreign.filter((entry) => entry.name === name),
        context,
      ) ?? [],
  );
  const leave = (left: readonly Member[], reason: string): boolean => {
    for (const member of left) member.reason ??= reason;
    return left.length > 0;
  };
  const applying = groups.filter((group) => group.some((member) => isFor(member, context)));

  for (const part of PARTS) {
    const entries = enabled.filter((member) => member.part === part);
    const before = mostSpecific(entries, context);
    const after = [...chosen.flat(), ...separate].filter(({ name }) => name === part.plugin);
    if (after.length === (before === undefined ? 0 : 1) && after[0] === before) continue;
    const conflicting = applying.flatMap((group) => group.filter((member) => member.part === part));
    const rivals = entries.filter((entry) => isFor(entry, context)).map(({ label }) => label);
    const reason =
      rivals.length > 1
        ? `Kong chooses between ${rivals.join(' and ')} for the same request`
        : 'a combined entry at another place would replace it for some requests';
    if (leave(conflicting, reason)) return true;
  }
  const [first, second] = chosen;
  if (first !== undefined && second !== undefined) {
    const [kept, left] = first.length > second.length ? [first, second] : [second, first];
    return leave(left, `${kept[0]?.label} is for the same request, and is combined too`);
  }
  for (const other of [...separate, ...others]) {
    const priority = BETWEEN[other.name] ?? PARTS.find(({ plugin }) => plugin === other.name)?.priority;
    if (priority === undefined && chosen.length > 0) {
      return leave(chosen.flat(), `${other.label} is for the same request`);
    }
    const misplaced = chosen
      .flat()
      .filter(({ part }) => part.priority > Number(priority) !== COMBINED_PRIORITY > Number(priority));
    if (leave(misplaced, `${other.name} runs between it and the others`)) return true;
  }
  return false;
}

function combinationOf(group: readonly Member[]): Combination {
  const [{ value } = { value: {} }] = group;
  const tags = [...new Set(group.flatMap((member) => (Array.isArray(member.value.tags) ? member.value.tags : [])))];
  const kept = Object.entries(value).filter(([key]) => key === 'protocols' || SCOPES.has(key));
  return {
    name: nameOf(group),
    members: group.map(({ part, path, label }) => ({ record: part.record, path, label })),
    fields: { ...Object.fromEntries(kept), ...(tags.length === 0 ? {} : { tags }) },
  };
}
