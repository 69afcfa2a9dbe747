/**
 * Suggested rules: what they say, that Kong's schema and the plugin take them, and that with them every value leaves that
 * was to be kept, whatever the bodies are.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { exchange, judge } from '../../../test/support/filter-exchange.js';
import { isPlainObject } from '../../shared/plain-object.js';
import { readConfig } from '../config.js';
import { createReports, type RouteReport } from '../reports.js';
import { suggest } from './command.js';

/** Collects what report mode sees of some answers with these rules, as a node tells it. */
async function collected(answers: readonly Answer[], config: Record<string, unknown>): Promise<string> {
  const reports = createReports();
  const parsed = readConfig({ ...config, mode: 'report' });
  for (const { body, ...head } of answers) {
    const one = exchange({ ...head, body: JSON.stringify(body) });
    reports.note(one, await judge(one, parsed));
  }
  const { body } = await reports.operation.run(new URLSearchParams());
  return JSON.stringify(body);
}

interface Answer {
  body: unknown;
  uri?: string;
  method?: string;
  status?: number;
}

const KEEP_ALL = { rules: [{ keep: ['$'] }] };

/** Suggests of what nodes have collected. */
async function suggested(nodes: readonly string[], ...options: string[]): Promise<string> {
  const files = nodes.map((_, index) => `${index}.json`);
  const { text } = await suggest(['filter', ...options, ...files], (file) => nodes[Number.parseInt(file, 10)] ?? '');
  return text;
}

function configIn(text: string): Record<string, unknown> {
  const document: unknown = parse(text);
  const plugin = isPlainObject(document) && Array.isArray(document.plugins) ? document.plugins[0] : undefined;
  return plugin.config;
}

const USERS: Answer = {
  uri: '/api/v2/users?pageSize=2',
  body: {
    entities: [
      { id: '1', name: 'Ada', division: { id: 'd', name: 'Home' }, addresses: [{ address: '+1', type: 'WORK' }] },
      { id: '2', name: 'Bob', division: null, addresses: [], skills: ['a', 'b'], attributes: { 'zoe@example.com': 1 } },
    ],
    pageSize: 2,
    nextUri: '/api/v2/users?pageNumber=2',
    facets: { a: 1 },
  },
};
const ME: Answer = { uri: '/api/v2/users/me', body: { id: '1', null: 1, $: 2, chat: {} } };
const USER: Answer = { uri: '/api/v2/users/7826bf0d-ba6f-4929-bf63-187095bdb631', body: { id: '1', email: 'a' } };

