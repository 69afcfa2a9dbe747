/** What stays readable of ordinary answers of Genesys Cloud: ids, times, durations, versions, states. */
import { expect, it } from 'vitest';
import { createOrganizationData } from '../../../kong/testbed/genesys-cloud/data/organization.js';
import { testMasking } from '../testing/config.js';
import { logBody } from './body.js';

const data = createOrganizationData('us_east_1', 40);

/** All leaves with the name under which they stand. */
function* leaves(value: unknown, name = ''): Generator<[string, unknown]> {
  if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) yield* leaves(member, Array.isArray(value) ? name : key);
  } else yield [name, value];
}

async function masked(document: unknown, config: Record<string, unknown>): Promise<unknown> {
  const bytes = Buffer.from(JSON.stringify(document));
  const about = { size: bytes.length, contentType: 'application/json', contentEncoding: undefined };
  const { content } = await logBody({ bytes, ...about }, testMasking({ values: 'detect', ...config }), 10_000_000);
  return JSON.parse(content ?? '');
}

const corpora: [string, unknown[]][] = [
  ['users', [...data.users.values()]],
  ['queues', [...data.queues.values()]],
  ['conversations', [...data.conversations.values()]],
];

it.each(corpora)('%s: detectors take nothing for a person that is none', async (_, records) => {
  const before = [...leaves(records)];
  const after = [...leaves(await masked(records, { fields: [] }))];
  expect(after).toHaveLength(before.length);
  const changed = before.flatMap(([name, value], index) =>
    after[index]?.[1] === value ? [] : [`${name}: ${String(value)}`],
  );
  const wrong = changed.filter((text) => !/@|\+1 ?\d{3}/.test(text));
  expect(wrong).toEqual([]);
  // And something was found.
  if (_ !== 'queues') expect(changed.length).toBeGreaterThan(10);
});

it.each(corpora)('%s: with the defaults ids and times stay, names and numbers go', async (_, records) => {
  const before = [...leaves(records)];
  const after = [...leaves(await masked(records, {}))];
  for (const [index, [name, value]] of before.entries()) {
    const shown = after[index]?.[1];
    if (/^(?:id|(?!jabber).*Id|selfUri|.*Time|state|purpose|version|direction)$/.test(name))
      expect(shown, name).toBe(value);
    if (/^(?:name|email|ani|dnis|username|address.*)$/.test(name) && value !== '')
      expect(shown, name).toBe('***REDACTED***');
  }
});
