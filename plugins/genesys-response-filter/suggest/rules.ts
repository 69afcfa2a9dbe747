/** Writes what was collected as rules of genesys-response-filter: YAML, with what a person should know as comments. */
import type { RouteReport } from '../reports.js';
import { hasMoreThanPage, type KeepList, keepList, type ListedPath } from './keep-list.js';

/** The schema's methods of a rule. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const COLLECTION = 'entities';
/** No answer has this field, so that paths begin at the body. */
const NO_COLLECTION = 'none_so_that_paths_begin_at_the_body';

export interface SuggestOptions {
  /** Whether all fields are to be kept, and not only those that the rules of report mode let through. */
  keepsAll: boolean;
  form: 'keep' | 'template';
  nodes: number;
}

/** A declarative configuration of Kong. The same input gives the same text. */
export function writeRules(routes: readonly RouteReport[], options: SuggestOptions): string {
  const { keepsAll, form, nodes } = options;
  const needsBody = routes.some(({ fields }) => hasMoreThanPage(fields, COLLECTION, keepsAll));
  const collection = needsBody ? NO_COLLECTION : COLLECTION;
  const answers = routes.reduce((sum, route) => sum + answersOf(route), 0);
  const parts = routes.map((route) => ruleOf(route, keepList(route.fields, collection, keepsAll), form));
  return [
    `# Made by \`kong-genesys-cloud suggest filter\` of what report mode saw: ${answers} answers of ${nodes} node${nodes === 1 ? '' : 's'}.`,
    ...(keepsAll
      ? ['# Every field that was seen is kept.']
      : ['# Kept is what the rules of report mode let through at least once. Everything else is a comment.']),
    ...CANNOT_KNOW,
    '_format_version: "3.0"',
    'plugins:',
    '  - name: genesys-response-filter',
    '    config:',
    ...(needsBody
      ? [
          '      # Something next to entities is kept, which no path below entities can name.',
          `      collection: ${collection}`,
        ]
      : []),
    '      rules:',
    ...parts.flat().map((line) => (line === '' ? '' : `        ${line}`)),
    '',
  ].join('\n');
}

const CANNOT_KNOW = [
  '# It cannot know which fields your clients use: remove what they do not need.',
  '# It has not seen what did not come while report mode ran, in another process, or in answers over 1 MiB.',
  '# Behind each path: in how many answers it was. Fields with the same name can be personal data in one answer and',
  '# harmless in another: names were collected, values were not, so read each of them.',
];

/** Returns whether rules can be made of it at all. */
export function hasRules(routes: readonly RouteReport[], keepsAll: boolean): boolean {
  return routes.some(({ route, fields }) => isRule(route) && keepList(fields, COLLECTION, keepsAll).kept.length > 0);
}

function isRule(route: string): boolean {
  return METHODS.has(methodOf(route));
}

function methodOf(route: string): string {
  return route.split(' ')[0] ?? '';
}

function answersOf({ answers }: RouteReport): number {
  return Object.values(answers).reduce((sum, count) => sum + count, 0);
}

function ruleOf(report: RouteReport, list: KeepList, form: SuggestOptions['form']): string[] {
  const { route, answers } = report;
  const title = `# ${route}: ${answersOf(report)} answers${blocked(answers.block)}`;
  if (route === '*') return [`# More routes than can be told apart: ${answersOf(report)} answers. They have no rule.`];
  if (!isRule(route)) return [title, '# No rule can name this method.'];
  const notes = [
    ...list.lost.map((what) => `# ${what}: not kept, or all that is in it would be.`),
    ...commented('# Next to the collection, and not kept:', list.beside),
    ...commented('# Seen, and not kept:', list.leftOut),
  ];
  if (list.kept.length === 0) {
    return [
      title,
      report.fields.length === 0 ? '# No fields: empty, no JSON, or errors.' : '# Nothing is kept.',
      ...notes,
    ];
  }
  const path = (route.split(' ')[1] ?? '/').replaceAll('*', '{id}');
  const template = form === 'template' ? templateOf(list.names) : [];
  return [
    title,
    `- methods: [${methodOf(route)}]`,
    `  paths: ["${path}"]`,
    '  keep:',
    ...list.kept.map((one) => `    - ${quoted(one.path)} # ${described(one)}`),
    ...[...template, ...notes].map((line) => `  ${line}`),
  ];
}

function blocked(count = 0): string {
  return count === 0 ? '' : `, ${count} of them without a rule or a JSON body`;
}

function commented(title: string, paths: readonly ListedPath[]): string[] {
  return paths.length === 0 ? [] : [title, ...paths.map((one) => `#   - ${quoted(one.path)} # ${described(one)}`)];
}

function described({ answers, remark }: ListedPath): string {
  return remark === undefined ? String(answers) : `${answers}; ${remark}`;
}

function templateOf(names: readonly string[] | undefined): string[] {
  if (names === undefined) return ['# No template: not all names are known.'];
  const entries = names.map((name) => [name, `{{ ${name === '$' ? '["$"]' : name} }}`]);
  return [`template: '${JSON.stringify(Object.fromEntries(entries))}'`];
}

/** Words that YAML 1.1, as decK reads it, takes for something else than a text. */
const WORDS = /^(?:y|n|yes|no|on|off|true|false|null)$/i;

function quoted(path: string): string {
  return /^[A-Za-z_][\w$]*(?:\[\*\]|\.[\w$]+)*$/.test(path) && !WORDS.test(path) ? path : `'${path}'`;
}