describe('rules', () => {
  const rules = [{ keep: ['id', 'division.name', 'addresses', 'chat', 'null', '["$"]'] }];

  it('keep what the rules of report mode let through, and name the rest', async () => {
    const node = await collected([USERS, USERS, ME, USER], { rules });
    expect((await suggested([node])).split('rules:\n')[1]).toBe(`\
        # GET /api/v2/users: 2 answers
        - methods: [GET]
          paths: ["/api/v2/users"]
          keep:
            - addresses[*].address # 2
            - addresses[*].type # 2
            - division.name # 2
            - id # 2
          # Next to the collection, and not kept:
          #   - facets.a # 2
          # Seen, and not kept:
          #   - attributes # 2; whatever the names in it are: they may be values, and were not collected
          #   - division.id # 2
          #   - name # 2
          #   - skills # 2
        # GET /api/v2/users/me: 1 answers
        - methods: [GET]
          paths: ["/api/v2/users/me"]
          keep:
            - '["$"]' # 1
            - chat # 1; was always empty: what may come in it is not known
            - id # 1
            - 'null' # 1
        # GET /api/v2/users/*: 1 answers
        - methods: [GET]
          paths: ["/api/v2/users/{id}"]
          keep:
            - id # 1
          # Seen, and not kept:
          #   - email # 1
`);
  });

  it('are the same whatever the order of nodes and requests, and of one node twice but for the numbers', async () => {
    const [a, b] = [await collected([USERS, ME], { rules }), await collected([USER, USERS], { rules })];
    expect(await suggested([a, b])).toBe(await suggested([b, a]));
    expect(configIn(await suggested([a, a]))).toEqual(configIn(await suggested([a])));
  });

  it('with --all keep every field, and begin at the body where something is next to a collection', async () => {
    const config = configIn(await suggested([await collected([USERS], { rules })], '--all'));
    expect(config).toMatchObject({
      rules: [
        {
          keep: [
            'entities[*].addresses[*].address',
            'entities[*].addresses[*].type',
            'entities[*].attributes',
            'entities[*].division.id',
            'entities[*].division.name',
            'entities[*].id',
            'entities[*].name',
            'entities[*].skills',
            'facets.a',
            'nextUri',
            'pageSize',
          ],
        },
      ],
    });
    const verdict = await judge(exchange({ body: JSON.stringify(USERS.body) }), readConfig(config));
    const { division, ...bob } = (USERS.body as { entities: Record<string, unknown>[] }).entities[1] ?? {};
    expect(division).toBe(null);
    expect(verdict.kind === 'replace' && JSON.parse(String(verdict.body)).entities[1]).toEqual(bob);
  });

  it('say what does not leave', async () => {
    const text = await suggested([await collected([USERS], KEEP_ALL)]);
    expect(text).toContain('# division: null in 1 answers: not kept, or all that is in it would be.');
  });

  it('as a template make a document of the same fields', async () => {
    const config = configIn(await suggested([await collected([ME], { rules })], '--form', 'template'));
    const verdict = await judge(
      exchange({ uri: '/api/v2/users/me', body: JSON.stringify(ME.body) }),
      readConfig(config),
    );
    expect(verdict.kind === 'replace' && JSON.parse(String(verdict.body))).toEqual({
      $: 2,
      chat: {},
      id: '1',
      null: 1,
    });
  });

  it('are for what no rule of report mode is for too, of answers that are no errors', async () => {
    const answers: Answer[] = [
      { uri: '/api/v2/queues', body: { id: 1 } },
      { uri: '/api/v2/queues', body: { message: 'no', secret: 1 }, status: 404 },
      { uri: '/api/v2/flows', method: 'POST', body: { message: 'no' }, status: 400 },
    ];
    const node = await collected(answers, { rules: [{ paths: ['/other'], keep: ['id'] }] });
    const text = await suggested([node], '--all');
    expect(configIn(text).rules).toEqual([{ methods: ['GET'], paths: ['/api/v2/queues'], keep: ['id'] }]);
    expect(text).toContain('# GET /api/v2/queues: 2 answers, 1 of them without a rule or a JSON body');
    expect(text).toContain('# POST /api/v2/flows: 1 answers\n        # No fields: empty, no JSON, or errors.');
    await expect(suggested([node])).rejects.toThrow('--all keeps every field that was seen');
  });

  it.each([
    ['no JSON', '{', '0.json: is not JSON'],
    ['another answer', '{"month":"2026-11"}', '0.json: is no answer of GET /removed of genesys-response-filter'],
    [
      'an older version',
      '{"routes":[{"route":"GET /a","answers":{},"removed":{}}]}',
      '0.json: has no fields at routes[0]',
    ],
    [
      'a path that ends the comment',
      JSON.stringify({
        routes: [
          { route: 'GET /a', answers: {}, removed: {}, fields: [{ path: 'a\n- b', kind: 'value', seen: 1, kept: 1 }] },
        ],
      }),
      '0.json: has no field at routes[0].fields[0]',
    ],
    [
      'a route that does',
      '{"routes":[{"route":"GET /a\\nb","answers":{},"removed":{},"fields":[]}]}',
      'has no route at',
    ],
    ['nothing', '{"routes":[]}', 'report mode has seen no fields yet'],
  ])('are refused of %s', async (_, text, message) => {
    await expect(suggested([text])).rejects.toThrow(message);
  });
});

describe('any bodies', () => {
  const name = fc.constantFrom(
    'id',
    'a',
    'b',
    'entities',
    'total',
    'selfUri',
    'cursors',
    'after',
    '$',
    '$x',
    'no',
    'x@y',
    '7',
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(1, 'text', null, true),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(name, tie('value'), { maxKeys: 4 }),
    ),
  }));
  const page = fc.record({ entities: fc.array(value, { maxLength: 3 }), total: fc.constant(1) });
  const rules = fc.constantFrom(
    ['$'],
    ['id'],
    ['a', 'b.id', 'entities'],
    ['a[*].b', '$x', '["$"]', 'total'],
    ['[*].id'],
  );

  it('leave with every value that was kept', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(value, page), { minLength: 1, maxLength: 4 }), rules, async (bodies, keep) => {
        const answers = bodies.map((body) => ({ body }));
        const first = await collected(answers, { rules: [{ keep }] });
        const text = await suggested([first]).catch(() => undefined);
        if (text === undefined) return;
        const second = await collected(answers, configIn(text));
        const fields = (node: string): RouteReport['fields'] => JSON.parse(node).routes[0].fields;
        for (const { path } of fields(first).filter(({ kind, kept }) => kind === 'value' && kept > 0)) {
          const now = fields(second).find((one) => one.path === path && one.kind === 'value');
          expect(now, `${path} of ${JSON.stringify(bodies)}\n${text}`).toMatchObject({ kept: now?.seen });
        }
      }),
      { numRuns: 1000 },
    );
  });
});
