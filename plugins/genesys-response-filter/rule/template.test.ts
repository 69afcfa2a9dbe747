/** Templates: what references become, and what is refused. */
import { describe, expect, it } from 'vitest';
import { createFilter } from './filter.js';
import { parsePath } from './path.js';
import { compileTemplate } from './template.js';

const BODY = String.raw`{"name":"A \"B\"","age":41.50,"on":true,"none":null,"o":{"a":1,"b":"x"},"l":[{"v":1},{"v":"2"},{"w":3}],"e":[]}`;

async function fill(
  template: unknown,
  body = BODY,
  rule: { keep?: string[]; remove?: string[] } = {},
): Promise<string> {
  const text = typeof template === 'string' ? template : JSON.stringify(template);
  const filter = createFilter({
    keep: rule.keep?.map(parsePath),
    remove: (rule.remove ?? []).map(parsePath),
    rename: [],
    template: compileTemplate(text),
    collection: ['entities'],
  });
  return String(await filter(Buffer.from(body)));
}

describe('a string that is one reference', () => {
  it.each([
    ['{{ name }}', String.raw`"A \"B\""`],
    ['{{age}}', '41.50'],
    ['{{ on }}', 'true'],
    ['{{ none }}', 'null'],
    ['{{ o }}', '{"a":1,"b":"x"}'],
    ['{{ o.b }}', '"x"'],
    ['{{ ["o"].a }}', '1'],
    ['{{ l[1].v }}', '"2"'],
    ['{{ l[*].v }}', '[1,"2"]'],
    ['{{ l[*].nothing }}', '[]'],
    ['{{ e[*].v }}', '[]'],
    ['{{ nothing[*].v }}', 'null'],
    ['{{ name[*].v }}', 'null'],
    ['{{ nothing }}', 'null'],
    ['{{ name.x }}', 'null'],
    ['{{ l[9] }}', 'null'],
    ['{{ $.o.a }}', '1'],
    ['{{ $..v }}', '[1,"2"]'],
    ['{{ $ }}', BODY],
  ])('%s becomes %s', async (reference, expected) => {
    expect(await fill({ x: reference })).toBe(`{"x":${expected}}`);
  });
});

describe('a reference within a string', () => {
  it.each([
    ['<{{ name }}>', String.raw`"<A \"B\">"`],
    ['{{ age }}, {{on}}', '"41.50, true"'],
    [' {{ name }}', String.raw`" A \"B\""`],
    ['{{ none }}{{ nothing }}{{ nothing[*] }}.', '"."'],
    ['{{ o }}!', String.raw`"{\"a\":1,\"b\":\"x\"}!"`],
    ['v={{ l[*].v }}', String.raw`"v=[1,\"2\"]"`],
    ['"\\\n{{ on }}"ü', String.raw`"\"\\\ntrue\"ü"`],
  ])('%j becomes %s', async (text, expected) => {
    expect(await fill({ x: text })).toBe(`{"x":${expected}}`);
  });
});

describe('a template', () => {
  it('leaves everything else as it is written', async () => {
    const text = '{ "big": 12345678901234567890, "f":1.0,\n "t":"{ }} \\u00e4", "l":[ "{{ on }}", {} ] }';
    expect(await fill(text)).toBe('{ "big": 12345678901234567890, "f":1.0,\n "t":"{ }} \\u00e4", "l":[ true, {} ] }');
  });

  it('may be a reference, a list, or hold none', async () => {
    expect(await fill('"{{ o }}"')).toBe('{"a":1,"b":"x"}');
    expect(await fill(['{{ age }}', '{{ age }}'])).toBe('[41.50,41.50]');
    expect(await fill('{"done": true}')).toBe('{"done": true}');
  });

  it('is filled for each element of a collection or an array, whatever it is', async () => {
    const body = '{"x":1,"entities":[{"id":1,"x":2},{},"secret",null],"total":4}';
    expect(await fill({ i: '{{ id }}' }, body)).toBe(
      '{"entities":[{"i":1},{"i":null},{"i":null},{"i":null}],"total":4}',
    );
    expect(await fill({ i: '{{ id }}' }, '[{"id":1}, {"id":[2]}]')).toBe('[{"i":1}, {"i":[2]}]');
    expect(await fill({ i: '{{ id }}' }, '5')).toBe('{"i":null}');
  });

  it('gets no more than keep and remove let through', async () => {
    const template = { o: '{{ o }}', b: '{{ o.b }}', n: '{{ name }}', l: '{{ l[*].v }}' };
    expect(await fill(template, BODY, { remove: ['o.b', 'name', 'l[0]'] })).toBe(
      '{"o":{"a":1},"b":null,"n":null,"l":["2"]}',
    );
    expect(await fill(template, BODY, { keep: ['o.b', 'age'] })).toBe('{"o":{"b":"x"},"b":"x","n":null,"l":null}');
  });

  it('takes the last of keys that stand twice', async () => {
    expect(await fill({ x: '{{ a }}', y: '{{ a }}.' }, '{"a":1,"a":2}')).toBe('{"x":2,"y":"2."}');
  });

  it('is not read again: what a value says is no reference', async () => {
    expect(await fill({ x: '{{ a }}', y: '{{ a }}.' }, '{"a":"{{ b }}","b":"secret"}')).toBe(
      '{"x":"{{ b }}","y":"{{ b }}."}',
    );
  });

  it.each([
    ['{', 'is not JSON'],
    ['{"a": {{ b }} }', 'is not JSON'],
    ['{"{{ a }}": 1}', 'has a reference in a key; only values may hold one'],
    ['"{{ a"', 'has a "{{" without its "}}"'],
    ['"{{ a }} {{ b"', 'has a "{{" without its "}}"'],
    ['"{{}}"', 'has a reference that lacks a name (at character 1)'],
    ['"{{ a b }}"', 'has a reference that lacks "." (at character 2)'],
    [
      '"{{ $..[?(@.a)] }}"',
      'has a reference that has a filter or script expression, which would be code (at character 5)',
    ],
  ])('%s is refused', (text, message) => {
    expect(() => compileTemplate(text)).toThrow(new Error(message));
  });
});
