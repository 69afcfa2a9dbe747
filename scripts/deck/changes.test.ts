import { expect, it } from 'vitest';
import { countChanges, readDeckJson } from './changes.js';

/** As decK 1.56 prints it. */
function deckJson(changes: Record<string, unknown[]>, errors: string[] = []): string {
  return JSON.stringify({ changes: { creating: [], updating: [], deleting: [], ...changes }, warnings: [], errors });
}

it('a change is told by its kind, its name and whose it is', () => {
  const { changes } = readDeckJson(
    deckJson({
      creating: [
        { kind: 'service', name: 'api', body: { old: null, new: { name: 'api' } } },
        {
          kind: 'plugin',
          name: 'genesys-quota for route r',
          body: { old: null, new: { name: 'genesys-quota', route: { id: '1', name: 'r' }, config: { secret: 'x' } } },
        },
        {
          kind: 'acl-group',
          name: 'readers',
          body: { old: null, new: { group: 'readers', consumer: { username: 'c' } } },
        },
      ],
      deleting: [{ kind: 'target', name: 't', body: { old: { target: 'a:443', upstream: { name: 'u' } }, new: null } }],
    }),
  );
  expect(changes.map(({ action, kind, name }) => `${action} ${kind} ${name}`)).toEqual([
    'create acl-group readers of consumer c',
    'create plugin genesys-quota of route r',
    'create service api',
    'delete target a:443 of upstream u',
  ]);
  expect(countChanges(changes)).toEqual({ create: 3, update: 0, delete: 1 });
});

it('a credential is told by its consumer alone', () => {
  for (const [kind, credential] of Object.entries({
    'key-auth': { key: 'hunter2-long' },
    'basic-auth': { username: 'hunter2', password: 'hunter2' },
    'jwt-auth': { key: 'hunter2', secret: 'hunter2' },
  })) {
    const body = { old: null, new: { ...credential, consumer: { username: 'svc' } } };
    const { changes } = readDeckJson(deckJson({ creating: [{ kind, name: '-long for consumer svc', body }] }));
    expect(changes).toEqual([{ action: 'create', kind, name: 'of consumer svc', fields: [] }]);
  }
});

it('an update names the fields that differ, and no value', () => {
  const before = { name: 'p', config: { client_secret: 'old', limits: [1] }, tags: null, updated_at: 1 };
  const after = { name: 'p', config: { client_secret: 'new', limits: [2] }, tags: null, updated_at: 2 };
  const { changes } = readDeckJson(
    deckJson({ updating: [{ kind: 'plugin', name: 'p', body: { old: before, new: after } }] }),
  );
  expect(changes).toEqual([
    { action: 'update', kind: 'plugin', name: 'p', fields: ['config.client_secret', 'config.limits'] },
  ]);
});

it('errors that decK prints beside a success are kept', () => {
  expect(readDeckJson(deckJson({}, ['while processing event: refused'])).errors).toEqual([
    'while processing event: refused',
  ]);
});

it('anything else than its JSON is refused without being repeated', () => {
  for (const text of ['', 'secret', '[]', '{}']) expect(() => readDeckJson(text)).toThrow(/^decK printed no JSON$/);
});
