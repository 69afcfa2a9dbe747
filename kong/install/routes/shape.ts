/**
 * What the ids in a path look like: expressions that PCRE and Rust both know, for one segment. What is tighter than "any
 * text" keeps a route from words of Genesys' that are not its own: `/users/{userId}` is not `/users/me`. Pure.
 */
import { isRouterPattern } from '../../config-check/router-pattern.js';
import type { Parameter } from './api.js';

export interface Shape {
  /** Its name, for people. */
  name: string;
  /** An expression for the whole segment. */
  pattern: string;
}

/** Escapes that are left in a path when Kong has normalised it: of what RFC 3986 reserves, without slash, ; and %. */
const ESCAPES = '%(?:2[1467-9A-C]|3[AD]|40|5[BD])';

export const SHAPES: Readonly<Record<'uuid' | 'id' | 'number' | 'date' | 'text', Shape>> = {
  uuid: { name: 'uuid', pattern: '[0-9A-Fa-f-]{36}' },
  // With a digit in it, which no word of the API has next to an id.
  id: { name: 'id', pattern: '[A-Za-z._~-]*[0-9][0-9A-Za-z._~-]*' },
  number: { name: 'number', pattern: '[0-9]+' },
  date: { name: 'date', pattern: '[0-9]{4}-[0-9]{2}-[0-9]{2}' },
  text: { name: 'text', pattern: `(?:[^/%;\\\\]|${ESCAPES})+` },
};

/** Ids that are UUIDs wherever Genesys' API has them. */
const UUIDS = new Set(
  `agentId businessUnitId campaignId communicationId contactListId conversationId edgeId evaluationId flowId groupId
  knowledgeBaseId languageId locationId managementUnitId participantId queueId recordingId roleId siteId skillId teamId
  trusteeUserId userId workspaceId`.split(/\s+/),
);

/** Ids that may be any text: names, domains, keys of a customer's own. */
const TEXTS = new Set(
  'contactId divisionId domainId entityId externalId promptId rowId sourceId stationId statusId subjectId'.split(' '),
);

/**
 * Returns the shape of a parameter of a path.
 * @param chosen what somebody has said of it, by its name
 */
export function shapeOf(parameter: Parameter, chosen: ReadonlyMap<string, Shape> = new Map()): Shape {
  const { name, description, schema } = parameter;
  return withWords(
    chosen.get(name) ?? described(parameter) ?? named(name),
    schema.enum === undefined ? description : '',
  );
}

function described({ description, schema }: Parameter): Shape | undefined {
  const { type, format, pattern, enum: values } = schema;
  if (values !== undefined && values.length > 0) {
    return { name: 'one of a list', pattern: alternatives(values.map((value) => escapeExpression(String(value)))) };
  }
  if (type === 'integer' || type === 'number') return SHAPES.number;
  if (format === 'uuid') return SHAPES.uuid;
  if (format === 'date' || /\byyyy-MM-dd\b/.test(description)) return SHAPES.date;
  const own = pattern?.replace(/^\^/, '').replace(/(?<!\\)\$$/, '');
  // A dot could be a slash.
  const isSegment = own !== undefined && isRouterPattern(own) && !/\.(?![^[]*\])|\[\^|\\[SWDX]/.test(own);
  return isSegment ? { name: 'as described', pattern: `(?:${own})` } : undefined;
}

function named(name: string): Shape {
  if (UUIDS.has(name)) return SHAPES.uuid;
  return /Id$/.test(name) && !TEXTS.has(name) ? SHAPES.id : SHAPES.text;
}

/** Adds words that stand for an id by the parameter's description: "or 'mine' for ...", "use the word 'new'". */
function withWords(shape: Shape, description: string): Shape {
  const words = [...description.matchAll(/\b(?:or|word) '([a-z]+)'/g)].map(([, word = '']) => word);
  if (words.length === 0 || shape === SHAPES.text) return shape;
  return { name: `${shape.name} or ${words.join(', ')}`, pattern: alternatives([shape.pattern, ...words]) };
}

/** Returns an expression for one of several. */
export function alternatives(patterns: readonly string[]): string {
  return patterns.length === 1 ? (patterns[0] ?? '') : `(?:${patterns.join('|')})`;
}

/** Escapes a word for an expression. */
export function escapeExpression(text: string): string {
  return text.replace(/[.\\+*?^$()[\]{}|]/g, '\\$&');
}

/**
 * Reads `NAME=SHAPE` of a command line.
 * @throws Error of one line
 */
export function readShapes(texts: readonly string[]): Map<string, Shape> {
  return new Map(
    texts.map((text): [string, Shape] => {
      const [, name, word = ''] = /^(\w+)=(\w+)$/.exec(text) ?? [];
      const shape = Object.entries(SHAPES).find(([known]) => known === word)?.[1];
      if (name === undefined || shape === undefined) {
        throw new Error(`--shape ${text}: NAME=SHAPE, and SHAPE one of ${Object.keys(SHAPES).join(', ')}`);
      }
      return [name, shape];
    }),
  );
}
