/** Combining a file: what it says afterwards, and which of its comments, anchors and spaces are kept. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { combineConfig } from './apply.js';
import { combineText } from './yaml.js';

const ROOT = resolve(import.meta.dirname, '../../..');
const textOf = (text: string): string => combineText(text).text;

it('makes one entry of those on a route, and keeps comments, quotes and spaces', () => {
  const text = `# The gateway.
services:
  - name: s # the service
    routes:
      - name: r
        methods: [GET, HEAD]   # reads
        plugins:
          # Who it is.
          - name: key-auth
          # How much.
          - name: genesys-quota # limits
            config:
              limits:
                # For all.
                - { name: all, limit: 280 }
          # With a token.
          - name: genesys-token-manager
            config: { client_id: "{vault://env/id}", client_secret: 'x' }

upstreams: []
`;
  expect(textOf(text)).toBe(`# The gateway.
services:
  - name: s # the service
    routes:
      - name: r
        methods: [GET, HEAD]   # reads
        plugins:
          # Who it is.
          - name: key-auth
          # How much.
          - name: genesys-gateway-unbuffered
            config:
              # limits
              quota:
                limits:
                  # For all.
                  - { name: all, limit: 280 }
              # With a token.
              token_manager: { client_id: "{vault://env/id}", client_secret: 'x' }

upstreams: []
`);
});

describe('anchors', () => {
  it('go on to what was combined, and what other places still need stays', () => {
    const text = `services:
  - name: s
    routes:
      - name: a
        plugins:
          - &quota
            name: genesys-quota
            config: { namespace: n }
          - &tokens
            name: genesys-token-manager
            config: { credential: bearer }
      - name: b
        plugins: [*quota, *tokens]
      - name: c
        plugins: [*quota]
`;
    expect(textOf(text)).toBe(`services:
  - name: s
    routes:
      - name: a
        plugins:
          - &genesys-gateway
            name: genesys-gateway-unbuffered
            config:
              quota: &quota-config { namespace: n }
              token_manager: { credential: bearer }
      - name: b
        plugins: [ *genesys-gateway ]
      - name: c
        plugins: [ &quota { name: genesys-quota, config: *quota-config } ]
`);
  });

  it('of lists and of merged maps change once for all places', () => {
    const text = `services:
  - &s
    name: s
    plugins: &both
      - { name: genesys-quota, config: { a: 1 } }
      - { name: genesys-token-manager, config: { b: 2 } }
  - <<: *s
    name: t
  - name: u
    plugins: *both
`;
    const combined = textOf(text);
    expect(parse(combined, { merge: true })).toEqual(combineConfig(parse(text, { merge: true })));
    expect(combined.match(/genesys-gateway/g)).toHaveLength(1);
    expect(combined).toContain('plugins: *both');
    expect(combined).toContain('<<: *s');
  });

  it('of a list that must stay as it is somewhere keep it everywhere', () => {
    const text = `services:
  - name: s
    routes:
      - { name: a, plugins: &both [{ name: genesys-quota, config: {} }, { name: genesys-token-manager, config: {} }] }
  - name: t
    plugins: [{ name: genesys-quota, config: { limits: [] } }]
    routes:
      - { name: b, plugins: *both }
`;
    const { text: combined, separate } = combineText(text);
    expect(combined).toBe(text);
    expect(separate.map(({ reason }) => reason)).toContain(
      'an alias makes its list that of other places, where it must stay separate',
    );
  });
});

it('takes JSON, and gives JSON', () => {
  const config = { plugins: ['quota', 'token-manager'].map((name) => ({ name: `genesys-${name}`, config: {} })) };
  expect(JSON.parse(textOf(JSON.stringify(config)))).toEqual(combineConfig(config));
});

it('changes no byte where there is nothing to combine', () => {
  const text = 'plugins:   # none\n- {name: genesys-quota,   config: {}}\n';
  expect(textOf(text)).toBe(text);
});

it.each(['a: [', '- 1'])('refuses %j in one line', (text) => {
  expect(() => combineText(text)).toThrow(/^[^\n]+$/);
});

it.each(['kong/kong.yml', 'kong/failover.yml', 'kong/development.yml'])('says of %s what the function says', (file) => {
  const text = readFileSync(resolve(ROOT, file), 'utf8');
  const combined = textOf(text);
  expect(parse(combined, { merge: true })).toEqual(combineConfig(parse(text, { merge: true })));
  for (const comment of text.match(/^ *# .*$/gm) ?? []) expect(combined).toContain(comment.trim());
});
