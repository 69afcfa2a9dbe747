/** The examples in the documents stand up to `npm run check-config`: a reader who copies one gets no refusal. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { checkDocuments } from '../../kong/config-check/check.js';
import { listEntities } from '../../kong/config-check/entities.js';
import { SUITE } from '../../kong/config-check/suite.js';
import { type CodeBlock, codeBlocks, readDocuments } from '../../kong/testbed/markdown.js';
import { isPlainObject, type PlainObject } from '../../plugins/shared/plain-object.js';

const ROOT = resolve(import.meta.dirname, '../..');

type Kind = 'decK' | 'Admin API' | 'Kubernetes';

/** A login is checked against what stands beside it on its route, which an example of one plugin leaves out. */
const BESIDE = { name: 'basic-auth' };

/** An example as a declarative configuration, which holds at least one of the suite's plugins. */
interface Example {
  kind: Kind;
  file: string;
  state: PlainObject;
}

const KUBERNETES_KINDS = ['KongPlugin', 'KongClusterPlugin'];

function examplesIn({ language, text }: CodeBlock, file: string): Example[] {
  if (language === 'sh') {
    const bodies = [...text.matchAll(/-d '(\{.*?\})'/gs)].map(([, json = '']) => JSON.parse(json) as PlainObject);
    const plugins = bodies.filter((body) => 'config' in body);
    return plugins.map((plugin) => ({ kind: 'Admin API', file, state: { plugins: [BESIDE, plugin] } }));
  }
  if (language !== 'yaml') return [];
  return parseAllDocuments(text).map((document) => {
    const value: unknown = document.toJS();
    // A part of a list of plugins.
    if (Array.isArray(value)) return { kind: 'decK', file, state: { plugins: value } };
    if (!isPlainObject(value)) throw new Error(`${file}: an example that is no record`);
    if (!KUBERNETES_KINDS.includes(String(value.kind))) return { kind: 'decK', file, state: value };
    return { kind: 'Kubernetes', file, state: { plugins: [BESIDE, { name: value.plugin, config: value.config }] } };
  });
}

/** Other rules are about what stands around an example: how long a service waits, who limits its consumers. */
const skipRules = new Set(['service-read-timeout', 'consumer-rate-limit', 'tls-verify']);

function faultsOf({ file, state }: Example): string[] {
  const { faults } = checkDocuments([{ file, value: state }], { variants: new Map(), stage: undefined, skipRules });
  // Some are a part of a configuration, and refer to what is not shown. A key is cut short.
  const isOfPart = (message: string): boolean => /^(there is no such|is no kind of entity|invalid key$)/.test(message);
  return faults.flatMap(({ path, message }) => (isOfPart(message) ? [] : `${path}: ${message}`));
}

const pluginsOf = ({ file, state }: Example): unknown[] =>
  listEntities([{ file, value: state }]).flatMap(({ kind, value }) => (kind === 'plugins' ? [value.name] : []));

const EXAMPLES = [
  ...readDocuments().flatMap(({ file, text }) => codeBlocks(text).flatMap((block) => examplesIn(block, file))),
  // Of Kubernetes' other resources nothing is known here (kong/kubernetes/charts.test.ts).
  ...['kong/kubernetes/base.yaml', 'kong/kubernetes/example.yaml'].flatMap((file) =>
    examplesIn({ language: 'yaml', text: readFileSync(resolve(ROOT, file), 'utf8') }, file).filter(
      ({ kind }) => kind === 'Kubernetes',
    ),
  ),
];

it.each(EXAMPLES.map((example, index) => [example.kind, example.file, index + 1, example] as const))(
  '%s in %s (%i)',
  (_kind, _file, _index, example) => {
    expect(faultsOf(example)).toEqual([]);
  },
);

it.each(SUITE.map(({ name }) => name))('the page of %s has one of each kind', (name) => {
  const kinds = EXAMPLES.filter(
    (example) => example.file === `plugins/${name}/README.md` && pluginsOf(example).includes(name),
  ).map(({ kind }) => kind);
  expect(new Set(kinds)).toEqual(new Set<Kind>(['decK', 'Admin API', 'Kubernetes']));
});

it('a fault in an example is found', () => {
  const block = {
    language: 'yaml',
    text: 'plugins:\n  - name: genesys-quota\n    config: { limits: [{ name: a }] }\n',
  };
  const [example] = examplesIn(block, 'a.md');
  expect(example && faultsOf(example)).toEqual([expect.stringContaining('limits[0].limit')]);
});
