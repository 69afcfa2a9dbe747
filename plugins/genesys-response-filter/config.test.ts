/** What configurations are refused, naming the field, and what the others become. */
import { describe, expect, it } from 'vitest';
import { readConfig } from './config.js';

const rule = (fields: Record<string, unknown>) => ({ rules: [{ keep: ['id'] }, fields] });

describe('a configuration', () => {
  it('has safe defaults', () => {
    expect(readConfig({ rules: [{ keep: ['id'] }], __seq__: 1 })).toMatchObject({
      onNoMatch: 'block',
      onError: 'block',
      nonJson: 'block',
      maxBodyBytes: 10_485_760,
      readsPath: false,
      rules: [{ methods: undefined, paths: undefined, statuses: undefined, removeHeaders: [] }],
    });
  });

  it('takes everything that it can say', () => {
    const config = readConfig({
      rules: [
        {
          methods: ['GET'],
          paths: ['/api/v2/users/{id}'],
          statuses: [200, 404],
          keep: ['id', '$..name'],
          remove: ['a[*].b'],
          rename: [
            { from: 'a', to: 'b' },
            { from: 'b', to: 'a' },
            { from: 'c.a', to: 'b' },
          ],
          remove_headers: ['X-Secret'],
        },
        { template: '{"n": "{{ name }}"}', remove: ['x'] },
      ],
      collection: 'result.items',
      on_no_match: 'pass',
      on_error: 'pass',
      non_json: 'pass',
      max_body_bytes: 1024,
    });
    expect(config).toMatchObject({
      onNoMatch: 'pass',
      onError: 'pass',
      nonJson: 'pass',
      maxBodyBytes: 1024,
      readsPath: true,
    });
    expect(config.rules[0]?.methods).toEqual(new Set(['GET']));
    expect(config.rules[0]?.statuses).toEqual(new Set([200, 404]));
    expect(config.rules[0]?.removeHeaders).toEqual(['x-secret']);
  });

  it.each<[Record<string, unknown>, string]>([
    [{}, 'config.rules is required'],
    [{ rules: [] }, 'config.rules must not be empty'],
    [rule({}), 'config.rules[1] needs keep, remove, rename or template; keep ["$"] lets everything through'],
    [
      rule({ remove_headers: ['x'] }),
      'config.rules[1] needs keep, remove, rename or template; keep ["$"] lets everything through',
    ],
    [rule({ keep: [] }), 'config.rules[1].keep must not be empty'],
    [rule({ keep: {} }), 'config.rules[1].keep must not be empty'],
    [rule({ keep: ['a', 'b..c'] }), 'config.rules[1].keep[1] lacks a name (at character 3)'],
    [
      rule({ keep: ['$..[?(@.a)]'] }),
      'config.rules[1].keep[0] has a filter or script expression, which would be code (at character 5)',
    ],
    [rule({ remove: ['$'] }), 'config.rules[1].remove[0] names the whole body'],
    [
      rule({ remove: ['entities[*].email'] }),
      'config.rules[1].remove[0] goes through the collection; paths begin at its elements',
    ],
    [
      rule({ keep: ['$.entities[0]'] }),
      'config.rules[1].keep[0] goes through the collection; paths begin at its elements',
    ],
    [
      rule({ template: '"{{ entities[*].id }}"' }),
      'config.rules[1].template goes through the collection; paths begin at its elements',
    ],
    [rule({ rename: [{ from: 'a' }] }), 'config.rules[1].rename[0].to is required'],
    [rule({ rename: [{ from: 'a[0]', to: 'b' }] }), 'config.rules[1].rename[0].from must end with a key'],
    [
      rule({
        rename: [
          { from: 'a', to: 'b' },
          { from: 'a', to: 'c' },
        ],
      }),
      'config.rules[1].rename[1] names a key that another one of the list names too',
    ],
    [
      rule({
        rename: [
          { from: 'x.a', to: 'c' },
          { from: 'x.b', to: 'c' },
        ],
      }),
      'config.rules[1].rename[1] names a key that another one of the list names too',
    ],
    [
      rule({ rename: [{ from: 'a', to: 'b' }], template: '{}' }),
      'config.rules[1].rename cannot stand beside template, which gives names itself',
    ],
    [rule({ template: '{"a": {{ b }}}' }), 'config.rules[1].template is not JSON'],
    [
      rule({ keep: ['a'], paths: ['/a*'] }),
      'config.rules[1].paths[0] may hold {name} as a whole segment, and * at its end, only',
    ],
    [rule({ keep: ['a'], paths: ['api'] }), 'config.rules[1].paths[0] must start with /'],
    [
      rule({ keep: ['a'], methods: ['get'] }),
      'config.rules[1].methods[0] must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
    ],
    [rule({ keep: ['a'], statuses: [99] }), 'config.rules[1].statuses[0] must be between 200 and 599'],
    [rule({ keep: ['a'], remove_headers: ['a b'] }), 'config.rules[1].remove_headers[0] is no header name'],
    [
      rule({ keep: ['a'], remove_headers: ['content-Length'] }),
      'config.rules[1].remove_headers[0] is a header that the client needs to read the body',
    ],
    [
      { ...rule({ keep: ['a'] }), collection: 'a[*]' },
      'config.collection must be keys only, such as entities or result.items',
    ],
    [
      { ...rule({ keep: ['a'] }), collection: '$..a' },
      'config.collection must be keys only, such as entities or result.items',
    ],
    [
      { ...rule({ keep: ['a'] }), collection: '$' },
      'config.collection must be keys only, such as entities or result.items',
    ],
    [{ ...rule({ keep: ['a'] }), collection: 'a.' }, 'config.collection lacks a name (at character 3)'],
    [{ ...rule({ keep: ['a'] }), on_error: 'ignore' }, 'config.on_error must be one of block, pass'],
    [{ ...rule({ keep: ['a'] }), max_body_bytes: 1 }, 'config.max_body_bytes must be between 1024 and 104857600'],
  ])('%j is refused', (raw, message) => {
    expect(() => readConfig(raw)).toThrow(expect.objectContaining({ message }));
  });

  it('names the rule whose paths multiply', () => {
    const keep = Array.from({ length: 20 }, (_, i) => `${'[*]'.repeat(i)}[${i}]${'[*]'.repeat(20 - i)}.a`);
    expect(() => readConfig(rule({ keep }))).toThrow(
      'config.rules[1] has paths that multiply to too many combinations',
    );
  });
});
